internal import Capture
internal import Cleartext

/// The key logs that the user named: read from the start, and on from there when they have grown.
struct KeyLogFiles: ~Copyable {
    private var logs: [KeyLog] = []

    /// Opens the logs. One that is there must be readable; with `mustExist`, each must be there.
    init(_ paths: [String], mustExist: Bool = true) throws(ReplayError) {
        for path in paths { logs.append(try KeyLog(path, mustExist: mustExist)) }
    }

    /// True when no file was named.
    var isEmpty: Bool { logs.isEmpty }

    /// Lines of all logs that could not be read.
    var unreadableLines: UInt64 { logs.reduce(0) { $0 &+ $1.unreadableLines } }

    /// The secrets in what was appended since the last call. `isLast` reads a last line without a line feed as well.
    mutating func read(isLast: Bool = false) -> [SecretEvent] {
        var events: [SecretEvent] = []
        while !readSome(.max, into: &events) {}
        if isLast { for log in logs { log.finish { events.append($0) } } }
        return events
    }

    /// Reads about so many bytes of each log. False when there may be more.
    mutating func readSome(_ most: Int, into events: inout [SecretEvent]) -> Bool {
        var isDone = true
        for log in logs where !log.readOn(atMost: most, { events.append($0) }) { isDone = false }
        return isDone
    }

    /// Opens all logs anew by their names; with `paths`, these instead.
    mutating func reopen(_ paths: [String]?) -> [String] {
        var problems: [String] = []
        guard let paths else {
            for log in logs { log.reopen() }
            return problems
        }
        var kept: [KeyLog] = []
        for path in paths {
            if let log = logs.first(where: { $0.path == path }) {
                log.reopen()
                kept.append(log)
                continue
            }
            do throws(ReplayError) {
                kept.append(try KeyLog(path, mustExist: false))
            } catch {
                problems.append(error.description)
            }
        }
        logs = kept
        return problems
    }

    /// Looks whether the logs could be opened once more, as after a rotation, with the rights that the process has now.
    mutating func checkAccess() { for log in logs { log.checkAccess() } }

    /// What the user should know of since the last call.
    mutating func takeProblems() -> [String] { logs.flatMap { $0.takeProblems() } }

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
