import Blocks
import Catalog
import Foundation
import Objects
import TestSupport
import Testing

@testable import Vaults

@Suite struct `A limit on the number of objects` {
    private func batch(_ names: [String]) -> IngestBatch {
        var batch = IngestBatch()
        for name in names {
            let seen = Observation(time: 9, firstTime: 9, packet: 1, flow: "")
            let event = StoredEvent(name: object(name), transfer: TransferID(1), size: 0, seen: seen)
            batch.steps.append(.init(blocksBefore: 0, step: .event(.stored(event))))
        }
        return batch
    }

    @Test func `stops new objects at that number, and neither deletes nor new versions of those that are there`() throws
    {
        let folder = try TemporaryFolder()
        let vault = folder / "vault"
        var traffic = Traffic()
        var writer = try Traffic.openWriter(vault)
        for number in 0..<3 { try traffic.put(object("\(number)"), content(number, 100), into: &writer) }
        try VaultLifecycle.setObjectQuota(4, at: vault)
        #expect(try VaultDescription(reading: VaultLayout(root: vault)).quotaObjects == 4)
        // What was not committed yet counts.
        #expect(try writer.shortage(for: batch(["3"])) == nil)
        try traffic.put(object("3"), content(3, 100), into: &writer)
        let shortage = try #require(try writer.shortage(for: batch(["4"])))
        #expect(shortage == .objects(path: vault, objects: 4, quota: 4) && shortage.isQuota)
        #expect("\(shortage)".contains("--quota-objects"))
        #expect(try writer.shortage(for: batch(["0", "3"])) == nil)
        #expect(try writer.shortage(for: batch(["0", "5"])) != nil)
        var deletion = IngestBatch()
        let seen = Observation(time: 9, firstTime: 9, packet: 1, flow: "")
        deletion.steps.append(
            .init(blocksBefore: 0, step: .event(.deleted(DeletedEvent(name: object("1"), seen: seen)))))
        #expect(try writer.shortage(for: deletion) == nil)
        // Counted anew a second later at the earliest: the delete has made room then.
        try traffic.delete(object("1"), from: &writer)
        var isFree = false
        for _ in 0..<400 where !isFree {
            isFree = try writer.shortage(for: batch(["4"])) == nil
            if !isFree { usleep(10_000) }
        }
        #expect(isFree)
        try writer.close()
    }

    @Test func `is looked at again when it is raised, and off when there is none`() throws {
        let folder = try TemporaryFolder()
        let vault = folder / "vault"
        var traffic = Traffic()
        var writer = try Traffic.openWriter(vault)
        for number in 0..<3 { try traffic.put(object("\(number)"), content(number, 100), into: &writer) }
        try VaultLifecycle.setObjectQuota(3, at: vault)
        #expect(try writer.shortage(for: batch(["3"])) != nil)
        try VaultLifecycle.setObjectQuota(nil, at: vault)
        var isFree = false
        for _ in 0..<400 where !isFree {
            isFree = try writer.shortage(for: batch(["3"])) == nil
            if !isFree { usleep(10_000) }
        }
        #expect(isFree)
        try writer.close()
    }
}
