import Blocks
import Foundation
import Glibc
import TestSupport
import Testing

@testable import Storage

@Suite struct DirectFileTests {
    /// A file of the test, and whether its file system has writes past the page cache at all, asked without our code.
    private func file(in folder: borrowing TemporaryFolder) throws -> (path: String, isDirect: Bool) {
        let path = folder.path + "/file"
        try Data().write(to: URL(fileURLWithPath: path))
        let descriptor = unsafe open(path, O_WRONLY | __O_DIRECT)
        if descriptor >= 0 { close(descriptor) }
        return (path, descriptor >= 0)
    }

    /// Pages of a pool's buffers with random bytes, and these bytes.
    private func pages(_ pool: BlockPool, _ count: Int) -> (vectors: [iovec], bytes: [UInt8]) {
        var generator = SeededGenerator(seed: 7)
        var vectors: [iovec] = []
        var all: [UInt8] = []
        for _ in 0..<count {
            guard let buffer = pool.acquire() else { break }
            let bytes = generator.bytes(pool.blockSize.bytes)
            let start = unsafe pool.address(of: buffer)
            unsafe start.copyMemory(from: bytes, byteCount: bytes.count)
            unsafe vectors.append(iovec(readingFrom: start, count: bytes.count))
            all += bytes
        }
        return unsafe (vectors, all)
    }

    @Test func `head and pages are written past the page cache, to the last byte`() throws {
        let folder = try TemporaryFolder()
        let (path, isDirect) = try file(in: folder)
        guard isDirect else { return }
        let pool = try BlockPool(blockSize: BlockSize(bytes: 8192), budgetBytes: 64 * 8192)
        let (vectors, bytes) = unsafe pages(pool, 5)
        let head = [UInt8](repeating: 0xAB, count: 2 * SegmentFormat.pageBytes)
        guard var direct = DirectFile(path) else {
            Issue.record("open(2) with O_DIRECT does, DirectFile does not")
            return
        }
        let written = unsafe try direct.write(head, vectors, at: 4096)
        #expect(written == UInt64(head.count + bytes.count))
        let found = try Data(contentsOf: URL(fileURLWithPath: path))
        #expect(found == Data(count: 4096) + Data(head) + Data(bytes))
    }

    @Test func `what the medium does not take past the page cache is left to another descriptor`() throws {
        let folder = try TemporaryFolder()
        let (path, isDirect) = try file(in: folder)
        guard isDirect else { return }
        let pool = try BlockPool(blockSize: BlockSize(bytes: 8192), budgetBytes: 64 * 8192)
        let (vectors, _) = unsafe pages(pool, 2)
        let head = [UInt8](repeating: 1, count: SegmentFormat.pageBytes)
        guard var direct = DirectFile(path) else {
            Issue.record("open(2) with O_DIRECT does, DirectFile does not")
            return
        }
        // No sector begins at an odd byte.
        let written = unsafe try direct.write(head, vectors, at: 4097)
        #expect(written == 0)
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)).isEmpty)
    }

    @Test func `a file that is not there has no direct writes`() throws {
        let folder = try TemporaryFolder()
        let isNil = DirectFile(folder.path + "/missing") == nil
        #expect(isNil)
    }
}
