import Blocks
import Catalog
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
