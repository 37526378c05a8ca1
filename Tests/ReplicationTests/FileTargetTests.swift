import Foundation
import Objects
import Synchronization
import TestSupport
import Testing

@testable import Replication

@Suite struct FileTargetTests {
    private func run(
        _ source: MemorySource, _ folder: TemporaryFolder, change: (inout MigrationOptions) -> Void = { _ in }
    ) async throws -> MigrationReport {
        let path = folder.path + "/out"
        return try await migrate(source, to: FileTarget(path: path), folder, url: "file:\(path)", change: change)
    }

    /// The bytes of an object by following its names, as a person would.
    private func bytes(_ folder: TemporaryFolder, _ key: ObjectKey, bucket: String = "b") -> [UInt8]? {
        folder.bytes((["out", bucket] + KeyEscaping.names(of: key)).joined(separator: "/"))
    }

    @Test func `objects become files, and a second run writes nothing`() async throws {
        let folder = try TemporaryFolder()
        let big = MemorySource.Bytes.generated(seed: 9, size: 40 << 20)
        let source = MemorySource([
            .text("a/b.txt", "hello"), .object("big", big, parts: [16 << 20, 16 << 20, 8 << 20]),
            .object("empty", .held([])), .text("copy.txt", "hello"), .text("k", "in c", bucket: "c"),
        ])
        let report = try await run(source, folder)
        #expect(report.isComplete)
        #expect(report.count(.copied).objects == 1)
        #expect(folder.bytes("out/b/a/b.txt") == Array("hello".utf8))
        #expect(folder.bytes("out/b/copy.txt") == Array("hello".utf8))
        #expect(folder.bytes("out/b/big") == big.all)
        #expect(folder.bytes("out/b/empty") == [])
        #expect(folder.bytes("out/c/k") == Array("in c".utf8))
        #expect(folder.files.filter { $0.hasPrefix("out/.oxbow/tmp") }.isEmpty)
        let again = try await run(source, folder)
        #expect(again.isComplete && again.count(.present).objects == 5)
        #expect(again.requests.writes == 0 && again.requests.bytesSent == 0)
    }

    @Test func `copies do not share their file`() async throws {
        let folder = try TemporaryFolder()
        _ = try await run(MemorySource([.text("x", "same"), .text("y", "same")]), folder)
        try Data("changed".utf8).write(to: URL(fileURLWithPath: folder.path + "/out/b/x"))
        #expect(folder.bytes("out/b/y") == Array("same".utf8))
    }

    @Test func `hostile keys stay inside and come back whole`() async throws {
        let folder = try TemporaryFolder()
        let keys = KeyEscapingTests.hostile.map(ObjectKey.init(bytes:))
        let source = MemorySource(keys.map { .object($0, .held($0.bytes + [1])) })
        let report = try await run(source, folder)
        #expect(report.isComplete, "\(report)")
        let outside = folder.files.filter { !$0.hasPrefix("out/b/") && !$0.hasPrefix("out/.oxbow/") }
        #expect(outside.allSatisfy { $0.hasPrefix("migrations/") }, "\(outside)")
        let found = folder.files.filter { $0.hasPrefix("out/b/") }
        #expect(found.count == keys.count)
        for file in found {
            let names = file.split(separator: "/", omittingEmptySubsequences: false).dropFirst(2).map(String.init)
            let key = try #require(KeyEscaping.key(of: names), "\(file)")
            #expect(folder.bytes(file) == key.bytes + [1])
        }
        #expect(try await run(source, folder).requests.writes == 0)
    }

    @Test(arguments: [false, true])
    func `a key may be the beginning of another, in either order`(deepFirst: Bool) async throws {
        let folder = try TemporaryFolder()
        let flat: [MemorySource.Item] = [.text("a", "file"), .text("d/e", "file 2")]
        let deep: [MemorySource.Item] = [.text("a/b", "below"), .text("a/c/d", "below 2"), .text("d/e/f/g", "below 3")]
        let source = MemorySource(deepFirst ? deep : flat)
        #expect(try await run(source, folder).isComplete)
        for item in flat + deep { source.put(item) }
        #expect(try await run(source, folder).isComplete)
        let check = try await run(source, folder) { $0.verification = .readBack }
        #expect(check.isComplete && check.count(.present).objects == 5 && check.repaired == 0)
        let keys = folder.files.filter { $0.hasPrefix("out/b/") }.compactMap { file in
            KeyEscaping.key(of: file.split(separator: "/").dropFirst(2).map(String.init))?.string
        }
        #expect(keys.sorted() == ["a", "a/b", "a/c/d", "d/e", "d/e/f/g"])
    }

    @Test func `a link that someone laid is not followed`() async throws {
        let folder = try TemporaryFolder()
        let outside = try TemporaryFolder()
        _ = try await run(MemorySource([.text("first", "x")]), folder)
        try FileManager.default.createSymbolicLink(
            atPath: folder.path + "/out/b/trap", withDestinationPath: outside.path)
        try FileManager.default.createSymbolicLink(
            atPath: folder.path + "/out/b/file", withDestinationPath: outside.path + "/target")
        let source = MemorySource([.text("trap/inner", "y"), .text("file", "z")])
        let report = try await run(source, folder)
        #expect(outside.files.isEmpty)
        #expect(report.isComplete)
        #expect(folder.bytes("out/b/file") == Array("z".utf8))
    }

    @Test func `a file that was changed or removed is noticed and written again`() async throws {
        let folder = try TemporaryFolder()
        let source = MemorySource([.text("same-size", "12345"), .text("removed", "x"), .text("left", "y")])
        _ = try await run(source, folder)
        try Data("54321".utf8).write(to: URL(fileURLWithPath: folder.path + "/out/b/same-size"))
        try FileManager.default.removeItem(atPath: folder.path + "/out/b/removed")
        let report = try await run(source, folder)
        #expect(report.isComplete && report.repaired == 2)
        #expect(folder.bytes("out/b/same-size") == Array("12345".utf8))
        #expect(folder.bytes("out/b/removed") == Array("x".utf8))
    }

    @Test func `metadata lie beside, and the time of change is kept`() async throws {
        let folder = try TemporaryFolder()
        var metadata = ObjectMetadata()
        metadata.headers["content-type"] = "image/png"
        metadata.user["city"] = "Köln"
        metadata.tags["k"] = "v"
        metadata.lastModified = 1_234_567_890
        let report = try await run(MemorySource([.object("p", .held([1]), metadata: metadata)]), folder)
        #expect(try reportLines(report).first?.notApplied == [])
        let file = try #require(folder.files.first { $0.hasPrefix("out/.oxbow/metadata/") })
        let sidecar = try JSONDecoder().decode(FileSidecar.self, from: Data(folder.bytes(file) ?? []))
        #expect(sidecar.key == "p" && sidecar.headers == metadata.headers && sidecar.user == metadata.user)
        #expect(sidecar.tags == metadata.tags && sidecar.size == 1)
        let attributes = try FileManager.default.attributesOfItem(atPath: folder.path + "/out/b/p")
        #expect((attributes[.modificationDate] as? Date)?.timeIntervalSince1970 == 1_234_567_890)
    }

    @Test func `tombstones delete file and metadata when asked`() async throws {
        let folder = try TemporaryFolder()
        let source = MemorySource([.text("k", "x")])
        _ = try await run(source, folder)
        source.put(.tombstone("k"))
        let report = try await run(source, folder) { $0.deletesTombstoned = true }
        #expect(report.count(.deleted).objects == 1)
        #expect(folder.files.filter { $0.hasPrefix("out/b/") || $0.hasPrefix("out/.oxbow/metadata") }.isEmpty)
    }

    @Test func `two migrations into one folder at once are refused`() throws {
        let folder = try TemporaryFolder()
        let first = try FileTarget(path: folder.path)
        let error = #expect(throws: ReplicationError.self) { try FileTarget(path: folder.path) }
        #expect(error?.description.contains("another migration") == true)
        withExtendedLifetime(first) {}
    }

    @Test func `what a killed run left in the making is cleared`() async throws {
        let folder = try TemporaryFolder()
        _ = try await run(MemorySource([.text("k", "x")]), folder)
        try Data([1]).write(to: URL(fileURLWithPath: folder.path + "/out/.oxbow/tmp/put-17"))
        _ = try await run(MemorySource([.text("k", "x")]), folder)
        #expect(folder.files.filter { $0.contains("/tmp/") }.isEmpty)
    }

    @Test func `a folder that cannot be made is a clear error`() throws {
        let folder = try TemporaryFolder()
        try Data([1]).write(to: URL(fileURLWithPath: folder.path + "/file"))
        let error = #expect(throws: ReplicationError.self) { try FileTarget(path: folder.path + "/file/below") }
        #expect(error?.description.contains("Name a folder") == true)
    }

    @Test func `a process killed amid a large object goes on with the parts that it has not written`() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path
        let size: UInt64 = 32 << 20
        let parts: [UInt64] = Array(repeating: 4 << 20, count: 8)
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String, size = size as UInt64] in
            let reads = Mutex(0)
            let dying = MemorySource([
                .object("big", .generated(seed: 1, size: size), parts: Array(repeating: 4 << 20, count: 8))
            ]) {
                let count = reads.withLock {
                    $0 += 1; return $0
                }
                if count == 22 { kill(getpid(), SIGKILL) }
            }
            var options = MigrationOptions()
            options.parallel = 1
            let run = MigrationRun(
                source: dying, target: try FileTarget(path: path + "/out"),
                mapping: try BucketMapping(template: try TargetURL("file:\(path)/out")), options: options,
                folder: path + "/migrations", logger: silent)
            _ = try await run.run()
        }
        #expect(folder.files.contains { $0.hasPrefix("out/.oxbow/tmp/upload-") })
        #expect(folder.bytes("out/b/big") == nil, "no half object under its name")
        let source = MemorySource([.object("big", .generated(seed: 1, size: size), parts: parts)])
        let report = try await run(source, folder)
        #expect(report.isComplete)
        #expect(folder.bytes("out/b/big") == MemorySource.Bytes.generated(seed: 1, size: size).all)
        // Five parts of four reads each were done, the sixth was not.
        #expect(source.bytesRead.withLock { $0 } == 12 << 20)
        #expect(folder.files.filter { $0.contains("/tmp/") }.isEmpty)
    }
}
