import Blocks
import Compression
import Foundation
import TestSupport
import Testing

@testable import Vaults

/// Turns a vault without compressed blocks into one as releases before format 2 made it.
private func makeFormat1(_ path: String) throws {
    let file = path + "/vault.json"
    var object = try #require(
        JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: file))) as? [String: Any])
    object["format"] = 1
    object["compression"] = nil
    try JSONSerialization.data(withJSONObject: object).write(to: URL(filePath: file))
}

private func text(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(65 + $0 % 7 + $0 / 1000) } }

@Suite struct `The life of a vault` {
    @Test func `one that was made before opens, is written to as before, and is moved by upgrade`() throws {
        let folder = try TemporaryFolder()
        let path = folder / "vault"
        _ = try VaultLifecycle.create(at: path, blockSize: BlockSize(bytes: 4096), compression: CompressionMethod.none)
        try makeFormat1(path)
        var traffic = Traffic()
        do {
            var writer = try Traffic.openWriter(path)
            try traffic.put(object("a"), text(9000), into: &writer)
            let counters = writer.counters
            // What a release before format 2 could not read must not be in it.
            #expect(counters.storedBlockBytes == counters.newBlockBytes)
            try writer.close()
        }
        #expect(try VaultReader(opening: path).bytes(object("a")) == text(9000))
        let said = message { try VaultLifecycle.setCompression(.lz4, at: path) }
        #expect(said.contains("format 1") && said.contains("oxbow vault upgrade"), "\(said)")
        let asked = message { _ = try VaultWriter(path: path, compression: .lz4, poolBytes: 64 * 4096).about }
        #expect(asked.contains("oxbow vault upgrade"), "\(asked)")

        #expect(try VaultLifecycle.upgrade(at: path) == 1)
        #expect(try VaultLifecycle.upgrade(at: path) == 2)
        do {
            var writer = try Traffic.openWriter(path)
            try traffic.put(object("b"), text(9001), into: &writer)
            let counters = writer.counters
            #expect(counters.storedBlockBytes * 4 < counters.newBlockBytes)
            try writer.close()
        }
        let reader = try VaultReader(opening: path)
        #expect(reader.about.format == 2)
        #expect(try reader.bytes(object("a")) == text(9000))
        #expect(try reader.bytes(object("b")) == text(9001))
    }

    @Test func `one of a later format is refused by name`() throws {
        let folder = try TemporaryFolder()
        let path = folder / "vault"
        let about = try VaultLifecycle.create(at: path)
        let later = try String(contentsOfFile: path + "/vault.json", encoding: .utf8)
            .replacing("\"format\" : 2", with: "\"format\" : 3")
        try later.write(toFile: path + "/vault.json", atomically: true, encoding: .utf8)
        #expect(about.format == 2)
        for said in [message { try VaultReader(opening: path) }, message { _ = try VaultLifecycle.upgrade(at: path) }] {
            #expect(said.contains("format 3") && said.contains("formats 1 to 2"), "\(said)")
        }
    }

    @Test func `init makes a vault as asked, once, and in no folder that holds other things`() throws {
        let folder = try TemporaryFolder()
        let path = folder / "deep/vault"
        let made = try VaultLifecycle.create(at: path, blockSize: BlockSize(bytes: 8192), compression: .zstd(level: 5))
        let reader = try VaultReader(opening: path)
        #expect(reader.about == made && made.blockSize.bytes == 8192 && made.compression == .zstd(level: 5))
        #expect(message { try VaultLifecycle.create(at: path) }.contains("already"))
        try Data().write(to: URL(filePath: folder / "deep/other"))
        #expect(message { try VaultLifecycle.create(at: folder / "deep") }.contains("not empty"))
        #expect(message { try VaultLifecycle.upgrade(at: folder / "none") }.contains("not a vault"))
    }

    @Test func `compression changes at any time, and one vault holds blocks of all methods`() throws {
        let folder = try TemporaryFolder()
        let path = folder / "vault"
        var traffic = Traffic()
        var stored: [UInt64] = []
        let methods: [CompressionMethod] = [.none, .lz4, .zstd(level: 1), .zstd(level: 19)]
        _ = try VaultLifecycle.create(at: path, blockSize: BlockSize(bytes: 4096))
        for (index, method) in methods.enumerated() {
            try VaultLifecycle.setCompression(method, at: path)
            var writer = try Traffic.openWriter(path)
            try traffic.put(object("\(index)"), text(20_000 + index * 4096), into: &writer)
            try traffic.put(object("random \(index)"), content(index, 5000), into: &writer)
            stored.append(writer.counters.storedBlockBytes)
            try writer.close()
        }
        #expect(stored[1] < stored[0] / 2 && stored[2] < stored[0] / 2, "\(stored)")
        _ = try VaultRebuild.run(at: path, checksBlocks: true)
        let reader = try VaultReader(opening: path)
        for index in methods.indices {
            #expect(try reader.bytes(object("\(index)")) == text(20_000 + index * 4096))
            #expect(try reader.bytes(object("random \(index)")) == content(index, 5000))
        }
        #expect(try VaultInspection(reader).problems == [])
    }

    @Test func `blocks prepared on another thread are stored in that form, and known ones not again`() throws {
        let folder = try TemporaryFolder()
        var writer = try VaultWriter(
            path: folder / "vault", blockSize: BlockSize(bytes: 4096), compression: .lz4, poolBytes: 64 * 4096)
        let preparation = writer.makePreparation()
        let pool = writer.pool
        func prepared() throws -> IngestBatch {
            var batch = IngestBatch()
            for bytes in [text(4096), content(1, 4096), text(4096)] {
                let buffer = try #require(pool.acquire())
                pool.copy(bytes.span.bytes, into: buffer, at: 0)
                batch.blocks.append(BlockDescriptor(transfer: .init(1), offset: 0, length: 4096, buffer: buffer))
            }
            try OpenSSLBlockHasher().hash(&batch.blocks, in: pool)
            preparation.lookUp(&batch)
            preparation.pack(&batch, in: pool)
            return batch
        }
        let batch = try prepared()
        guard case .stored(CompressionCode.lz4, let length) = batch.blocks[0].form else {
            Issue.record("\(batch.blocks[0].form)")
            return
        }
        #expect(length < 1000)
        #expect(batch.blocks[1].form == .stored(codec: 0, length: 4096))
        #expect(batch.blocks[2].form == .raw, "the same block twice in a batch is made smaller once")
        try writer.storeBlocks(of: batch)
        let counters = writer.counters
        #expect(counters.newBlocks == 2 && counters.storedBlockBytes == UInt64(length) + 4096)
        try writer.commit()
        #expect(try prepared().blocks.allSatisfy { $0.form == .raw }, "known blocks need no form")
    }

    @Test func `check finds what is missing, cut or damaged, by file`() throws {
        let folder = try TemporaryFolder()
        let path = folder / "vault"
        var traffic = Traffic()
        do {
            var writer = try Traffic.openWriter(path)
            try traffic.put(object("a"), text(9000), into: &writer)
            try traffic.put(object("b"), content(2, 9000), into: &writer)
            try writer.close()
        }
        let reader = try VaultReader(opening: path)
        let good = try VaultInspection(reader)
        #expect(good.problems == [] && good.segments == 1 && good.blocks > 3)
        let information = try VaultInformation(reader)
        #expect(information.segments == 1 && information.segmentBytes > 9000 && information.writer == nil)
        let file = try segmentFiles(path)[0]
        let bytes = try fileBytes(file)
        try write(bytes[..<8192], to: file)
        let cut = try VaultInspection(reader).problems
        #expect(cut.contains { $0.contains("behind the end") && $0.contains(file) }, "\(cut)")
        var header = bytes
        header[20] ^= 1
        try write(header[...], to: file)
        #expect(try VaultInspection(reader).problems.contains { $0.contains(file) && $0.contains("damaged") })
        try FileManager.default.removeItem(atPath: file)
        #expect(try VaultInspection(reader).problems.contains { $0.contains(file) && $0.contains("missing") })
    }
}
