import Foundation
import Objects
import Synchronization
import TestSupport
import Testing

@testable import Replication

/// A migration that is cut off anywhere goes on where it was.
@Suite struct ResumeTests {
    private let size: UInt64 = 30 << 20
    private let parts: [UInt64] = Array(repeating: 6 << 20, count: 5)

    private func source(onRead: @escaping @Sendable () -> Void = {}) -> MemorySource {
        MemorySource(
            [
                .object("big", .generated(seed: 1, size: size), parts: parts), .text("a", "alpha"),
                .text("b", "beta"), .text("c", "alpha"),
            ], onRead: onRead)
    }

    private func isWhole(_ service: ScriptedS3) -> Bool {
        service.object("tgt/big")?.bytes == MemorySource.Bytes.generated(seed: 1, size: size).all
            && service.object("tgt/a")?.bytes == Array("alpha".utf8)
            && service.object("tgt/b")?.bytes == Array("beta".utf8)
            && service.object("tgt/c")?.bytes == Array("alpha".utf8)
    }

    @Test func `acknowledged parts are not sent again after the run was stopped`() async throws {
        let service = try await ScriptedS3()
        service.script { request, number in
            request.operation == "UploadPart" && number > 3
                ? .answer(.error(400, "ExpiredToken", "expired")) : .none
        }
        let folder = try TemporaryFolder()
        let stopped = try await migrate(source(), to: S3Target.local(port: service.port), folder) { $0.parallel = 1 }
        #expect(stopped.end != .finished)
        #expect(service.state.withLock { $0.acceptedParts.values.reduce(0, +) } == 3)
        service.script { _, _ in .none }
        let report = try await migrate(source(), to: S3Target.local(port: service.port), folder)
        #expect(report.isComplete)
        #expect(isWhole(service))
        #expect(service.state.withLock { $0.acceptedParts.values.allSatisfy { $0 == 1 } })
        #expect(service.state.withLock { $0.acceptedParts.count } == 5)
        #expect(service.count("CreateMultipartUpload") == 1)
    }

    @Test func `a part that was acknowledged but not journaled is found by listing, not sent again`() async throws {
        let service = try await ScriptedS3()
        service.script { request, number in
            request.operation == "UploadPart" && number > 3 ? .answer(.error(400, "ExpiredToken")) : .none
        }
        let folder = try TemporaryFolder()
        _ = try await migrate(source(), to: S3Target.local(port: service.port), folder) { $0.parallel = 1 }
        // The journal loses its lines on parts, as if the machine had failed before they were on disk.
        let path = try #require(folder.files.first { $0.hasSuffix("/journal") })
        let lines = String(decoding: try #require(folder.bytes(path)), as: UTF8.self).split(separator: "\n")
        let kept = lines.filter { !$0.dropFirst(9).hasPrefix("p ") }.joined(separator: "\n") + "\n"
        #expect(kept.count < lines.joined(separator: "\n").count)
        try kept.write(toFile: "\(folder.path)/\(path)", atomically: true, encoding: .utf8)
        service.script { _, _ in .none }
        let report = try await migrate(source(), to: S3Target.local(port: service.port), folder)
        #expect(report.isComplete && isWhole(service))
        #expect(service.state.withLock { $0.acceptedParts.values.allSatisfy { $0 == 1 } })
    }

    @Test func `a part that the target lost is sent again`() async throws {
        let service = try await ScriptedS3()
        service.script { request, number in
            request.operation == "UploadPart" && number > 3 ? .answer(.error(400, "ExpiredToken")) : .none
        }
        let folder = try TemporaryFolder()
        _ = try await migrate(source(), to: S3Target.local(port: service.port), folder) { $0.parallel = 1 }
        service.state.withLock { $0.uploads["upload-1"]?.parts[2] = nil }
        service.script { _, _ in .none }
        let report = try await migrate(source(), to: S3Target.local(port: service.port), folder)
        #expect(report.isComplete && isWhole(service))
        #expect(service.state.withLock { $0.acceptedParts["tgt/big#2"] } == 2)
    }

    @Test func `an upload that expired begins anew`() async throws {
        let service = try await ScriptedS3()
        service.script { request, number in
            request.operation == "UploadPart" && number > 3 ? .answer(.error(400, "ExpiredToken")) : .none
        }
        let folder = try TemporaryFolder()
        _ = try await migrate(source(), to: S3Target.local(port: service.port), folder) { $0.parallel = 1 }
        service.state.withLock { $0.uploads = [:] }
        service.script { _, _ in .none }
        let report = try await migrate(source(), to: S3Target.local(port: service.port), folder)
        #expect(report.isComplete && isWhole(service))
        #expect(service.count("CreateMultipartUpload") == 2)
    }

    @Test func `an upload of a version that changed meanwhile is aborted`() async throws {
        let service = try await ScriptedS3()
        service.script { request, number in
            request.operation == "UploadPart" && number > 3 ? .answer(.error(400, "ExpiredToken")) : .none
        }
        let folder = try TemporaryFolder()
        let changing = source()
        _ = try await migrate(changing, to: S3Target.local(port: service.port), folder) { $0.parallel = 1 }
        changing.put(.object("big", .generated(seed: 2, size: size), parts: parts))
        service.script { _, _ in .none }
        let report = try await migrate(changing, to: S3Target.local(port: service.port), folder)
        #expect(report.isComplete)
        #expect(service.object("tgt/big")?.bytes == MemorySource.Bytes.generated(seed: 2, size: size).all)
        #expect(service.state.withLock { $0.uploads.isEmpty })
        #expect(report.abortedUploads == 1)
    }

    @Test func `a journal cut after any line leads to the same objects, and parts are sent at most once`() async throws
    {
        let service = try await ScriptedS3()
        let folder = try TemporaryFolder()
        _ = try await migrate(source(), to: S3Target.local(port: service.port), folder) { $0.parallel = 1 }
        let path = try #require(folder.files.first { $0.hasSuffix("/journal") })
        let journal = try #require(folder.bytes(path))
        let ends = journal.indices.filter { journal[$0] == UInt8(ascii: "\n") }
        #expect(ends.count > 10)
        for end in ends {
            // In the middle of the line behind, as a torn write leaves it.
            let cut = min(journal.count, end + 40)
            try Data(journal[..<cut]).write(to: URL(fileURLWithPath: "\(folder.path)/\(path)"))
            service.state.withLock { $0.acceptedParts = [:] }
            let report = try await migrate(source(), to: S3Target.local(port: service.port), folder)
            #expect(report.isComplete && isWhole(service), "cut at \(cut)")
            #expect(service.state.withLock { $0.acceptedParts.values.allSatisfy { $0 == 1 } })
            #expect(service.state.withLock { $0.uploads.isEmpty }, "cut at \(cut)")
            let again = try await migrate(source(), to: S3Target.local(port: service.port), folder)
            #expect(again.requests.writes == 0)
        }
    }

    @Test func `cancellation stops the run and the next one goes on`() async throws {
        let service = try await ScriptedS3()
        let folder = try TemporaryFolder()
        let reads = Mutex(0)
        let task = Mutex<Task<MigrationReport, any Error>?>(nil)
        let stopping = source {
            let count = reads.withLock {
                $0 += 1; return $0
            }
            if count == 12 { task.withLock { $0?.cancel() } }
        }
        let gate = AsyncStream<Void>.makeStream()
        let running = Task {
            for await _ in gate.stream { break }
            return try await migrate(stopping, to: S3Target.local(port: service.port), folder) { $0.parallel = 1 }
        }
        task.withLock { $0 = running }
        gate.continuation.finish()
        let report = try await running.value
        #expect(report.end == .interrupted)
        #expect(!report.isComplete)
        let rest = try await migrate(source(), to: S3Target.local(port: service.port), folder)
        #expect(rest.isComplete && isWhole(service))
        #expect(service.state.withLock { $0.acceptedParts.values.allSatisfy { $0 <= 2 } })
    }

    @Test(arguments: [1, 4, 9, 13, 19, 25, 30])
    func `a process killed at any read goes on without sending a journaled part again`(read: Int) async throws {
        let service = try await ScriptedS3()
        let folder = try TemporaryFolder()
        let port = service.port
        let path = folder.path
        await #expect(processExitsWith: .signal(SIGKILL)) {
            [port = port as Int, path = path as String, read = read as Int] in
            let reads = Mutex(0)
            let items: [MemorySource.Item] = [
                .object(
                    "big", .generated(seed: 1, size: 30 << 20), parts: Array(repeating: 6 << 20, count: 5)),
                .text("a", "alpha"), .text("b", "beta"), .text("c", "alpha"),
            ]
            let dying = MemorySource(items) {
                let count = reads.withLock {
                    $0 += 1; return $0
                }
                if count == read { kill(getpid(), SIGKILL) }
            }
            var options = MigrationOptions()
            options.parallel = 2
            let run = MigrationRun(
                source: dying, target: S3Target.local(port: port),
                mapping: try BucketMapping(template: try TargetURL("s3://tgt")), options: options,
                folder: path + "/migrations", logger: silent)
            _ = try await run.run()
        }
        // What the dead process had sent lies in the sockets' buffers; the next run must not race it.
        try await service.settle()
        let journaled = try #require(folder.files.first { $0.hasSuffix("/journal") })
        let lines = String(decoding: folder.bytes(journaled) ?? [], as: UTF8.self).split(separator: "\n")
        let known = lines.filter { $0.dropFirst(9).hasPrefix("p ") }.count
        let before = service.state.withLock { $0.acceptedParts }
        #expect(known <= before.count)
        let report = try await migrate(source(), to: S3Target.local(port: port), folder)
        #expect(report.isComplete && isWhole(service))
        // Even parts that the dead process got acknowledged but did not write down are not sent again.
        #expect(service.state.withLock { $0.acceptedParts.values.allSatisfy { $0 == 1 } })
        let again = try await migrate(source(), to: S3Target.local(port: port), folder)
        #expect(again.requests.writes == 0 && again.requests.bytesSent == 0)
    }
}
