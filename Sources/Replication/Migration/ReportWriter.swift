internal import Foundation
internal import Glibc
internal import NIOCore
internal import Synchronization
internal import Vaults

/// Writes the report file as objects are done: JSON lines, one for each object, the sum last. It appears under its name
/// when the run ends, whole.
final class ReportWriter: Sendable {
    private struct State: Sendable {
        var buffer: [UInt8] = []
        var end: UInt64 = 0
    }

    /// The last line.
    private struct Summary: Encodable {
        var complete: Bool
        var summary: MigrationReport
    }

    let path: String
    private let file: FileDescriptor
    /// Encrypts lines; nil for a vault in clear.
    private let cipher: LineCipher?
    private let state = Mutex(State())

    /// A report `report.jsonl` in `folder`.
    init(folder: String, cipher: LineCipher? = nil) throws(ReplicationError) {
        self.cipher = cipher
        path = "\(folder)/report.jsonl"
        do {
            file = try FileDescriptor.open(path: path + ".new", flags: O_WRONLY | O_CREAT | O_TRUNC)
        } catch {
            throw .journal(path: path, reason: "\(error)", remedy: "Check the folder's permissions")
        }
    }

    func add(_ object: ObjectReport) throws {
        let line = try line(object)
        try state.withLock { state in
            state.buffer += line
            if state.buffer.count >= 64 << 10 { try write(&state) }
        }
    }

    func finish(_ report: MigrationReport) throws {
        let line = try line(Summary(complete: report.isComplete, summary: report))
        try state.withLock { state in
            state.buffer += line
            try write(&state)
        }
        try file.sync()
        guard unsafe rename(path + ".new", path) == 0 else { throw SystemFailure("rename", path) }
    }

    private func write(_ state: inout State) throws(SystemFailure) {
        try file.write(ByteBuffer(bytes: state.buffer), at: state.end)
        state.end += UInt64(state.buffer.count)
        state.buffer.removeAll(keepingCapacity: true)
    }

    private func line(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let json = Array(try encoder.encode(value))
        return (try cipher?.encrypt(json) ?? json) + [UInt8(ascii: "\n")]
    }
}
