import Blocks
import Catalog
import Encryption
import Foundation
import Storage
import TestSupport
import Testing

@testable import Vaults

@Suite struct `A scrub` {
    @Test func `proves every byte of a sound vault, beside its writer, and finds nothing`() throws {
        let folder = try TemporaryFolder()
        let vault = try RottingVault(folder)
        var traffic = Traffic()
        var writer = try Traffic.openWriter(vault.path)
        try traffic.put(object("committed"), content(1, 9000), into: &writer)
        try writer.commit()
        // In the file, and not durable: for the next scrub.
        try traffic.put(object("not yet"), content(2, 9000), into: &writer)
        let report = try VaultScrub.run(at: vault.path)
        #expect(report.findings == [])
        #expect(report.segments == 4 && report.references > 0 && report.blocks >= report.indexEntries)
        #expect(report.indexEntries > 0 && report.records > 0)
        try writer.close()
        #expect(try VaultScrub.run(at: vault.path).findings == [])
    }

    @Test func `names the object and its bytes that need a damaged block`() throws {
        let folder = try TemporaryFolder()
        let vault = try RottingVault(folder)
        let reader = try vault.reader()
        let version = try #require(try reader.catalog.current(object("run 1 object 3")))
        let piece = try #require(try reader.locatedPieces(of: version, in: 8192..<12_288).first)
        let path = reader.store.directory.path(of: piece.location.segment)
        try turnBits(1, at: Int(piece.location.payloadOffset) + 17, of: path)
        let report = try VaultScrub.run(at: vault.path)
        let finding = try #require(report.findings.first)
        #expect(report.findings.count == 1 && finding.part == .block)
        #expect(finding.path == path && finding.fingerprint == "\(piece.piece.fingerprint)")
        #expect(finding.offset == piece.location.payloadOffset && finding.length == UInt64(piece.location.storedLength))
        let harmed = try #require(finding.objects.first)
        #expect(finding.objects.count == 1)
        #expect(harmed.name == version.name.url && harmed.etag == "etag-1-3" && harmed.time == version.time)
        #expect(harmed.offset == 8192 && harmed.length == 4096)
    }

    @Test func `goes on with the segment in which it was interrupted, and keeps what it had found`() throws {
        let folder = try TemporaryFolder()
        let vault = try RottingVault(folder)
        let first = try #require(try vault.files().first { $0.path.hasSuffix(".oxs") })
        // The footer's padding harms nothing, and is damage all the same.
        try turnBits(1, at: first.size - 97, of: first.path)
        let isInterrupted = { (call: () throws -> Void) -> Bool in
            do { try call() } catch VaultError.interrupted { return true } catch { return false }
            return false
        }
        #expect(isInterrupted { _ = try VaultScrub.run(at: vault.path) { done, _ in done < 1 } })
        var places: [UInt64] = []
        let resumed = try VaultScrub.run(at: vault.path) { done, _ in
            places.append(done)
            return true
        }
        #expect(resumed.isResumed && resumed.segments == 4)
        #expect(try #require(places.first) > UInt64(first.size))
        #expect(resumed.findings.map(\.part) == [.padding] && resumed.findings.first?.path == first.path)
        let anew = try VaultScrub.run(at: vault.path)
        #expect(!anew.isResumed && anew.findings == resumed.findings && anew.bytes == resumed.bytes)
    }

    @Test func `finds index entries that lead nowhere or are lost, and rows that are not what was logged`() throws {
        let folder = try TemporaryFolder()
        let vault = try RottingVault(folder)
        let version = try #require(try vault.reader().catalog.current(object("run 1 object 3")))
        let pieces = try vault.reader().locatedPieces(of: version, in: 0..<8192)
        do {
            let writer = try Traffic.openWriter(vault.path)
            var place = pieces[0].location
            place.payloadOffset += 512
            try writer.catalog.publish([.init(pieces[0].piece.fingerprint, .init(place))])
            try writer.catalog.withdraw([pieces[1].piece.fingerprint])
            var row: (key: [UInt8], value: [UInt8])?
            try writer.catalog.scan(.names, prefix: [], from: nil) { key, value in
                row = (key, value)
                return .stop
            }
            let found = try #require(row)
            try writer.catalog.commit(
                [.init(table: .names, key: found.key, value: found.value + [1, 2])], index: [], checkpoint: nil)
        }
        let report = try VaultScrub.run(at: vault.path)
        let parts = Set(report.findings.map(\.part))
        #expect(parts == [.indexEntry, .missingBlock, .catalogRow], "\(report.findings)")
        let harmed = report.findings.flatMap(\.objects)
        #expect(Set(harmed.map(\.offset)) == [0, 4096] && harmed.allSatisfy { $0.name == version.name.url })
    }

    @Test func `takes no harm from a collection that removes segments before its eyes`() throws {
        let folder = try TemporaryFolder()
        let vault = try RottingVault(folder)
        var writer = try Traffic.openWriter(vault.path)
        var isCollected = false
        let report = try VaultScrub.run(at: vault.path) { _, _ in
            if !isCollected {
                isCollected = true
                let options = CollectionOptions(garbageShareMax: 0, graceNanoseconds: 0)
                let collected = try? writer.collect(options, now: 0)
                #expect(collected?.segmentsRewritten ?? 0 > 0)
            }
            return true
        }
        #expect(isCollected && report.findings == [])
        try writer.close()
        #expect(try VaultScrub.run(at: vault.path).findings == [])
        #expect(vault.readAll().isEmpty)
    }

    @Test func `stays within its rate`() throws {
        let folder = try TemporaryFolder()
        let vault = try RottingVault(folder)
        let bytes = try vault.files().reduce(0) { $0 + ($1.path.hasSuffix(".oxs") ? $1.size : 0) }
        let options = ScrubOptions(bytesPerSecondMax: UInt64(bytes))
        let start = ContinuousClock.now
        #expect(try VaultScrub.run(at: vault.path, options: options).findings == [])
        let time = ContinuousClock.now - start
        // The header pages do not count; slower is no fault.
        #expect(time > Duration.milliseconds(700))
    }
}

@Suite struct `A repair` {
    /// Scrubs and repairs, with another vault as the source if there is one.
    static func run(
        _ path: String, _ secret: VaultSecret? = nil, from source: VaultBlockSource? = nil
    ) throws -> RepairReport {
        var report = RepairReport()
        let findings = try VaultScrub.run(at: path, secret: secret).findings
        var writer = try Traffic.openWriter(path, secret: secret)
        var lost: [LostBlock] = []
        for block in try writer.salvage(findings, &report) {
            let candidates = source?.candidates(for: block) ?? []
            if try !writer.restore(block, from: candidates, &report) { lost.append(block) }
        }
        try writer.finishRepair(of: findings, lost: lost, &report)
        try writer.close()
        return report
    }

    /// Turns a byte in the middle of a block that the object needs.
    static func damage(_ vault: RottingVault, _ key: String, at offset: UInt64) throws {
        let reader = try vault.reader()
        let version = try #require(try reader.catalog.current(object(key)))
        let piece = try #require(try reader.locatedPieces(of: version, in: offset..<offset + 1).first)
        try turnBits(
            4, at: Int(piece.location.payloadOffset) + 11, of: reader.store.directory.path(of: piece.location.segment))
    }

    @Test func `takes a lost block from a vault of another block size and other keys, and the damaged file goes`()
        throws
    {
        let folder = try TemporaryFolder()
        let vault = try RottingVault(folder)
        // The same object, not the same blocks.
        let key = "run 1 object 3"
        var traffic = Traffic()
        var other = try VaultWriter(
            path: folder / "other", blockSize: BlockSize(bytes: 8192), secret: keyFileSecret(9),
            poolBytes: 64 * 8192)
        try traffic.put(object(key), try #require(vault.contents[key]), etag: "etag-1-3", into: &other)
        try other.close()
        try Self.damage(vault, key, at: 5000)
        #expect(vault.readAll().keys.sorted() == [key])
        let source = VaultBlockSource(try VaultReader(opening: folder / "other", secret: keyFileSecret(9)))
        let report = try Self.run(vault.path, from: source)
        #expect(report.blocksRestored == 1 && report.blocksLost == [] && report.segmentsRewritten == 1)
        #expect(report.blocksCopied > 0 && report.rowsLogged > 0)
        #expect(vault.readAll().isEmpty)
        #expect(try VaultScrub.run(at: vault.path).findings == [])
        // The log alone says the same.
        let before = try vault.reader().everything()
        try FileManager.default.removeItem(atPath: vault.path + "/catalog")
        _ = try VaultRebuild.run(at: vault.path, checksBlocks: true)
        #expect(try vault.reader().everything() == before && vault.readAll().isEmpty)
    }

    @Test func `takes nothing else for the block, names what stays lost, and mends it when the traffic comes again`()
        throws
    {
        let folder = try TemporaryFolder()
        let vault = try RottingVault(folder)
        let key = "run 2 object 3"
        var traffic = Traffic()
        var other = try Traffic.openWriter(folder / "other")
        try traffic.put(object(key), content(99, 24_003), etag: "etag-2-3", into: &other)
        try other.close()
        try Self.damage(vault, key, at: 5000)
        let report = try Self.run(vault.path, from: VaultBlockSource(try VaultReader(opening: folder / "other")))
        #expect(report.blocksRestored == 0 && report.blocksLost.count == 1 && report.segmentsRewritten == 0)
        #expect(vault.readAll().keys.sorted() == [key])
        let left = try VaultScrub.run(at: vault.path).findings
        #expect(Set(left.map(\.part)) == [.block, .missingBlock])
        #expect(left.flatMap(\.objects).map(\.name) == [object(key).url])
        do {
            var writer = try Traffic.openWriter(vault.path)
            try traffic.put(object("again"), try #require(vault.contents[key]), into: &writer)
            try writer.close()
        }
        #expect(vault.readAll().isEmpty)
        #expect(try Self.run(vault.path).segmentsRewritten == 1)
        #expect(try VaultScrub.run(at: vault.path).findings == [])
    }

    @Test func `of a lost catalog record leaves a log from which a rebuild gives the same catalog`() throws {
        let folder = try TemporaryFolder()
        let vault = try RottingVault(folder)
        let path = try #require(try vault.files().map(\.path).first { $0.hasSuffix(".oxs") })
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        // In clear, it stands in a catalog record.
        let place = try #require(bytes.range(of: Data("etag-0-3".utf8))).lowerBound
        try turnBits(1, at: place, of: path)
        #expect(try VaultScrub.run(at: vault.path).findings.map(\.part) == [.catalogRecord])
        #expect(vault.readAll().isEmpty)
        let report = try Self.run(vault.path)
        #expect(report.segmentsRewritten == 1 && report.rowsLogged > 0)
        #expect(try VaultScrub.run(at: vault.path).findings == [])
        let before = try vault.reader().everything()
        try FileManager.default.removeItem(atPath: vault.path + "/catalog")
        _ = try VaultRebuild.run(at: vault.path)
        #expect(try vault.reader().everything() == before)
    }

    @Test func `a damaged block leaves the index when the vault is next written to, and not a whole one`() throws {
        let folder = try TemporaryFolder()
        let vault = try RottingVault(folder)
        let key = "run 1 object 3"
        try Self.damage(vault, key, at: 5000)
        let finding = try #require(try VaultScrub.run(at: vault.path).findings.first)
        let version = try #require(try vault.reader().catalog.current(object(key)))
        let whole = "\(try vault.reader().locatedPieces(of: version, in: 0..<1)[0].piece.fingerprint)"
        let damaged = try #require(finding.fingerprint)
        DamagedBlocks(fingerprints: [whole, damaged]).leave(VaultLayout(root: vault.path))
        do {
            var writer = try Traffic.openWriter(vault.path)
            try writer.forgetDamaged()
            #expect(try writer.catalog.locate(try #require(Fingerprint(hexadecimal: whole))) != nil)
            #expect(try writer.catalog.locate(try #require(Fingerprint(hexadecimal: damaged))) == nil)
        }
        var traffic = Traffic()
        var writer = try Traffic.openWriter(vault.path)
        try traffic.put(object("again"), try #require(vault.contents[key]), into: &writer)
        let stored = writer.counters.newBlocks
        #expect(stored == 1)
        try writer.close()
        #expect(vault.readAll().isEmpty)
    }
}
