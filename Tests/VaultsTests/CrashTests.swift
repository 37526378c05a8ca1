import Blocks
import Foundation
import Objects
import TestSupport
import Testing

@testable import Vaults

/// A vault that was written in steps, with a copy of its folder after each: what a crash of the process would leave there.
private struct Steps {
    let folder: TemporaryFolder
    /// The objects in the order in which they were committed, each alone.
    let objects: [(name: ObjectName, bytes: [UInt8])]
    /// Length of the segment file after each commit; the first is that of the new vault.
    var ends: [Int] = []

    /// Every commit is followed by a copy `committed-N`; before it `appended-N` is made.
    init() throws {
        folder = try TemporaryFolder()
        objects = [
            (object("packed"), content(1, 300)), (object("page"), content(2, 4096)),
            (object("several"), content(1, 300) + content(3, 9000)), (object("last"), content(4, 50)),
        ]
        var traffic = Traffic()
        var writer = try Traffic.openWriter(folder / "vault")
        try copyFolder(folder / "vault", to: folder / "committed-0")
        ends.append(4096)
        for (index, object) in objects.enumerated() {
            let digest = try md5(object.bytes)
            try traffic.put(object.name, object.bytes, digests: [digest], into: &writer)
            try copyFolder(folder / "vault", to: folder / "appended-\(index)")
            try writer.commit()
            try copyFolder(folder / "vault", to: folder / "committed-\(index + 1)")
            ends.append(try fileBytes(segmentFiles(folder / "vault")[0]).count)
        }
        // No close: the copies were made from a vault in use.
    }

    /// Holds a vault after a crash: the first `count` objects are there with their bytes, the others are not.
    func expect(_ vault: String, toHold count: Int, _ hint: String) throws {
        let reader = try VaultReader(opening: vault)
        for (index, object) in objects.enumerated() {
            let version = try reader.catalog.current(object.name)
            if index >= count {
                #expect(version == nil, "\(object.name.url) appeared from nowhere, \(hint)")
                continue
            }
            let found = try #require(version, "\(object.name.url) was acknowledged and is gone, \(hint)")
            #expect(found.state == .complete, "\(hint)")
            #expect(try reader.bytes(object.name) == object.bytes, "\(hint)")
            #expect(try !reader.verify(found).isDamaged, "\(hint)")
        }
    }

    /// Replays everything into a vault after a crash, and compares it with one that never crashed.
    func complete(_ vault: String, _ hint: String) throws {
        var traffic = Traffic()
        var writer = try Traffic.openWriter(vault)
        let damage = writer.damage
        #expect(damage.isEmpty, "\(hint): \(damage)")
        for object in objects { try traffic.put(object.name, object.bytes, into: &writer) }
        try writer.close()
        let reader = try writer.makeReader()
        for object in objects { #expect(try reader.bytes(object.name) == object.bytes, "\(hint)") }
    }
}

@Suite struct `After a crash` {
    @Test func `what was acknowledged is there, and what was only appended does no harm`() throws {
        let steps = try Steps()
        for index in steps.objects.indices {
            // The blocks are in the segment, the object is in no catalog: nothing names them.
            try steps.expect(steps.folder / "appended-\(index)", toHold: index, "appended \(index)")
            try steps.complete(steps.folder / "appended-\(index)", "appended \(index)")
            try steps.expect(steps.folder / "committed-\(index + 1)", toHold: index + 1, "committed \(index)")
            try steps.complete(steps.folder / "committed-\(index + 1)", "committed \(index)")
        }
    }

    @Test func `the log alone brings the catalog up, from whatever state of it survived`() throws {
        let steps = try Steps()
        let count = steps.objects.count
        for survivor in 0...count {
            let vault = steps.folder / "survivor-\(survivor)"
            try copyFolder(steps.folder / "committed-\(count)", to: vault)
            try FileManager.default.removeItem(atPath: vault + "/catalog")
            try copyFolder(steps.folder / "committed-\(survivor)/catalog", to: vault + "/catalog")
            try steps.expect(vault, toHold: count, "catalog after \(survivor) commits")
        }
    }

    /// The tail is cut where something ends, one byte to each side, and at places spread over all of it. That a scan of the
    /// segment gives exactly the whole frames for every single byte is shown by `TornTailTests` of Storage.
    @Test func `a tail cut anywhere gives the objects whose frames are whole, and takes the rest again`() throws {
        let steps = try Steps()
        let count = steps.objects.count
        let whole = try fileBytes(segmentFiles(steps.folder / "committed-\(count)")[0])
        let start = steps.ends[count - 2]
        var cuts: Set<Int> = Set(stride(from: start, through: whole.count, by: 2711))
        for page in stride(from: start, through: whole.count, by: 4096) { cuts.formUnion([page - 1, page, page + 1]) }
        for offset in [95, 96, 97, 152, 184] { cuts.insert(start + offset) }
        for cut in cuts.sorted() where cut >= start && cut <= whole.count {
            let vault = steps.folder / "cut"
            try copyFolder(steps.folder / "committed-\(count - 2)", to: vault)
            let file = try segmentFiles(vault)[0]
            try write(whole[..<cut], to: file)
            let held = steps.ends.lastIndex { $0 <= cut } ?? 0
            if cut % 2 == 0 {
                try steps.expect(vault, toHold: held, "cut at \(cut)")
            } else {
                // The next writer comes before any reader.
                var traffic = Traffic()
                var writer = try Traffic.openWriter(vault)
                let damage = writer.damage
                #expect(damage.isEmpty)
                try traffic.put(object("after"), content(7, 5000), into: &writer)
                try writer.close()
            }
            try steps.complete(vault, "cut at \(cut)")
            try FileManager.default.removeItem(atPath: vault)
        }
    }

    @Test func `a writer goes on behind a torn tail and tells how much it cut off`() throws {
        let steps = try Steps()
        let vault = steps.folder / "committed-2"
        let file = try segmentFiles(vault)[0]
        try write(try fileBytes(file) + content(9, 6000), to: file)
        do {
            let writer = try Traffic.openWriter(vault)
            let (torn, damage) = (writer.counters.tornBytes, writer.damage)
            #expect(torn == 6000 && damage.isEmpty)
        }
        #expect(try fileBytes(file).count == steps.ends[2])
        try steps.expect(vault, toHold: 2, "torn")
    }

    @Test func `bytes lost that were durable are damage, which is named, and nothing is cut or written over`() throws {
        let steps = try Steps()
        let count = steps.objects.count
        // A catalog that knows of more than the segment has: the medium lost the end.
        for lost in [steps.ends[1], steps.ends[1] + 100, steps.ends[1] + 4200] {
            let vault = steps.folder / "lost"
            try copyFolder(steps.folder / "committed-\(count)", to: vault)
            let file = try segmentFiles(vault)[0]
            try write(try fileBytes(file)[..<lost], to: file)
            do {
                var traffic = Traffic()
                var writer = try Traffic.openWriter(vault)
                let (torn, damage) = (writer.counters.tornBytes, writer.damage)
                #expect(damage.contains { $0.contains(file) }, "\(damage)")
                #expect(torn == 0)
                try traffic.put(object("after"), content(7, 5000), into: &writer)
                try writer.close()
            }
            #expect(try fileBytes(file).count == lost, "the damaged file is left as it is")
            let reader = try VaultReader(opening: vault)
            #expect(try reader.bytes(object("packed")) == steps.objects[0].bytes)
            #expect(try reader.bytes(object("after")) == content(7, 5000))
            let harmed = try #require(try reader.catalog.current(object("page")))
            #expect(try reader.verify(harmed).isDamaged)
            #expect(message { try reader.bytes(object("page")) }.contains(file))
            // What verify advises: the index forgets what is lost, and the same traffic brings it back.
            _ = try VaultRebuild.run(at: vault, checksBlocks: true)
            try steps.complete(vault, "cut at \(lost)")
            try FileManager.default.removeItem(atPath: vault)
        }
    }

    @Test(arguments: [false, true])
    func `a damaged block costs the objects that use it, until a rebuild and a replay bring it back`(
        checksBlocks: Bool
    ) throws {
        let steps = try Steps()
        let vault = steps.folder / "committed-4"
        let file = try segmentFiles(vault)[0]
        var stored = try fileBytes(file)
        let place = try #require(Data(stored).range(of: Data(steps.objects[1].bytes))).lowerBound
        stored[place + 17] ^= 1
        try write(stored, to: file)
        let report = try VaultRebuild.run(at: vault, checksBlocks: checksBlocks)
        #expect(report.damage.contains { $0.contains(file) }, "\(report.damage)")
        let reader = try VaultReader(opening: vault)
        // Its frame is not believed; the ones before and behind are.
        for index in [0, 2, 3] { #expect(try reader.bytes(steps.objects[index].name) == steps.objects[index].bytes) }
        #expect(message { try reader.bytes(steps.objects[1].name) } != "")
        var traffic = Traffic()
        do {
            var writer = try Traffic.openWriter(vault)
            for object in steps.objects { try traffic.put(object.name, object.bytes, into: &writer) }
            try writer.close()
        }
        let after = try VaultReader(opening: vault)
        for object in steps.objects {
            #expect(try after.bytes(object.name) == object.bytes)
            #expect(try !after.verify(try #require(try after.catalog.current(object.name))).isDamaged)
        }
    }

    @Test func `a segment that was only begun is gone on with`() throws {
        let steps = try Steps()
        let vault = steps.folder / "committed-0"
        try FileManager.default.createDirectory(atPath: vault + "/segments", withIntermediateDirectories: true)
        try write([1, 2, 3], to: vault + "/segments/0000000000000001.oxs.new")
        try steps.expect(vault, toHold: 0, "draft")
        try steps.complete(vault, "draft")
        #expect(try segmentFiles(vault).count == 1)
    }
}
