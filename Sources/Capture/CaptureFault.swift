/// Why the reading of a file ended before its end, or a part of it was left out. Everything before was delivered.
public struct CaptureFault: Error, Hashable, Sendable {
    /// The file.
    public var path: String
    /// Offset in the file of the record or block concerned.
    public var offset: UInt64
    /// What was found there.
    public var kind: Kind

    /// A fault of its parts.
    public init(path: String, offset: UInt64, kind: Kind) {
        self.path = path
        self.offset = offset
        self.kind = kind
    }

    /// What was found, and what was expected.
    public enum Kind: Error, Hashable, Sendable {
        /// The file ends within the header of a record or block: bytes of it that there are, and that it has.
        case truncatedRecordHeader(found: Int, expected: Int)
        /// The file ends within a record or block: bytes of it that there are, and that it states.
        case truncatedRecord(found: UInt64, expected: UInt64)
        /// A record or block states a length beyond ``CaptureLimits/recordBytesMax``: its header is corrupt.
        case recordTooLong(length: UInt64, limit: Int)
        /// A pcapng block's length is below 12 or no multiple of 4.
        case badBlockLength(UInt32)
        /// A pcapng block's length stands before and after it; here the two differ.
        case blockLengthsDiffer(first: UInt32, last: UInt32)
        /// A pcapng block is too short for its type's fields, or for the packet it announces.
        case blockTooShort(type: UInt32, length: UInt64, expected: UInt64)
        /// The options of a block run out of it, or one that matters has a wrong length.
        case badOptions(type: UInt32)
        /// A section begins without a known byte-order magic.
        case badByteOrderMagic(UInt32)
        /// A section of a version that is not known.
        case unsupportedVersion(major: UInt16, minor: UInt16)
        /// A packet of an interface that the section has not described.
        case unknownInterface(UInt32, described: Int)
        /// The file describes more than ``CaptureLimits/interfacesMax`` interfaces.
        case tooManyInterfaces(limit: Int)
        /// The file was cut while it was read: its length now, and when it was opened.
        case shrank(to: UInt64, from: UInt64)
        /// The system failed to read; the error number.
        case readFailed(errno: Int32)
        /// More than ``CaptureLimits/filesAtOnceMax`` files overlap in time; this one was left out.
        case tooManyFilesAtOnce(limit: Int)
        /// The file could not be opened a second time when its turn came.
        case cannotReopen(reason: String)
        /// The filter does not fit the link type of these packets: they are left out and counted as filtered.
        case filterUnusable(reason: String)
    }
}

extension CaptureFault: CustomStringConvertible {
    /// Where, what was found, what was expected.
    public var description: String { "\(path), offset \(offset): \(kind)" }
}

extension CaptureFault.Kind: CustomStringConvertible {
    /// What was found, and what was expected.
    public var description: String {
        switch self {
        case .truncatedRecordHeader(let found, let expected):
            "the capture ends within a record's header (\(found) of \(expected) bytes)"
        case .truncatedRecord(let found, let expected):
            "the capture ends within a record (\(found) of \(expected) bytes)"
        case .recordTooLong(let length, let limit):
            "corrupt record: it states \(length) bytes, at most \(limit) are accepted"
        case .badBlockLength(let length):
            "corrupt block: its length is \(length), expected a multiple of 4 from 12 up"
        case .blockLengthsDiffer(let first, let last):
            "corrupt block: its length is \(first) before it and \(last) after it"
        case .blockTooShort(let type, let length, let expected):
            "corrupt block of type \(type): it has \(length) bytes, its content needs \(expected)"
        case .badOptions(let type): "corrupt block of type \(type): its options cannot be read"
        case .badByteOrderMagic(let magic):
            "corrupt section: its byte-order magic is 0x\(String(magic, radix: 16)), expected 0x1a2b3c4d"
        case .unsupportedVersion(let major, let minor):
            "a section of pcapng version \(major).\(minor), expected 1.0 or 1.2"
        case .unknownInterface(let number, let described):
            "a packet of interface \(number), but the section describes \(described)"
        case .tooManyInterfaces(let limit): "more than \(limit) interfaces are described"
        case .shrank(let now, let before): "the file was cut to \(now) bytes while it was read; it had \(before)"
        case .readFailed(let errno): "cannot read on: \(systemMessage(errno))"
        case .tooManyFilesAtOnce(let limit):
            "left out, since more than \(limit) captures overlap in time: merge them first, or replay in several runs"
        case .cannotReopen(let reason): "could be opened at first, but not when its turn came: \(reason)"
        case .filterUnusable(let reason): reason
        }
    }
}
