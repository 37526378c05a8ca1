internal import Capture
internal import Cleartext
internal import Glibc

/// The key logs that the user named: read from the start, and on from there when they have grown.
struct KeyLogFiles: ~Copyable {
    private var logs: [Log] = []
    /// Lines of all logs that could not be read.
    private(set) var unreadableLines: UInt64 = 0

    /// A log and how far it was read.
    private final class Log {
        let path: String
        var offset: Int64 = 0
        var parser = KeyLogParser()

        init(path: String) { self.path = path }
    }

    /// Checks that every file can be read.
    init(_ paths: [String]) throws(ReplayError) {
        for path in paths {
            let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else {
                let reason = unsafe String(cString: strerror(errno))
                throw .setup("key log \(path) cannot be read: \(reason); name a file in the NSS key log format")
            }
            _ = Glibc.close(descriptor)
            logs.append(Log(path: path))
        }
    }

    /// True when no file was named.
    var isEmpty: Bool { logs.isEmpty }

    /// The secrets in what was appended since the last call. `isLast` reads a last line without a line feed as well.
    mutating func read(isLast: Bool = false) -> [SecretEvent] {
        var events: [SecretEvent] = []
        for log in logs {
            Self.readOn(log) { events.append($0) }
            if isLast { log.parser.finish { events.append($0) } }
        }
        unreadableLines = logs.reduce(0) { $0 &+ $1.parser.unreadableLines }
        return events
    }

    /// A log that became shorter was begun anew.
    private static func readOn(_ log: Log, _ take: (SecretEvent) -> Void) {
        let descriptor = unsafe Glibc.open(log.path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        defer { _ = Glibc.close(descriptor) }
        let size = Int64(lseek(descriptor, 0, SEEK_END))
        if size < log.offset { log.offset = 0 }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        defer { SecretBytes.wipe(&buffer) }
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes {
                unsafe pread(descriptor, $0.baseAddress, $0.count, off_t(log.offset))
            }
            guard count > 0 else { return }
            log.offset += Int64(count)
            log.parser.read(unsafe buffer.span.bytes.extracting(0..<count), take)
        }
    }

    /// The secrets in a capture's Decryption Secrets Blocks.
    static func secrets(in blocks: consuming [CapturedSecrets]) -> [SecretEvent] {
        var events: [SecretEvent] = []
        var blocks = blocks
        for index in blocks.indices where blocks[index].type == CapturedSecrets.keyLog {
            var parser = KeyLogParser()
            var bytes = blocks[index].bytes
            blocks[index].bytes = []
            parser.read(unsafe bytes.span.bytes) { events.append($0) }
            parser.finish { events.append($0) }
            SecretBytes.wipe(&bytes)
        }
        return events
    }
}
