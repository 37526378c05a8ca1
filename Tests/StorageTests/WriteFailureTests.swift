import Blocks
import Foundation
import TestSupport
import Testing

@testable import Storage

@Suite struct WriteFailureTests {
    private func appendUntilFailure(_ fixture: Fixture, _ writer: inout SegmentWriter) -> (frames: Int, StorageError?) {
        var generator = SeededGenerator(seed: 1)
        for frame in 0..<100_000 {
            do {
                _ = try fixture.append((0..<4).map { _ in .block(generator.bytes(4096)) }, to: &writer)
            } catch {
                return (frame, error as? StorageError)
            }
        }
        return (100_000, nil)
    }

    @Test(.enabled(if: TinyDisk.isMountable, "mounting a small disk needs privileges"))
    func `a full disk is named with path, offset and remedy, and everything before stays`() throws {
        let disk = try #require(TinyDisk(bytes: 1 << 20))
        let fixture = try Fixture()
        let directory = SegmentDirectory(
            path: disk.path + "/segments", vault: fixture.directory.vault, blockSize: fixture.directory.blockSize)
        try directory.prepare()
        var writer = try directory.createSegment()
        let (frames, error) = appendUntilFailure(fixture, &writer)
        guard case .io("write", let path, _?, ENOSPC) = error else {
            Issue.record("\(error as Any)")
            return
        }
        #expect(path == writer.path)
        #expect(error?.isOutOfSpace == true)
        #expect("\(error as Any)".contains("Free space"))
        #expect(writer.poison == error)
        // What was torn is gone already, and the frames before are whole.
        let reader = try directory.openSegment(1)
        #expect(try reader.size() == writer.size)
        let found = try fixture.contents(reader)
        #expect(found.contents.count == 4 * frames)
        #expect(found.end == .open)
        // After a failure nothing is as if fine.
        #expect(throws: StorageError.self) { try writer.synchronize() }
        #expect(throws: StorageError.self) { try writer.seal() }
    }

    @Test func `a write cut short by a limit is continued, named and cut off`() async {
        await #expect(processExitsWith: .success) {
            let fixture = try Fixture()
            var writer = try fixture.directory.createSegment()
            // The limit is in the midst of a frame, so the kernel writes a part of it and only then refuses.
            signal(SIGXFSZ, SIG_IGN)
            var limit = rlimit(rlim_cur: 100_000, rlim_max: 100_000)
            setrlimit(__rlimit_resource_t(1), &limit)  // RLIMIT_FSIZE
            let (frames, error) = WriteFailureTests().appendUntilFailure(fixture, &writer)
            let path = writer.path
            guard case .io("write", path, 100_000?, EFBIG) = error, frames == 4 else {
                fatalError("\(error as Any) after \(frames) frames")
            }
            let found = try fixture.contents(fixture.directory.openSegment(1))
            guard found.contents.count == 16, found.end == .open else { fatalError("\(found)") }
        }
    }

    @Test func `a failed sync poisons the writer for good`() throws {
        let fixture = try Fixture()
        var writer = try fixture.directory.createSegment()
        _ = try fixture.append([.delete(1, [1])], to: &writer)
        try writer.synchronize()
        _ = try fixture.append([.delete(1, [2])], to: &writer)
        // A pipe cannot be synced: the descriptor now fails as a broken disk's would.
        let original = dup(writer.file.descriptor)
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        dup2(ends[1], writer.file.descriptor)
        #expect(throws: StorageError.self) { try writer.synchronize() }
        dup2(original, writer.file.descriptor)
        (ends + [original]).forEach { close($0) }
        let path = writer.path
        // The disk is well again, but nobody knows what it kept: no later call may claim success.
        for _ in 0..<2 {
            #expect {
                try writer.synchronize()
            } throws: { error in
                guard case .poisoned(path, _) = error as? StorageError else { return false }
                return true
            }
        }
        #expect(throws: StorageError.self) { try fixture.append([.delete(1, [3])], to: &writer) }
        #expect(throws: StorageError.self) { try writer.seal() }
        #expect(writer.durableTo == 8192)
        try writer.cutBackToDurable()
        let found = try fixture.contents(fixture.directory.openSegment(1))
        #expect(found.contents == [.delete(1, [1])])
    }

    @Test(arguments: [
        (ENOSPC, "Free space"), (EDQUOT, "quota"), (EIO, "dmesg"), (EROFS, "read-only"), (EACCES, "right"),
        (EMFILE, "open files"), (EFBIG, "ulimit -f"), (EEXIST, "Another process"),
    ])
    func `messages say what failed, where, why and what to do`(code: Int32, remedy: String) {
        let error = StorageError.io(operation: "write", path: "/vault/x.oxs", offset: 77, errno: code)
        for part in ["write", "/vault/x.oxs", "77", remedy] { #expect("\(error)".contains(part)) }
    }

    @Test func `a folder that is missing or closed to us is named`() throws {
        let fixture = try Fixture()
        let missing = SegmentDirectory(path: fixture.folder.path + "/none", vault: fixture.directory.vault)
        #expect(throws: StorageError.io(operation: "list", path: missing.path, offset: nil, errno: ENOENT)) {
            try missing.segmentNumbers()
        }
        #expect(throws: StorageError.self) { try missing.createSegment().path }
    }
}
