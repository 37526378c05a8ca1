import Blocks
import Compression
import Foundation
import TestSupport
import Testing

@testable import Storage

/// Blocks that are stored smaller, in segment files.
@Suite struct CompressedBlockTests {
    /// Writes each block with the method beside it, in one frame, and returns the places.
    private func write(
        _ blocks: [([UInt8], CompressionMethod)], _ fixture: Fixture, to writer: inout SegmentWriter
    ) throws -> [BlockLocation] {
        var frame = FrameBuilder(pool: fixture.pool, options: fixture.directory.options)
        var buffers: [BlockBuffer] = []
        defer { fixture.pool.release(buffers) }
        for (bytes, method) in blocks {
            let buffer = try #require(fixture.pool.acquire())
            buffers.append(buffer)
            fixture.pool.copy(bytes.span.bytes, into: buffer, at: 0)
            var block = BlockDescriptor(
                transfer: .init(1), offset: 0, length: UInt32(bytes.count), buffer: buffer)
            block.fingerprint = try fixture.fingerprint(bytes)
            var packer = try BlockPacker(method, blockSize: fixture.pool.blockSize)
            try packer.pack(&block, in: fixture.pool)
            // A second time changes nothing.
            try packer.pack(&block, in: fixture.pool)
            frame.addBlock(block)
        }
        return try writer.append(frame).blocks
    }

    private func blocks(_ numbers: inout SeededGenerator) -> [([UInt8], CompressionMethod)] {
        let text = (0..<4096).map { UInt8($0 % 61) }
        return [
            (text, .zstd(level: 3)), (text.reversed(), .lz4), (numbers.bytes(4096), .zstd(level: 3)),
            (text + [], .none), (Array(text[..<300]), .zstd(level: 1)), (Array(text[..<3]), .lz4),
        ]
    }

    @Test func `blocks of all methods live in one segment and come back, open, sealed and from the footer`() throws {
        let fixture = try Fixture()
        var numbers = SeededGenerator(seed: 4)
        var writer = try fixture.directory.createSegment()
        let blocks = blocks(&numbers)
        let places = try write(blocks, fixture, to: &writer)
        #expect(places.map(\.codec).prefix(4) == [CompressionCode.zstd, CompressionCode.lz4, 0, 0])
        for place in places.prefix(2) { #expect(place.storedLength < 1000 && place.rawLength == 4096) }
        #expect(places[2].storedLength == 4096)
        for isSealed in [false, true] {
            if isSealed { try writer.seal() } else { try writer.synchronize() }
            let reader = try fixture.directory.openSegment(1)
            for (place, block) in zip(places, blocks) { #expect(try reader.read(place) == block.0) }
            #expect(try fixture.contents(reader).contents == blocks.map { .block($0.0) })
        }
    }

    @Test func `every flipped byte of stored data is found, and no length is believed`() throws {
        let fixture = try Fixture()
        var numbers = SeededGenerator(seed: 5)
        var writer = try fixture.directory.createSegment()
        let places = try write(blocks(&numbers), fixture, to: &writer)
        try writer.seal()
        let file = RawFile(path: writer.path)
        let good = try file.bytes()
        for place in places where place.codec != 0 {
            for offset in 0..<Int(place.storedLength) {
                var bytes = good
                bytes[Int(place.payloadOffset) + offset] ^= 0x40
                try file.replace(with: bytes)
                #expect(throws: StorageError.self) { try fixture.directory.openSegment(1).read(place) }
            }
            try file.replace(with: good)
            let reader = try fixture.directory.openSegment(1)
            // As a damaged index might give them.
            for change: (inout BlockLocation) -> Void in [
                { $0.rawLength -= 1 }, { $0.rawLength += 1 }, { $0.rawLength = 8 << 20 }, { $0.rawLength = .max },
                { $0.rawLength = 0 }, { $0.storedLength = 0 }, { $0.storedLength = .max }, { $0.codec = 0 },
                { $0.codec = 3 }, { $0.codec = CompressionCode.zstd + CompressionCode.lz4 - $0.codec },
            ] {
                var wrong = place
                change(&wrong)
                #expect(throws: StorageError.self, "\(wrong)") { try reader.read(wrong) }
            }
        }
    }

    /// A record whose checksum holds and whose contents expand to more than it says: made on purpose, or by a defect.
    @Test func `a record that expands to more than it says is damage by name`() throws {
        let fixture = try Fixture(blockBytes: 65536)
        var writer = try fixture.directory.createSegment()
        let zeros = [UInt8](repeating: 0, count: 65536)
        let place = try #require(try write([(zeros, .zstd(level: 1))], fixture, to: &writer).first)
        var lie = place
        lie.rawLength = 4096
        let reader = try fixture.directory.openSegment(1)
        #expect {
            try reader.read(lie)
        } throws: { error in
            "\(error)".contains(reader.path) && "\(error)".contains("zstd")
        }
    }
}
