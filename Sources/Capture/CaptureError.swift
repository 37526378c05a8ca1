internal import Glibc

/// Why a capture cannot be opened, or a filter not be used. Nothing was read when one is thrown.
public enum CaptureError: Error, Hashable, Sendable {
    /// The system refused to open or inspect the file; the error number says why (missing, not readable, ...).
    case cannotOpen(path: String, errno: Int32)
    /// The path is a folder.
    case isDirectory(path: String)
    /// A pipe, socket or device; `what` names it.
    case notRegular(path: String, what: String)
    /// The file has no bytes.
    case empty(path: String)
    /// The file ends within its own header.
    case truncatedHeader(path: String, found: Int, expected: Int)
    /// The file is compressed; `tool` is the command that decompresses it.
    case compressed(path: String, format: String, tool: String)
    /// A capture in a format that is not read here.
    case otherFormat(path: String, format: String)
    /// No capture: these are its first bytes, at most four.
    case notCapture(path: String, firstBytes: [UInt8])
    /// A version of the format that is not known.
    case unsupportedVersion(path: String, format: String, major: UInt16, minor: UInt16)
    /// The first block of a pcapng file is damaged.
    case badHeader(path: String, fault: CaptureFault)
    /// Reading failed.
    case readFailed(path: String, errno: Int32)
    /// No file was named.
    case noFiles
    /// libpcap does not understand the filter, or not for this link type; `message` is libpcap's.
    case badFilter(expression: String, linkType: String, message: String)
}

extension CaptureError: CustomStringConvertible {
    /// What failed, on what, and what to do.
    public var description: String {
        switch self {
        case .cannotOpen(let path, let errno): "cannot open capture \(path): \(systemMessage(errno))"
        case .isDirectory(let path): "\(path) is a folder: name the capture files in it"
        case .notRegular(let path, let what):
            "\(path) is a \(what): captures are read from regular files only; write it to a file first"
        case .empty(let path): "\(path) is empty: it holds no capture"
        case .truncatedHeader(let path, let found, let expected):
            "\(path) ends within its header: \(found) bytes of at least \(expected); nothing can be read from it"
        case .compressed(let path, let format, let tool):
            "\(path) is compressed (\(format)): decompress it first, for example with '\(tool)'"
        case .otherFormat(let path, let format):
            "\(path) is a \(format) capture: convert it first, for example with 'editcap -F pcapng'"
        case .notCapture(let path, let bytes):
            "\(path) is not a pcap or pcapng capture: it begins with \(hexadecimal(bytes))"
        case .unsupportedVersion(let path, let format, let major, let minor):
            "\(path) is \(format) version \(major).\(minor), which is not known: convert it with 'editcap -F pcapng'"
        case .badHeader(_, let fault): "nothing can be read from a damaged capture: \(fault)"
        case .readFailed(let path, let errno): "cannot read capture \(path): \(systemMessage(errno))"
        case .noFiles: "no capture file was named"
        case .badFilter(let expression, let linkType, let message):
            "the filter '\(expression)' cannot be used on \(linkType): \(message)"
        }
    }
}

/// The system's text for an error number.
func systemMessage(_ code: Int32) -> String {
    // Safe: strerror_r writes at most the given count and ends it with NUL; it may return a constant text instead.
    unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
        guard let base = buffer.baseAddress, unsafe strerror_r(code, base, buffer.count) == 0 else {
            return "error \(code)"
        }
        return unsafe String(cString: base)
    }
}

/// Bytes as `a1 b2 c3`.
func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
}
