import Catalog
import Foundation
import Objects
import TestSupport
import Testing

@testable import Vaults

/// An object with a life: two uploads, a delete, and another object beside it.
private struct Life {
    let folder: TemporaryFolder
    let name = object("a")
    var path: String { folder / "vault" }
    /// The moments of the two uploads and of the delete, nanoseconds since 1970 UTC.
    var first: UInt64 = 0
    var second: UInt64 = 0
    var deleted: UInt64 = 0

    init() throws {
        folder = try TemporaryFolder()
        var traffic = Traffic()
        var writer = try Traffic.openWriter(path)
        try traffic.put(name, content(1, 9000), etag: "one", into: &writer)
        first = traffic.now
        try traffic.put(name, content(2, 200_000), etag: "two", into: &writer)
        second = traffic.now
        try traffic.put(object("b"), content(3, 50), etag: "other", into: &writer)
        try traffic.delete(name, from: &writer)
        deleted = traffic.now
        try writer.close()
    }

    func collect(_ retention: RetentionPolicy) throws -> CollectionReport {
        var writer = try Traffic.openWriter(path)
        let report = try writer.collect(
            CollectionOptions(retention: retention, garbageShareMax: 0, graceNanoseconds: 0), now: deleted + 1)
        try writer.close()
        return report
    }
}

@Suite struct `A vault as it was at a moment` {
    @Test func `shows the version that was live then, to the nanosecond`() throws {
        let life = try Life()
        let reader = try VaultReader(opening: life.path)
        for (time, etag) in [
            (life.first - 1, nil), (life.first, "one"), (life.second - 1, "one"), (life.second, "two"),
            (life.deleted - 1, "two"),
        ] {
            #expect(try reader.catalog.current(life.name, asOf: time)?.etag == etag, "at \(time)")
            #expect(try reader.catalog.forgotten(life.name, asOf: time) == nil)
        }
        #expect(try reader.catalog.current(life.name, asOf: life.deleted)?.kind == .tombstone)
        var seen: [String] = []
        try reader.visitCurrent(asOf: life.second) { seen.append($0.etag ?? "") }
        #expect(seen == ["two"])
    }

    @Test func `says what retention removed of it, and nothing of what is kept or was never there`() throws {
        let life = try Life()
        #expect(try life.collect(RetentionPolicy(keepVersions: 1)).versionsForgotten == 1)
        let reader = try VaultReader(opening: life.path)
        let forgotten = try #require(try reader.catalog.forgotten(life.name, asOf: life.second - 1))
        #expect(forgotten.etag == "one" && forgotten.time == life.first)
        for time in [life.first - 1, life.second, life.deleted] {
            #expect(try reader.catalog.forgotten(life.name, asOf: time) == nil, "at \(time)")
        }
        var all: [ForgottenVersion] = []
        try reader.visitForgotten(asOf: life.first) { all.append($0) }
        #expect(all == [forgotten])
    }
}

@Suite struct `Undelete` {
    @Test func `brings a deleted object back, for good: rebuilt, replayed and collected it is still there`() throws {
        let life = try Life()
        let found = try #require(try VaultReader(opening: life.path).undeletion(of: life.name))
        #expect(found.version.etag == "two" && found.deletedAt == life.deleted)
        do {
            var writer = try Traffic.openWriter(life.path)
            let restored = try #require(try writer.restore(found.version.id, at: life.deleted + 5))
            #expect(restored.time == life.deleted + 5 && restored.origin == .restored)
            let blocks = writer.counters.newBlocks
            #expect(blocks == 0, "no byte is stored again")
            try writer.close()
        }
        func expectLive(_ hint: String) throws {
            let reader = try VaultReader(opening: life.path)
            #expect(try reader.bytes(life.name) == content(2, 200_000), "\(hint)")
            #expect(try reader.catalog.current(life.name, asOf: life.deleted)?.kind == .tombstone, "\(hint)")
            #expect(try reader.undeletion(of: life.name) == nil, "\(hint)")
        }
        try expectLive("undeleted")
        _ = try VaultRebuild.run(at: life.path)
        try expectLive("rebuilt")
        // The same traffic once more: the delete is older than the owner's wish.
        do {
            var traffic = Traffic()
            var writer = try Traffic.openWriter(life.path)
            try traffic.put(life.name, content(1, 9000), etag: "one", into: &writer)
            try traffic.put(life.name, content(2, 200_000), etag: "two", into: &writer)
            try traffic.put(object("b"), content(3, 50), etag: "other", into: &writer)
            try traffic.delete(life.name, from: &writer)
            try writer.close()
        }
        try expectLive("replayed")
        _ = try life.collect(RetentionPolicy(keepVersions: 0, keepDeletedNanoseconds: 0))
        #expect(try VaultReader(opening: life.path).bytes(life.name) == content(2, 200_000))
    }

    @Test func `finds what was deleted since a time, and only what is kept of it`() throws {
        let life = try Life()
        func found(since time: UInt64?) throws -> [String?] {
            var etags: [String?] = []
            try VaultReader(opening: life.path).visitUndeletions(since: time) { etags.append($0.version.etag) }
            return etags
        }
        #expect(try found(since: nil) == ["two"])
        #expect(try found(since: life.deleted) == ["two"])
        #expect(try found(since: life.deleted + 1) == [])
        _ = try life.collect(RetentionPolicy(keepDeletedNanoseconds: 0))
        #expect(try found(since: nil) == [])
        #expect(try VaultReader(opening: life.path).undeletion(of: life.name) == nil)
    }

    @Test func `of an older version is a roll-back, and a clock that is behind does not hide it`() throws {
        let life = try Life()
        let first = try #require(
            try VaultReader(opening: life.path).catalog.versions(of: life.name).first { $0.etag == "one" })
        var writer = try Traffic.openWriter(life.path)
        let restored = try #require(try writer.restore(first.id, at: 1))
        #expect(restored.time == life.deleted + 1)
        #expect(try writer.restore(VersionID(name: life.name, time: 3, tag: .none), at: 1) == nil)
        try writer.close()
        #expect(try VaultReader(opening: life.path).bytes(life.name) == content(1, 9000))
    }
}
