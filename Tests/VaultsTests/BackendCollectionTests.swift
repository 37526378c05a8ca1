import Catalog
import Foundation
import Objects
import Storage
import TestSupport
import Testing

@testable import Vaults

@Suite struct `A collection of a vault with a backend` {
    /// What objects are to be there, whoever wrote them.
    private struct Model {
        var contents: [String: [UInt8]] = [:]
        var random: SeededGenerator
        private static let blocks = (0..<200).map { content($0, Traffic.blockBytes) }

        mutating func act(as writer: Int, _ traffic: inout Traffic, _ vault: inout VaultWriter) throws {
            let key = "w\(writer)-\(Int.random(in: 0..<12, using: &random))"
            guard Int.random(in: 0..<4, using: &random) > 0 else {
                if contents.removeValue(forKey: key) != nil { try traffic.delete(object(key), from: &vault) }
                return
            }
            var bytes: [UInt8] = []
            // The writers' objects share blocks: each must have its own.
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                bytes += Self.blocks[Int.random(in: 0..<Self.blocks.count, using: &random)]
            }
            contents[key] = bytes
            try traffic.put(object(key), bytes, into: &vault)
        }

        /// What one writer stored.
        func of(_ writer: Int) -> [String: [UInt8]] { contents.filter { $0.key.hasPrefix("w\(writer)-") } }
    }

    private let keepNothing = CollectionOptions(
        retention: RetentionPolicy(keepDeletedNanoseconds: 0), garbageShareMax: 0.1, graceNanoseconds: 0)

    private func expect(_ vault: String, holds contents: [String: [UInt8]], _ comment: Comment) throws {
        let reader = try VaultReader(opening: vault)
        var found: [String: [UInt8]] = [:]
        try reader.visitCurrent { version in
            found[String(decoding: version.name.key.bytes, as: UTF8.self)] =
                try reader.bytes(of: version, in: 0..<(version.size ?? 0))
        }
        #expect(found.keys.sorted() == contents.keys.sorted(), comment)
        for (key, bytes) in contents { #expect(found[key] == bytes, "\(comment): \(key)") }
    }

    /// True when the bucket has all of these segments.
    private func has(_ bucket: Bucket, _ names: [String]) throws -> Bool {
        Set(try bucket.segments()).isSuperset(of: names)
    }

    private func bytes(below path: String) throws -> UInt64 {
        try FileMedium(path: path).objects(under: "segments/").reduce(0) { $0 + $1.size }
    }

    @Test(arguments: [1, 2] as [UInt64])
    func `gives back what nothing uses, beside other writers, and keeps all else for who comes from the bucket`(
        _ seed: UInt64
    ) throws {
        let folder = try TemporaryFolder()
        let bucket = Bucket(folder / "bucket")
        var vaults = [folder / "one", folder / "two"]
        for vault in vaults { _ = try bucket.makeFolder(vault) { $0.cacheBytes = 0 } }
        var model = Model(random: SeededGenerator(seed: seed))
        var traffics = [Traffic(), Traffic()]
        var (freed, removed, takenOver): (UInt64, UInt64, Int) = (0, 0, 0)
        for round in 0..<40 {
            let which = Int.random(in: 0..<2, using: &model.random)
            var writer = try Traffic.openWriter(vaults[which])
            for _ in 0..<8 { try model.act(as: which, &traffics[which], &writer) }
            if round % 3 == 0 {
                // A part of it before the traffic goes on.
                try writer.beginCollection(keepNothing, now: traffics[which].now)
                var report = try writer.collect(for: 0)
                while report == nil {
                    if Int.random(in: 0..<4, using: &model.random) == 0 {
                        try model.act(as: which, &traffics[which], &writer)
                    }
                    report = try writer.collect(for: 0)
                }
                freed += report?.bytesFreed ?? 0
                removed += report?.blocksRemoved ?? 0
                #expect(report?.damage == [])
            }
            try writer.close()
            _ = consume writer
            if round % 8 == 7 {
                let view = folder / "view\(round)"
                #expect(try VaultRebuild.restore(from: bucket.url, to: view).damage.isEmpty)
                try expect(view, holds: model.contents, "round \(round), from the bucket")
                try FileManager.default.removeItem(atPath: view)
                try expect(vaults[which], holds: model.of(which), "round \(round)")
            }
            if round % 13 == 12 {
                // The machine is lost; another folder goes on as the same writer.
                let name = try #require(try VaultBackend(reading: VaultLayout(root: vaults[which]))?.writer)
                try FileManager.default.removeItem(atPath: vaults[which])
                vaults[which] = folder / "again\(round)"
                #expect(try VaultRebuild.restore(from: bucket.url, to: vaults[which], as: name).damage.isEmpty)
                try expect(vaults[which], holds: model.of(which), "round \(round), taken over")
                takenOver += 1
            }
        }
        #expect(freed > 0 && removed > 50 && takenOver == 3)
        // Everything that is left is collected; what was retired then goes with the next.
        for which in 0..<2 {
            for _ in 0..<3 {
                var writer = try Traffic.openWriter(vaults[which])
                _ = try writer.collect(keepNothing, now: traffics[which].now)
                try writer.close()
            }
            try expect(vaults[which], holds: model.of(which), "at the end")
            #expect(try VaultInspection(VaultReader(opening: vaults[which])).problems == [])
        }
        _ = try VaultRebuild.restore(from: bucket.url, to: folder / "view")
        try expect(folder / "view", holds: model.contents, "from the bucket at the end")
        let live = (0..<2).reduce(0) { sum, which in
            sum + Set(
                model.of(which).values.flatMap { bytes in
                    stride(from: 0, to: bytes.count, by: Traffic.blockBytes).map {
                        Array(bytes[$0..<$0 + Traffic.blockBytes])
                    }
                }
            ).count * Traffic.blockBytes
        }
        let used = try bytes(below: bucket.path)
        #expect(Double(used) < 1.6 * Double(live) + 400_000, "\(used) bytes in the bucket for \(live)")
    }

    @Test func `can be cut off at any step by the loss of the machine, or by a crash`() throws {
        let folder = try TemporaryFolder()
        let bucket = Bucket(folder / "bucket")
        let vault = folder / "vault"
        _ = try bucket.makeFolder(vault)
        let name = try #require(try VaultBackend(reading: VaultLayout(root: vault))?.writer)
        var model = Model(random: SeededGenerator(seed: 5))
        var traffic = Traffic()
        for _ in 0..<6 {
            var writer = try Traffic.openWriter(vault)
            for _ in 0..<10 { try model.act(as: 0, &traffic, &writer) }
            try writer.close()
        }
        var writer = try Traffic.openWriter(vault)
        try writer.beginCollection(keepNothing, now: traffic.now)
        var step = 0
        while try writer.collect(for: 0) == nil {
            step += 1
            let copy = Bucket(folder / "bucket\(step)")
            try copyFolder(bucket.path, to: copy.path)
            // Without the folder, which had what the bucket lacks.
            for (path, writer) in [("view\(step)", nil), ("again\(step)", name)] as [(String, UInt32?)] {
                #expect(try VaultRebuild.restore(from: copy.url, to: folder / path, as: writer).damage.isEmpty)
                try expect(folder / path, holds: model.contents, "step \(step), \(path)")
            }
            var again = try Traffic.openWriter(folder / "again\(step)")
            _ = try again.collect(keepNothing, now: traffic.now)
            try again.close()
            _ = consume again
            try expect(folder / "again\(step)", holds: model.contents, "step \(step), collected again")
            // With it.
            let crashed = folder / "crashed\(step)"
            try copyFolder(vault, to: crashed)
            let file = VaultLayout(root: crashed).backend
            let text = try String(contentsOfFile: file, encoding: .utf8).replacing(bucket.url, with: copy.url)
            try text.write(toFile: file, atomically: true, encoding: .utf8)
            for _ in 0..<2 {
                var writer = try Traffic.openWriter(crashed)
                _ = try writer.collect(keepNothing, now: traffic.now)
                try writer.close()
            }
            try expect(crashed, holds: model.contents, "step \(step), after a crash")
            for path in ["bucket", "view", "again", "crashed"] {
                try FileManager.default.removeItem(atPath: folder / "\(path)\(step)")
            }
        }
        #expect(step > 5)
        try writer.close()
        try expect(vault, holds: model.contents, "at the end")
    }

    @Test
    func `takes nothing from the bucket before it has what was in use of it, nor before the time of grace is over`()
        throws
    {
        let folder = try TemporaryFolder()
        let bucket = Bucket(folder / "bucket")
        let vault = folder / "vault"
        _ = try bucket.makeFolder(vault) { $0.sealSeconds = 1 }
        var traffic = Traffic()
        var writer = try Traffic.openWriter(vault)
        try traffic.put(object("stays"), content(1, 20_000), into: &writer)
        try traffic.put(object("goes"), content(2, 90_000), into: &writer)
        try writer.close()
        _ = consume writer
        let before = try bucket.segments()
        bucket.medium.isCut.withLock { $0 = true }
        writer = try Traffic.openWriter(vault)
        try traffic.delete(object("goes"), from: &writer)
        #expect(try writer.collect(keepNothing, now: traffic.now).segmentsRewritten == 1)
        let second = try writer.collect(keepNothing, now: traffic.now)
        #expect(second.bytesFreed == 0 && second.bytesInGrace > 100_000)
        try writer.close()
        _ = consume writer
        #expect(try bucket.segments() == before)
        bucket.medium.isCut.withLock { $0 = false }
        // Now it comes there, and only then the old segment goes.
        try Traffic.withWriter(vault) { _ in }
        #expect(try has(bucket, before))
        var patient = keepNothing
        patient.graceNanoseconds = 3_600_000_000_000
        let early = try VaultReader(opening: vault)
        let third = try Traffic.withWriter(vault) { try $0.collect(patient, now: traffic.now) }
        #expect(third.bytesInGrace == second.bytesInGrace)
        #expect(try has(bucket, before))
        let fourth = try Traffic.withWriter(vault) { try $0.collect(keepNothing, now: traffic.now) }
        #expect(fourth.bytesFreed >= second.bytesInGrace)
        #expect(try bucket.segments().allSatisfy { !before.contains($0) })
        #expect(try early.bytes(object("stays")) == content(1, 20_000))
        #expect(try VaultReader(opening: vault).bytes(object("stays")) == content(1, 20_000))
        _ = try VaultRebuild.restore(from: bucket.url, to: folder / "view")
        #expect(try VaultReader(opening: folder / "view").bytes(object("stays")) == content(1, 20_000))
    }
}

extension Traffic {
    /// Opens a vault for a moment, as a run does that has little to do.
    fileprivate static func withWriter<Value>(
        _ path: String, _ body: (inout VaultWriter) throws -> Value
    ) throws -> Value {
        var writer = try openWriter(path)
        let value = try body(&writer)
        try writer.close()
        return value
    }
}
