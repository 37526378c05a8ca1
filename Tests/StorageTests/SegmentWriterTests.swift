import Blocks
import Foundation
import TestSupport
import Testing

@testable import Storage

@Suite struct SegmentWriterTests {
    @Test(arguments: 1...10)
    func `what was appended is what is replayed, open or sealed, from any frame on`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let fixture = try Fixture(blockBytes: seed % 2 == 0 ? 4096 : 65536)
        var writer = try fixture.directory.createSegment()
        var frames: [(place: AppendedFrame, contents: [Content])] = []
        for _ in 0..<12 {
            let contents = generator.frame(blockBytes: fixture.pool.blockSize.bytes)
            frames.append((try fixture.append(contents, to: &writer), contents))
            if Bool.random(using: &generator) { try writer.synchronize() }
        }
        let reader = try fixture.directory.openSegment(writer.header.number)
        for isSealed in [false, true] {
            if isSealed { try writer.seal() }
            for (index, frame) in frames.enumerated() {
                let found = try fixture.contents(reader, from: frame.place.offset)
                #expect(found.contents == frames[index...].flatMap(\.contents))
                #expect(found.end == (isSealed ? .sealed : .open))
            }
        }
        #expect(fixture.pool.inUse == 0)
    }

    @Test func `locations are in the order of the blocks, and full blocks begin on a page`() throws {
        let fixture = try Fixture()
        var generator = SeededGenerator(seed: 1)
        var writer = try fixture.directory.createSegment()
        let blocks = [4096, 10, 4096, 3000, 1].map { generator.bytes($0) }
        let place = try fixture.append(
            [.put(1, [1], [2])] + blocks.map { .block($0) } + [.delete(1, [1])], to: &writer)
        let reader = try fixture.directory.openSegment(1)
        #expect(place.blocks.map(\.rawLength) == [4096, 10, 4096, 3000, 1])
        for (location, bytes) in zip(place.blocks, blocks) {
            #expect(try reader.read(location) == bytes)
            #expect(location.crc32c == CRC32C.of(bytes.span.bytes))
            #expect(location.segment == 1)
            if bytes.count == 4096 { #expect(location.payloadOffset % 4096 == 0) }
        }
        #expect(place.offset == 4096)
        #expect(place.length % 4096 == 0)
        #expect(writer.size == place.offset + place.length)
    }

    @Test func `bytes behind a short block in its buffer never reach the file`() throws {
        let fixture = try Fixture(blockBytes: 65536)
        var writer = try fixture.directory.createSegment()
        // Long enough to be written from its buffer, with padding behind.
        _ = try fixture.append([.block([UInt8](repeating: 0x11, count: 65000))], to: &writer)
        try writer.seal()
        let rubbish = try RawFile(path: writer.path).bytes().firstRange(of: [UInt8](repeating: 0xEE, count: 8))
        #expect(rubbish == nil)
    }

    @Test func `small frames and large ones beside each other are read alike, at once`() throws {
        let fixture = try Fixture()
        var writer = try fixture.directory.createSegment()
        let small = Content.block([UInt8](repeating: 1, count: 100))
        let large = (1...16).map { Content.block([UInt8](repeating: $0, count: 4096)) }
        let first = try fixture.append([small], to: &writer)
        let second = try fixture.append(large, to: &writer)
        let third = try fixture.append([small], to: &writer)
        try writer.synchronize()
        let reader = try fixture.directory.openSegment(writer.header.number)
        for (frame, contents) in [(first, [small]), (second, large), (third, [small])] {
            let found = try frame.blocks.map { Content.block(try reader.read($0)) }
            #expect(found == contents)
        }
    }

    @Test func `an empty frame writes nothing`() throws {
        let fixture = try Fixture()
        var writer = try fixture.directory.createSegment()
        let place = try fixture.append([], to: &writer)
        #expect(place.length == 0)
        #expect(writer.size == 4096)
        try writer.seal()
        #expect(try fixture.contents(fixture.directory.openSegment(1)).end == .sealed)
    }

    @Test func `a builder is reusable and forgets everything`() throws {
        let fixture = try Fixture()
        var writer = try fixture.directory.createSegment()
        var frame = FrameBuilder(pool: fixture.pool)
        frame.addBlock(try fixture.fingerprint([1, 2, 3]), bytes: [UInt8]([1, 2, 3]).span.bytes)
        _ = try writer.append(frame)
        frame.removeAll()
        #expect(frame.isEmpty == true)
        #expect(frame.recordCount == 0)
        try frame.addCatalogPut(table: 3, key: [9], value: [])
        _ = try writer.append(frame)
        let found = try fixture.contents(try fixture.directory.openSegment(1)).contents
        #expect(found == [.block([1, 2, 3]), .put(3, [9], [])])
    }

    @Test func `frames tell how far the file was durable before them`() throws {
        let fixture = try Fixture()
        var writer = try fixture.directory.createSegment()
        _ = try fixture.append([.delete(1, [1])], to: &writer)
        _ = try fixture.append([.delete(1, [2])], to: &writer)
        #expect(writer.durableTo == 4096)
        try writer.synchronize()
        #expect(writer.durableTo == writer.size)
        _ = try fixture.append([.delete(1, [3])], to: &writer)
        var scan = try SegmentScan(fixture.directory.openSegment(1))
        var durable: [UInt64] = []
        while let frame = try scan.next() { durable.append(frame.header.durableTo) }
        #expect(durable == [4096, 4096, 12288])
    }

    @Test func `a segment is full at its size, and keeps the frame that crossed it`() throws {
        var options = StorageOptions.mixed
        options.segmentBytes = 12288
        let fixture = try Fixture(options: options)
        var writer = try fixture.directory.createSegment()
        _ = try fixture.append([.delete(1, [1])], to: &writer)
        #expect(writer.isFull == false)
        _ = try fixture.append([.delete(1, [2])], to: &writer)
        #expect(writer.isFull == true)
    }

    @Test func `a sealed segment takes nothing more`() throws {
        let fixture = try Fixture()
        var writer = try fixture.directory.createSegment()
        _ = try fixture.append([.delete(1, [1])], to: &writer)
        try writer.seal()
        let path = writer.path
        #expect(writer.isSealed == true)
        do {
            _ = try fixture.append([.delete(1, [2])], to: &writer)
            Issue.record("appended to a sealed segment")
        } catch StorageError.alreadySealed(path) {}
        #expect(throws: StorageError.alreadySealed(path: path)) { try fixture.directory.resumeSegment(1).path }
    }

    @Test func `space claimed ahead is given back at sealing`() throws {
        var options = StorageOptions.mixed
        options.preallocationBytes = 8 << 20
        let fixture = try Fixture(options: options)
        var writer = try fixture.directory.createSegment()
        _ = try fixture.append([.delete(1, [1])], to: &writer)
        try writer.seal()
        var status = stat()
        #expect(stat(writer.path, &status) == 0)
        #expect(UInt64(status.st_size) == writer.size)
        #expect(status.st_blocks * 512 < 1 << 20)
    }

    @Test func `records and frames beyond their limit are refused, and the writer stays well`() throws {
        var options = StorageOptions.mixed
        options.catalogRecordBytesMax = 1000
        options.frameBytesMax = 8192
        let fixture = try Fixture(options: options)
        var writer = try fixture.directory.createSegment()
        let zeros = [UInt8](repeating: 0, count: 1000)
        #expect(throws: StorageError.tooLarge(what: "a catalog record", bytes: 1001, limit: 1000)) {
            var frame = FrameBuilder(pool: fixture.pool, options: options)
            try frame.addCatalogPut(table: 1, key: [1], value: zeros)
        }
        do {
            _ = try fixture.append((0..<20).map { .put(1, [$0], Array(zeros.dropLast())) }, to: &writer)
            Issue.record("a frame beyond the limit was written")
        } catch StorageError.tooLarge(_, _, 8192) {}
        #expect(writer.poison == nil)
        #expect(writer.size == 4096)
        _ = try fixture.append([.delete(1, [1])], to: &writer)
    }

    @Test func `readers see a frame as soon as it is appended, from other threads too`() async throws {
        let fixture = try Fixture()
        var generator = SeededGenerator(seed: 8)
        var writer = try fixture.directory.createSegment()
        let reader = try fixture.directory.openSegment(1)
        for _ in 0..<30 {
            let bytes = generator.bytes(4096)
            let location = try fixture.append([.block(bytes)], to: &writer).blocks[0]
            let found = try await Task.detached { try reader.read(location) }.value
            #expect(found == bytes)
        }
    }
}
