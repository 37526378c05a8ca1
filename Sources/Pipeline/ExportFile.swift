internal import CLinux
internal import Cleartext
internal import Glibc

/// A file for what leaves memory at the user's wish only: made anew, readable by its owner alone, never over another.
struct ExportFile: ~Copyable {
    let path: String
    private let descriptor: Int32
    /// Why it takes no more; nil while it does.
    private(set) var fault: String?

    /// Makes the file; `option` is what asked for it.
    init(_ path: String, option: String) throws(ReplayError) {
        // O_EXCL follows no link either.
        let descriptor = unsafe oxbow_open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOCTTY, 0o600)
        guard descriptor >= 0 else {
            let remedy =
                errno == EEXIST ? "nothing is written over; name another file, or remove it" : "name another file"
            throw .setup("\(option) \(path): \(unsafe String(cString: oxbow_error_text(errno))); \(remedy)")
        }
        self.path = path
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Writes all bytes, or none any more: once a write fails, what follows would stand behind a torn end.
    mutating func write(_ bytes: borrowing [UInt8]) {
        guard fault == nil else { return }
        var done = 0
        let total = bytes.count
        while done < total {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                // Within the buffer, since `done` is less than its count.
                unsafe buffer.baseAddress.map { unsafe Glibc.write(descriptor, $0 + done, total - done) } ?? 0
            }
            if count < 0 {
                if errno == EINTR { continue }
                fault = "\(path) is not written any more: \(unsafe String(cString: oxbow_error_text(errno)))"
                return
            }
            done += count
        }
    }
}
