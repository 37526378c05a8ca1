import Foundation
import Glibc
import NIOCore
import TestSupport
import Testing

@testable import Replication

@Suite struct PagedWriterTests {
    @Test(
        arguments: [0, 4096, 8 << 20, 4097],
        [1, 4095, 4096, 1 << 20, (1 << 20) + 1, (3 << 20) - 1, (5 << 20) + 12_345])
    func `whatever its place, its length and its slices, a file has the bytes that were written`(
        offset: Int, length: Int
    ) throws {
        let folder = try TemporaryFolder()
        let path = folder / "file"
        var random = SeededGenerator(seed: UInt64(offset &* 31 &+ length))
        let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
        let file = try FileDescriptor.open(path: path, flags: O_RDWR | O_CREAT)
        // What stands around it stays.
        let around = [UInt8](repeating: 0xEE, count: offset + length + 10_000)
        try file.write(ByteBuffer(bytes: around), at: 0)
        var writer = PagedWriter(file, at: UInt64(offset), length: UInt64(length))
        var start = 0
        while start < length {
            let end = min(length, start + Int.random(in: 1...(300 << 10), using: &random))
            try writer.write(ByteBuffer(bytes: bytes[start..<end]))
            start = end
        }
        try writer.finish()
        try file.sync()
        let expected = around[..<offset] + bytes + around[(offset + length)...]
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data(expected))
    }

    @Test func `a full disk is said as such`() throws {
        guard access("/dev/full", W_OK) == 0 else { return }
        let file = try FileDescriptor.open(path: "/dev/full", flags: O_RDWR)
        var writer = PagedWriter(file, at: 0, length: 2 << 20)
        let failure = #expect(throws: SystemFailure.self) {
            try writer.write(ByteBuffer(repeating: 1, count: 2 << 20))
            try writer.finish()
        }
        #expect(failure?.code == ENOSPC)
    }

    @Test(.enabled(if: TinyDisk.isMountable, "mounting a small disk needs privileges"))
    func `a disk that fills up half-way is said as such, whichever way was written`() throws {
        let disk = try #require(TinyDisk(bytes: 3 << 20))
        let file = try FileDescriptor.open(path: disk.path + "/file", flags: O_RDWR | O_CREAT)
        var writer = PagedWriter(file, at: 0, length: 8 << 20)
        let failure = #expect(throws: SystemFailure.self) {
            for _ in 0..<8 { try writer.write(ByteBuffer(repeating: 1, count: 1 << 20)) }
            try writer.finish()
        }
        #expect(failure?.code == ENOSPC)
    }
}
