import Blocks
import Catalog
import Foundation
import Objects
import TestSupport
import Testing

@testable import Vaults

/// A vault whose blocks are looked up before they come to the writer, as by the hashing threads.
private struct LookAhead: ~Copyable {
    var writer: VaultWriter
    let preparation: BlockPreparation

    init(_ path: String) throws {
        writer = try Traffic.openWriter(path)
        preparation = writer.makePreparation()
    }

    /// Blocks of these contents, looked up now.
    func batch(_ seeds: Int...) throws -> IngestBatch {
        var batch = IngestBatch()
        for seed in seeds {
            let buffer = try #require(writer.pool.acquire())
            writer.pool.copy(content(seed, Traffic.blockBytes).span.bytes, into: buffer, at: 0)
            batch.blocks.append(
                BlockDescriptor(
                    transfer: TransferID(1), offset: 0, length: UInt32(Traffic.blockBytes), buffer: buffer))
        }
        try OpenSSLBlockHasher().hash(&batch.blocks, in: writer.pool)
        preparation.lookUp(&batch)
        preparation.pack(&batch, in: writer.pool)
        #expect(batch.lookedUp != nil)
        return batch
    }

    /// Stores a batch; the number of blocks that were new.
    mutating func append(_ batch: IngestBatch) throws -> UInt64 {
        let before = writer.counters.newBlocks
        try writer.append(batch)
        writer.pool.release(batch.blocks)
        return writer.counters.newBlocks - before
    }
}

@Suite struct `Blocks are looked up before they come to the writer` {
    @Test func `and stored once, whatever came between`() throws {
        let folder = try TemporaryFolder()
        var vault = try LookAhead(folder / "vault")
        // Both were looked up when nothing was there.
        let (first, second, third) = (try vault.batch(1, 2, 2), try vault.batch(2, 3), try vault.batch(3, 4))
        #expect(try vault.append(first) == 2)
        #expect(try vault.append(second) == 1)
        try vault.writer.commit()
        // A commit ago, block 3 was not in the index.
        #expect(try vault.append(third) == 1)
        let fourth = try vault.batch(5, 1)
        try vault.writer.commit()
        #expect(try vault.append(try vault.batch(5)) == 1)
        try vault.writer.commit()
        // Two commits ago, block 5 was not there.
        #expect(try vault.append(fourth) == 0)
    }

    @Test func `and stored again when the index lost them since`() throws {
        let folder = try TemporaryFolder()
        var vault = try LookAhead(folder / "vault")
        #expect(try vault.append(try vault.batch(1, 2)) == 2)
        try vault.writer.commit()
        let known = try vault.batch(1, 2)
        #expect(known.blocks.map(\.isIndexed) == [true, true])
        try vault.writer.catalog.withdraw([known.blocks[0].fingerprint])
        #expect(try vault.append(known) == 1)
    }
}

@Suite struct `Bytes are read by runs of blocks` {
    @Test func `into room, from anywhere to anywhere`() throws {
        let folder = try TemporaryFolder()
        let bytes = content(1, 40 * 4096 + 77)
        var traffic = Traffic()
        var writer = try Traffic.openWriter(folder / "vault")
        try traffic.put(object("a"), bytes, into: &writer)
        try writer.commit()
        let reader = try writer.makeReader()
        let version = try #require(try reader.catalog.current(object("a")))
        let edges = [0, 1, 4095, 4096, 4097, 17 * 4096, 40 * 4096 - 1, 40 * 4096, bytes.count - 1, bytes.count]
        for start in edges {
            for end in edges where end > start {
                var room = [UInt8](repeating: 0xEE, count: end - start + 3)
                var span = room.mutableSpan
                var mutable = span.mutableBytes
                try reader.read(version, in: UInt64(start)..<UInt64(end), into: &mutable)
                #expect(room == Array(bytes[start..<end]) + [0xEE, 0xEE, 0xEE], "\(start)..<\(end)")
            }
        }
    }

    @Test func `and a damaged one among them is named`() throws {
        let folder = try TemporaryFolder()
        let bytes = content(1, 20 * 4096)
        var traffic = Traffic()
        var writer = try Traffic.openWriter(folder / "vault")
        try traffic.put(object("a"), bytes, into: &writer)
        try writer.close()
        let file = try #require(try segmentFiles(folder / "vault").first)
        var segment = try fileBytes(file)
        let block = Data(bytes[7 * 4096..<8 * 4096])
        let place = try #require(Data(segment).range(of: block))
        segment[place.lowerBound + 5] ^= 1
        try write(segment, to: file)
        let reader = try VaultReader(opening: folder / "vault")
        let version = try #require(try reader.catalog.current(object("a")))
        var served: [UInt8] = []
        let text = message {
            try reader.visitBytes(of: version, in: 0..<UInt64(bytes.count)) { piece in
                piece.withUnsafeBytes { served += $0 }
            }
        }
        #expect(served == Array(bytes[..<(7 * 4096)]))
        #expect(text.contains("\(7 * 4096)"), "\(text)")
        let copied = message {
            var room = [UInt8](repeating: 0, count: bytes.count)
            var span = room.mutableSpan
            var mutable = span.mutableBytes
            try reader.read(version, in: 0..<UInt64(bytes.count), into: &mutable)
        }
        #expect(copied == text)
    }

    @Test func `and one that is another block by its fingerprint is named`() throws {
        let folder = try TemporaryFolder()
        let bytes = content(1, 6 * 4096)
        var traffic = Traffic()
        var writer = try Traffic.openWriter(folder / "vault")
        try traffic.put(object("a"), bytes, into: &writer)
        try writer.commit()
        let reader = try writer.makeReader()
        let version = try #require(try reader.catalog.current(object("a")))
        let extents = try reader.catalog.extents(of: version)
        let other = try #require(try reader.catalog.locate(extents[4].fingerprint))
        try writer.catalog.publish([BlockIndexEntry(extents[3].fingerprint, other)])
        let text = message { try reader.bytes(of: version, in: 0..<UInt64(bytes.count)) }
        #expect(text.contains("another fingerprint") && text.contains("\(3 * 4096)"), "\(text)")
    }
}
