import Blocks
import Catalog
import Foundation
import Objects
import Storage
import TestSupport
import Testing

@testable import Vaults

@Suite struct `A collection` {
    /// What the vault is to hold, and uploads under way.
    private struct Model {
        var contents: [String: [UInt8]] = [:]
        var open: [(transfer: TransferID, key: String, bytes: [UInt8])] = []
        var random: SeededGenerator

        private static let blocks = (0..<1000).map { content($0, Traffic.blockBytes) }

        /// Content of a few blocks out of few, so that objects share them.
        mutating func bytes() -> [UInt8] {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 1...24, using: &random) {
                bytes += Self.blocks[Int.random(in: 0..<Self.blocks.count, using: &random)]
            }
            return bytes + content(7, Int.random(in: 0..<100, using: &random))
        }

        mutating func key() -> String { "k\(Int.random(in: 0..<60, using: &random))" }
    }

    private let keepNothing = CollectionOptions(
        retention: RetentionPolicy(keepDeletedNanoseconds: 0), garbageShareMax: 0.15, graceNanoseconds: 0)

    private func act(_ model: inout Model, _ traffic: inout Traffic, _ writer: inout VaultWriter) throws {
        switch Int.random(in: 0..<10, using: &model.random) {
        case 0..<5:
            let (key, bytes) = (model.key(), model.bytes())
            model.contents[key] = bytes
            try traffic.put(object(key), bytes, into: &writer)
        case 5..<7:
            let bytes = model.bytes()
            model.open.append((try traffic.begin(bytes, into: &writer), model.key(), bytes))
        case 7..<9:
            if model.open.isEmpty { return }
            let upload = model.open.remove(at: Int.random(in: 0..<model.open.count, using: &model.random))
            model.contents[upload.key] = upload.bytes
            try traffic.end(upload.transfer, object(upload.key), count: upload.bytes.count, into: &writer)
        default:
            let key = model.key()
            if model.contents.removeValue(forKey: key) != nil { try traffic.delete(object(key), from: &writer) }
        }
        if Int.random(in: 0..<3, using: &model.random) == 0 { try writer.commit() }
    }

    private func expect(_ reader: VaultReader, holds model: Model) throws {
        var names: [String] = []
        try reader.visitCurrent { version in names.append(String(decoding: version.name.key.bytes, as: UTF8.self)) }
        #expect(names == model.contents.keys.sorted())
        for (key, bytes) in model.contents { #expect(try reader.bytes(object(key)) == bytes, "\(key)") }
    }

    private func segmentBytes(_ path: String) throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: path + "/segments").reduce(0) { sum, name in
            sum + (try FileManager.default.attributesOfItem(atPath: "\(path)/segments/\(name)")[.size] as? Int ?? 0)
        }
    }

    @Test(arguments: [1, 2, 3])
    func `beside uploads and deletes loses nothing, and keeps little more than what is live`(_ seed: UInt64) throws {
        let folder = try TemporaryFolder()
        let path = folder / "vault"
        var model = Model(random: SeededGenerator(seed: seed))
        var traffic = Traffic()
        var writer = try Traffic.openWriter(path)
        var reports: [CollectionReport] = []
        for round in 0..<1000 {
            try act(&model, &traffic, &writer)
            if !writer.isCollecting, round % 40 == 0 { try writer.beginCollection(keepNothing, now: traffic.now) }
            if writer.isCollecting, let report = try writer.collect(for: 0) { reports.append(report) }
            if round % 250 == 249 {
                try writer.commit()
                try expect(try writer.makeReader(), holds: model)
            }
        }
        while writer.isCollecting { _ = try writer.collect(for: .max) }
        for upload in model.open {
            model.contents[upload.key] = upload.bytes
            try traffic.end(upload.transfer, object(upload.key), count: upload.bytes.count, into: &writer)
        }
        reports.append(try writer.collect(keepNothing, now: traffic.now))
        reports.append(try writer.collect(keepNothing, now: traffic.now))
        try writer.close()
        _ = consume writer
        #expect(reports.flatMap(\.damage).isEmpty)
        let removed = reports.map(\.blocksRemoved).reduce(0, +)
        let copied = reports.map(\.copiedBytes).reduce(0, +)
        #expect(removed > 0 && copied > 0)
        try expect(try VaultReader(opening: path), holds: model)

        var live: Set<[UInt8]> = []
        for bytes in model.contents.values {
            for start in stride(from: 0, to: bytes.count, by: Traffic.blockBytes) {
                live.insert(Array(bytes[start..<min(bytes.count, start + Traffic.blockBytes)]))
            }
        }
        let liveBytes = live.reduce(0) { $0 + $1.count }
        let used = try segmentBytes(path)
        #expect(Double(used) <= 1.3 * Double(liveBytes), "\(used) bytes for \(liveBytes)")

        let before = try VaultReader(opening: path).everything()
        _ = try VaultRebuild.run(at: path)
        #expect(try VaultReader(opening: path).everything() == before)
    }

    @Test func `keeps the versions that its rules name`() throws {
        let folder = try TemporaryFolder()
        let path = folder / "vault"
        var traffic = Traffic()
        var writer = try Traffic.openWriter(path)
        for seed in 0..<5 { try traffic.put(object("a"), content(seed, 9000), etag: "\(seed)", into: &writer) }
        try traffic.put(object("b"), content(10, 9000), etag: "b", into: &writer)
        try traffic.delete(object("b"), from: &writer)
        func etags(_ name: String) throws -> [String] {
            try writer.commit()
            return try writer.makeReader().catalog.versions(of: object(name)).map { $0.etag ?? "-" }
        }
        let second: UInt64 = 1_000_000_000
        func collect(_ policy: RetentionPolicy, after seconds: UInt64 = 0) throws -> CollectionReport {
            try writer.collect(
                CollectionOptions(retention: policy, graceNanoseconds: 0), now: traffic.now + seconds * second)
        }
        _ = try collect(RetentionPolicy())
        #expect(try etags("a") == ["4", "3", "2", "1", "0"])
        _ = try collect(RetentionPolicy(keepVersions: 4))
        #expect(try etags("a") == ["4", "3", "2", "1"])
        // Replaced 5 seconds ago (by "3"), 4 ("4"): only the former is older than 4 seconds and beyond two versions.
        _ = try collect(RetentionPolicy(keepVersions: 2, keepDeletedNanoseconds: 4 * second), after: 1)
        #expect(try etags("a") == ["4", "3"])
        #expect(try etags("b") == ["-", "b"])
        #expect(try collect(RetentionPolicy(keepDeletedNanoseconds: 3600 * second), after: 60).versionsForgotten == 0)
        let report = try collect(RetentionPolicy(keepDeletedNanoseconds: 3600 * second), after: 3601)
        #expect(report.versionsForgotten == 3)
        #expect(try etags("b") == [])
        #expect(try etags("a") == ["4"])
        #expect(try writer.makeReader().bytes(object("a")) == content(4, 9000))
    }

    @Test func `leaves a rewritten file to readers that began before, for its time of grace`() throws {
        let folder = try TemporaryFolder()
        let path = folder / "vault"
        var traffic = Traffic()
        var writer = try Traffic.openWriter(path)
        try traffic.put(object("stays"), content(1, 20_000), into: &writer)
        try traffic.put(object("goes"), content(2, 90_000), into: &writer)
        try writer.commit()
        let early = try VaultReader(opening: path)
        try traffic.delete(object("goes"), from: &writer)
        var options = keepNothing
        options.graceNanoseconds = 3_600_000_000_000
        let report = try writer.collect(options, now: traffic.now)
        #expect(report.segmentsRewritten == 1 && report.bytesFreed == 0 && report.bytesInGrace > 110_000)
        #expect(try early.bytes(object("stays")) == content(1, 20_000))
        #expect(try early.bytes(object("goes")) == content(2, 90_000))
        #expect(try VaultReader(opening: path).bytes(object("stays")) == content(1, 20_000))
        let later = try writer.collect(keepNothing, now: traffic.now)
        #expect(later.bytesFreed >= report.bytesInGrace && later.bytesInGrace == 0)
        #expect(try writer.makeReader().bytes(object("stays")) == content(1, 20_000))
        // What went is stored anew when it comes again.
        try traffic.put(object("back"), content(2, 90_000), into: &writer)
        try writer.commit()
        #expect(try writer.makeReader().bytes(object("back")) == content(2, 90_000))
    }

    @Test func `rewrites no segment with a damaged block that is in use, and says which`() throws {
        let folder = try TemporaryFolder()
        let path = folder / "vault"
        var traffic = Traffic()
        var writer = try Traffic.openWriter(path)
        try traffic.put(object("a"), content(1, 4096), into: &writer)
        try traffic.put(object("b"), content(2, 90_000), into: &writer)
        try traffic.delete(object("b"), from: &writer)
        try writer.commit()
        let file = try #require(try segmentFiles(path).first)
        var bytes = try fileBytes(file)
        let place = try #require(Data(bytes).range(of: Data(content(1, 4096)))).lowerBound
        bytes[place + 100] ^= 1
        try write(bytes, to: file)
        let report = try writer.collect(keepNothing, now: traffic.now)
        #expect(report.segmentsRewritten == 0 && report.bytesFreed == 0)
        #expect(report.damage.count == 1 && report.damage[0].contains(file), "\(report.damage)")
        #expect(try segmentFiles(path).contains(file))
    }

    @Test func `can be cut off at any step by a crash`() throws {
        let folder = try TemporaryFolder()
        let path = folder / "vault"
        var model = Model(random: SeededGenerator(seed: 9))
        var traffic = Traffic()
        var writer = try Traffic.openWriter(path)
        for _ in 0..<120 { try act(&model, &traffic, &writer) }
        model.open = []
        try writer.commit()
        try writer.beginCollection(keepNothing, now: traffic.now)
        var step = 0
        while try writer.collect(for: 0) == nil {
            step += 1
            let copy = folder / "crash\(step)"
            try copyFolder(path, to: copy)
            try expect(try VaultReader(opening: copy), holds: model)
            var again = try VaultWriter(path: copy)
            _ = try again.collect(keepNothing, now: traffic.now)
            try expect(try again.makeReader(), holds: model)
            try again.close()
            _ = consume again
            _ = try VaultRebuild.run(at: copy)
            try expect(try VaultReader(opening: copy), holds: model)
            try FileManager.default.removeItem(atPath: copy)
        }
        #expect(step > 5)
    }

    /// Every row of the catalog but its own checkpoint.
    private func rows(_ writer: borrowing VaultWriter) throws -> [String] {
        let catalog = try writer.makeReader().catalog
        var rows: [String] = []
        for table in CatalogTable.allCases where table != .meta {
            try catalog.scan(table, prefix: [], from: nil) { key, value in
                rows.append("\(table.name) \(key) \(value)")
                return .next
            }
        }
        return rows
    }

    /// Changes rows of names that no earlier step changed.
    private func change(_ step: Int, _ traffic: inout Traffic, _ writer: inout VaultWriter) throws {
        for number in 3 * step..<3 * step + 3 {
            try traffic.put(object("k\(number % 60)"), content(step, 100), into: &writer)
        }
        try writer.commit()
    }

    @Test func `of a segment that takes several steps brings back no row that changed meanwhile`() throws {
        let folder = try TemporaryFolder()
        var twins: [[String]] = []
        var steps = 0
        for isCollecting in [true, false] {
            let path = folder / "vault-\(isCollecting)"
            var traffic = Traffic()
            var writer = try Traffic.openWriter(path)
            for number in 0..<60 {
                try traffic.put(object("k\(number)"), content(number, 30 * Traffic.blockBytes), into: &writer)
                try writer.commit()
            }
            // Blocks of uploads that never end, a quarter of all.
            for number in 1000..<1010 {
                _ = try traffic.begin(content(number, 60 * Traffic.blockBytes), into: &writer)
            }
            try writer.commit()
            try writer.close()
            _ = consume writer
            writer = try Traffic.openWriter(path)
            if isCollecting {
                let options = CollectionOptions(garbageShareMax: 0.1, graceNanoseconds: 0)
                try writer.beginCollection(options, now: traffic.now)
                var report: CollectionReport?
                while report == nil {
                    try change(steps, &traffic, &writer)
                    steps += 1
                    report = try writer.collect(for: 0)
                }
                #expect(report?.segmentsRewritten == 1 && report?.blocksRemoved == 600, "\(String(describing: report))")
                #expect(steps > 5)
            } else {
                for step in 0..<steps { try change(step, &traffic, &writer) }
            }
            twins.append(try rows(writer))
            if isCollecting {
                try writer.close()
                _ = consume writer
                _ = try VaultRebuild.run(at: path)
                twins.append(try rows(try Traffic.openWriter(path)))
            }
        }
        #expect(twins[0] == twins[2], "as without a collection")
        #expect(twins[1] == twins[2], "and so after a rebuild")
    }

    @Test func `as a dry run changes nothing and says what could be done`() throws {
        let folder = try TemporaryFolder()
        let path = folder / "vault"
        var traffic = Traffic()
        var writer = try Traffic.openWriter(path)
        for seed in 0..<5 { try traffic.put(object("a"), content(seed, 30_000), into: &writer) }
        _ = try writer.collect(CollectionOptions(graceNanoseconds: 0), now: traffic.now)
        let files = try segmentFiles(path)
        var options = keepNothing
        options.isDryRun = true
        let report = try writer.collect(options, now: traffic.now)
        #expect(report.versionsForgotten == 4 && report.bytesFreed == 0 && report.copiedBytes == 0)
        #expect(try segmentFiles(path) == files)
        #expect(try writer.makeReader().catalog.versions(of: object("a")).count == 5)
    }
}

@Suite struct `A set of fingerprints` {
    private func fingerprint(_ number: UInt64) throws -> Fingerprint {
        try withUnsafeBytes(of: number) { bytes in
            try OpenSSLBlockHasher().fingerprint(of: RawSpan(_unsafeBytes: bytes))
        }
    }

    @Test func `denies nothing that is in it, and affirms little else`() throws {
        var set = FingerprintFilter(count: 20_000, bytesMax: 1 << 20, salt: 5)
        for number in 0..<UInt64(20_000) { set.insert(try fingerprint(number)) }
        for number in 0..<UInt64(20_000) { #expect(set.contains(try fingerprint(number))) }
        var wrong = 0
        for number in UInt64(20_000)..<40_000 where set.contains(try fingerprint(number)) { wrong += 1 }
        #expect(wrong < 200, "\(wrong) of 20000")
    }

    @Test func `stays within its memory, and still denies nothing`() throws {
        var set = FingerprintFilter(count: .max, bytesMax: 4096, salt: 5)
        #expect(set.byteCount <= 4096)
        for number in 0..<UInt64(5000) { set.insert(try fingerprint(number)) }
        for number in 0..<UInt64(5000) { #expect(set.contains(try fingerprint(number))) }
    }
}
