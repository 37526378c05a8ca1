import Blocks
import Foundation
import TestSupport
import Testing

@testable import Storage

@Suite struct SegmentReaderTests {
    private func segment(_ fixture: Fixture) throws -> (path: String, bytes: [UInt8], blocks: [BlockLocation]) {
        var writer = try fixture.directory.createSegment()
        var generator = SeededGenerator(seed: 2)
        let place = try fixture.append(
            [.block(generator.bytes(4096)), .put(1, [1], [2]), .block(generator.bytes(99))], to: &writer)
        try writer.seal()
        return (writer.path, try RawFile(path: writer.path).bytes(), place.blocks)
    }

    private func withChecksum(_ page: [UInt8]) -> [UInt8] {
        var page = Array(page.dropLast(4))
        page.appendLittleEndian(CRC32C.of(page.span.bytes))
        return page
    }

    @Test func `files that are no segments are named as such`() throws {
        let fixture = try Fixture()
        let path = fixture.directory.path(of: 5)
        for bytes in [[], [1, 2, 3], [UInt8](repeating: 0, count: 4096), [UInt8](repeating: 7, count: 100_000)] {
            try RawFile(path: path).replace(with: bytes)
            #expect {
                try fixture.directory.openSegment(5)
            } throws: { error in
                guard case .notASegment(path, _) = error as? StorageError else { return false }
                return "\(error)".contains("not a segment file")
            }
        }
    }

    @Test func `a header of a later version is not touched, a damaged one not taken for one`() throws {
        let fixture = try Fixture()
        let (path, bytes, _) = try segment(fixture)
        var later = bytes
        later[8] = 3
        try RawFile(path: path).replace(with: later)
        #expect(
            throws: StorageError.damaged(
                path: path, offset: 0, reason: "the header page does not match its checksum")
        ) { try fixture.directory.openSegment(1) }
        later.replaceSubrange(..<4096, with: withChecksum(Array(later[..<4096])))
        try RawFile(path: path).replace(with: later)
        #expect(throws: StorageError.unsupportedVersion(path: path, offset: 0, found: 3, supported: 2)) {
            try fixture.directory.openSegment(1)
        }
    }

    @Test func `a frame of a later version stops the scan with an error instead of being cut`() throws {
        let fixture = try Fixture()
        var writer = try fixture.directory.createSegment()
        _ = try fixture.append([.delete(1, [1])], to: &writer)
        var bytes = try RawFile(path: writer.path).bytes()
        bytes[4096 + 4] = 3
        var frame = Array(bytes[4096..<4096 + 128])
        FrameHeader.seal(&frame, descriptorBytes: 32)
        bytes.replaceSubrange(4096..<4096 + 128, with: frame)
        try RawFile(path: writer.path).replace(with: bytes)
        #expect(throws: StorageError.unsupportedVersion(path: writer.path, offset: 4096, found: 3, supported: 2)) {
            try fixture.directory.resumeSegment(1).path
        }
        #expect(try RawFile(path: writer.path).bytes() == bytes)
    }

    @Test func `a segment of another vault, or under another's name, is refused`() throws {
        let fixture = try Fixture()
        let (path, bytes, _) = try segment(fixture)
        let other = SegmentDirectory(path: fixture.directory.path, vault: .random())
        #expect(
            throws: StorageError.otherVault(path: path, expected: other.vault, found: fixture.directory.vault)
        ) { try other.openSegment(1) }
        let renamed = fixture.directory.path(of: 7)
        try RawFile(path: renamed).replace(with: bytes)
        #expect(throws: StorageError.otherNumber(path: renamed, expected: 7, found: 1)) {
            try fixture.directory.openSegment(7)
        }
        #expect(throws: StorageError.noSuchSegment(path: fixture.directory.path(of: 9))) {
            try fixture.directory.openSegment(9)
        }
    }

    @Test func `the footer tells exactly what a scan finds`() throws {
        let fixture = try Fixture()
        var generator = SeededGenerator(seed: 21)
        var writer = try fixture.directory.createSegment()
        for _ in 0..<200 { _ = try fixture.append(generator.frame(blockBytes: 4096), to: &writer) }
        try writer.seal()
        let reader = try fixture.directory.openSegment(1)
        let footer = try #require(try reader.footer())
        var scan = try SegmentScan(reader)
        var (table, frames, records, blocks) = ([UInt8](), UInt64(0), UInt64(0), UInt64(0))
        while let frame = try scan.next() {
            table += frame.descriptorBytes
            frames += 1
            records += UInt64(frame.descriptors.count)
            blocks += UInt64(frame.descriptors.count { if case .block = $0.kind { true } else { false } })
        }
        #expect(scan.end == .sealed)
        #expect(footer.table == table)
        #expect([footer.frameCount, footer.recordCount, footer.blockCount] == [frames, records, blocks])
    }

    @Test func `without a whole footer the frames speak for themselves`() throws {
        let fixture = try Fixture()
        let (path, bytes, _) = try segment(fixture)
        let reader = try fixture.directory.openSegment(1)
        let whole = try fixture.contents(reader).contents
        for place in [bytes.count - 1, bytes.count - 90, bytes.count - 4096 + 10] {
            var harmed = bytes
            harmed[place] ^= 1
            try RawFile(path: path).replace(with: harmed)
            let reader = try fixture.directory.openSegment(1)
            #expect(try reader.footer() == nil)
            #expect(try fixture.contents(reader).contents == whole)
        }
    }

    @Test func `a catalog record lost in a sealed segment is named, and the others are delivered`() throws {
        let fixture = try Fixture()
        var writer = try fixture.directory.createSegment()
        _ = try fixture.append((1...20).map { .put(1, [$0], [UInt8](repeating: $0, count: 50)) }, to: &writer)
        try writer.seal()
        var bytes = try RawFile(path: writer.path).bytes()
        let place = try #require(bytes.firstRange(of: [UInt8](repeating: 7, count: 50))).lowerBound
        bytes[place + 3] = 0
        try RawFile(path: writer.path).replace(with: bytes)
        var replay = try fixture.directory.openSegment(1).replay()
        let records = try #require(try replay.next())
        #expect(records.count == 20)
        for (index, record) in records.enumerated() {
            if case .damaged(let offset, _) = record {
                // The first of the fifty bytes found is the key, which is equal to its value's bytes.
                #expect(index == 6 && offset == UInt64(place))
            } else {
                #expect(index != 6)
            }
        }
    }

    @Test func `records of a later type are skipped by their length`() throws {
        let fixture = try Fixture()
        var writer = try fixture.directory.createSegment()
        _ = try fixture.append([.delete(1, [1]), .put(2, [3], [4]), .delete(5, [6])], to: &writer)
        var bytes = try RawFile(path: writer.path).bytes()
        bytes[4096 + 96 + 32] = 200
        var frame = Array(bytes[4096..<4096 + 96 + 96])
        FrameHeader.seal(&frame, descriptorBytes: 96)
        bytes.replaceSubrange(4096..<4096 + 96 + 96, with: frame)
        try RawFile(path: writer.path).replace(with: bytes)
        var replay = try fixture.directory.openSegment(1).replay()
        #expect(
            try replay.next() == [
                .catalogDelete(table: 1, key: [1]), .other(type: 200), .catalogDelete(table: 5, key: [6]),
            ])
        // A writer that goes on keeps what it does not know.
        var resumed = try fixture.directory.resumeSegment(1)
        try resumed.seal()
        var again = try fixture.directory.openSegment(1).replay()
        #expect(try again.next()?.contains(.other(type: 200)) == true)
    }

    @Test func `a block that changed on the medium is damage, wherever the change is`() throws {
        let fixture = try Fixture()
        let (path, bytes, blocks) = try segment(fixture)
        for block in blocks {
            for place in [0, 1, Int(block.storedLength) / 2, Int(block.storedLength) - 1] {
                var harmed = bytes
                harmed[Int(block.payloadOffset) + place] ^= 0x40
                try RawFile(path: path).replace(with: harmed)
                #expect(
                    throws: StorageError.damaged(
                        path: path, offset: block.payloadOffset, reason: "the block's bytes do not match their checksum"
                    )
                ) { try fixture.directory.openSegment(1).read(block) }
            }
        }
    }

    @Test func `a location that no writer made is damage, not a crash`() throws {
        let fixture = try Fixture()
        let (_, _, blocks) = try segment(fixture)
        let reader = try fixture.directory.openSegment(1)
        var beyond = blocks[0]
        beyond.payloadOffset = 1 << 40
        var absurd = blocks[0]
        absurd.payloadOffset = .max
        var long = blocks[0]
        (long.rawLength, long.storedLength) = (.max, .max)
        var unequal = blocks[0]
        unequal.storedLength -= 1
        for location in [beyond, absurd, long, unequal] {
            #expect {
                try reader.read(location)
            } throws: { error in
                guard case .damaged = error as? StorageError else { return false }
                return true
            }
        }
        var coded = blocks[0]
        coded.codec = 9
        #expect(throws: StorageError.unknownCodec(path: reader.path, offset: coded.payloadOffset, codec: 9)) {
            try reader.read(coded)
        }
    }

    @Test func `a location survives its binary form`() {
        let location = BlockLocation(
            segment: 0x1122_3344_5566_7788, payloadOffset: 0x99AA_BBCC_DDEE_FF00, storedLength: 0x0102_0304,
            rawLength: 0x0506_0708, codec: 9, crc32c: 0x0A0B_0C0D)
        #expect(location.encoded.count == BlockLocation.encodedByteCount)
        #expect(BlockLocation(encoded: location.encoded) == location)
        #expect(location.encoded.prefix(8) == [0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11])
        #expect(BlockLocation(encoded: Array(location.encoded.dropLast())) == nil)
        #expect(BlockLocation(encoded: location.encoded + [0]) == nil)
    }
}
