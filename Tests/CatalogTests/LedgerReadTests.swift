import Catalog
import Objects
import TestSupport
import Testing

@Suite struct LedgerReadTests {
    let name = object("read/me")

    @Test func `a read with the ETag of a partial upload heals it and says when`() throws {
        let bench = LedgerBench()
        let bytes = content(1, 100)
        try bench.put(name, bytes, 10, etag: "e1", missing: [(20..<30, .notCaptured)])
        try bench.read(name, bytes, 50, range: 16..<48, etag: "e1", modified: 10)
        let version = try #require(try bench.ledger.current(name))
        #expect(version.state == .complete)
        #expect(try bench.bytes(of: version) == bytes)
        #expect(
            version.healed == [
                VersionRecord.HealedGap(offset: 20, length: 10, cause: .notCaptured, time: seconds(50))
            ])
        #expect(try bench.ledger.versions(of: name).count == 1)
    }

    @Test func `a read heals only what it brings`() throws {
        let bench = LedgerBench()
        let bytes = content(1, 100)
        try bench.put(name, bytes, 10, etag: "e1", missing: [(20..<40, .notCaptured)])
        try bench.read(name, bytes, 50, range: 25..<32, etag: "e1")
        let version = try #require(try bench.ledger.current(name))
        #expect(
            version.gaps == [
                Gap(offset: 20, length: 5, cause: .notCaptured), Gap(offset: 32, length: 8, cause: .notCaptured),
            ])
    }

    @Test func `ranges that were read join in any order, whatever their borders`() throws {
        let bytes = content(3, 200)
        for seed in 0..<30 {
            var random = SeededGenerator(seed: seed)
            let bench = LedgerBench()
            var covered = [Bool](repeating: false, count: bytes.count)
            for step in 0..<40 {
                let start = Int.random(in: 0..<200, using: &random)
                let end = Int.random(in: start + 1...min(200, start + 60), using: &random)
                try bench.read(
                    name, bytes, Double(step) + 100, range: start..<end, etag: "e", modified: 90)
                for index in start..<end { covered[index] = true }
                let version = try #require(try bench.ledger.current(name))
                let held = try bench.bytes(of: version)
                #expect(held.indices.allSatisfy { held[$0] == (covered[$0] ? bytes[$0] : nil) })
                let missing = version.gaps.flatMap { Int($0.offset)..<Int($0.offset + ($0.length ?? 0)) }
                #expect(missing == covered.indices.filter { !covered[$0] })
                #expect(version.state == (covered.allSatisfy(\.self) ? .complete : .partial))
            }
            #expect(try bench.ledger.versions(of: name).count == 1)
        }
    }

    @Test func `a read of an object whose upload was not seen makes a version ordered by Last-Modified`() throws {
        let bench = LedgerBench()
        try bench.read(name, content(1, 64), 100, range: 0..<16, etag: "e1", modified: 40)
        let version = try #require(try bench.ledger.current(name))
        #expect(version.origin == .read)
        #expect(version.time == 40_999_999_999)
        #expect(version.gaps == [Gap(offset: 16, length: 48, cause: .neverSeen)])
    }

    @Test func `a read never resurrects what was deleted after it`() throws {
        let bench = LedgerBench()
        try bench.delete(name, 50)
        try bench.read(name, content(1, 64), 49, etag: "e1", modified: 40)
        try bench.read(name, content(1, 64), 49.5, etag: "e1")
        #expect(try bench.live() == [])
    }

    @Test func `a read after a delete shows that the object is there again`() throws {
        let bench = LedgerBench()
        try bench.put(name, content(1, 64), 10, etag: "e1")
        try bench.delete(name, 50)
        try bench.read(name, content(1, 64), 90, etag: "e1", modified: 70)
        #expect(try bench.live().map(\.time) == [70_999_999_999])
    }

    @Test func `a read that names an old version leaves the current one alone`() throws {
        let bench = LedgerBench()
        try bench.put(name, content(1, 64), 10, etag: "e1", versionID: "v1", missing: [(0..<9, .snapped)])
        try bench.put(name, content(2, 64), 20, etag: "e2", versionID: "v2")
        try bench.read(name, content(1, 64), 30, etag: "e1", versionID: "v1", modified: 10)
        #expect(try bench.live().map(\.versionID) == ["v2"])
        #expect(try bench.ledger.versions(of: name).map(\.state) == [.complete, .complete])
    }

    @Test func `equal ETags of different versions in a versioned bucket stay apart`() throws {
        let bench = LedgerBench()
        try bench.put(name, content(1, 64), 10, etag: "e1", versionID: "v1", missing: [(0..<9, .snapped)])
        try bench.read(name, content(1, 64), 30, etag: "e1", versionID: "v9", modified: 25)
        let versions = try bench.ledger.versions(of: name)
        #expect(versions.map(\.versionID) == ["v9", "v1"])
        #expect(versions.map(\.state) == [.complete, .partial])
    }

    @Test func `an upload replayed after the read that showed its version becomes its origin`() throws {
        for paged in [false, true] {
            let bench = LedgerBench()
            let bytes = content(1, paged ? 16 * 700 + 3 : 64)
            try bench.read(name, bytes, 100, range: 16..<bytes.count, etag: "e1", modified: 40)
            try bench.commit()
            try bench.put(name, bytes, 40.25, etag: "e1", missing: [(20..<30, .snapped)])
            let versions = try bench.ledger.versions(of: name)
            #expect(versions.map(\.time) == [seconds(40.25)])
            #expect(versions.first?.origin == .put)
            #expect(versions.first?.state == .complete)
            #expect(try bench.bytes(of: versions[0]) == bytes)
            try bench.commit()
            #expect(bench.catalog.count(of: .versions) == 1)
            // Whether the read or the upload comes first, a replay of both changes nothing.
            try bench.read(name, bytes, 100, range: 16..<bytes.count, etag: "e1", modified: 40)
            try bench.put(name, bytes, 40.25, etag: "e1", missing: [(20..<30, .snapped)])
            #expect(try bench.commit() == [])
        }
    }

    @Test func `a read of other content than the upload in the same second is the current version`() throws {
        let bench = LedgerBench()
        try bench.put(name, content(1, 64), 40.25, etag: "e1")
        try bench.read(name, content(2, 64), 100, etag: "e2", modified: 40)
        #expect(try bench.live().map(\.etag) == ["e2"])
    }

    @Test func `a read joins an upload without ETag when size and blocks agree, and its ETag is learned`() throws {
        let bench = LedgerBench()
        let bytes = content(1, 64)
        try bench.put(name, bytes, 10, missing: [(16..<32, .kernelDrop)])
        try bench.read(name, bytes, 20, etag: "e1", modified: 10)
        let versions = try bench.ledger.versions(of: name)
        #expect(versions.map(\.etag) == ["e1"])
        #expect(versions.map(\.state) == [.complete])
        try bench.read(name, bytes, 21, etag: "e1", modified: 10)
        #expect(try bench.ledger.versions(of: name).count == 1)
    }

    @Test func `other bytes than the upload without ETag are a version of their own`() throws {
        let bench = LedgerBench()
        try bench.put(name, content(1, 64), 10, missing: [(16..<32, .kernelDrop)])
        try bench.read(name, content(2, 64), 20, etag: "e1")
        let versions = try bench.ledger.versions(of: name)
        #expect(versions.map(\.state) == [.complete, .partial])
        #expect(versions.map(\.etag) == ["e1", nil])
    }

    @Test func `a read does not join an upload without ETag when the object was modified since`() throws {
        let bench = LedgerBench()
        let bytes = content(1, 64)
        try bench.put(name, bytes, 10, missing: [(16..<32, .kernelDrop)])
        try bench.read(name, bytes, 100, range: 16..<32, modified: 50)
        #expect(try bench.ledger.versions(of: name).map(\.state) == [.partial, .partial])
    }

    @Test func `a read does not join an upload without ETag across a delete or another upload`() throws {
        let bench = LedgerBench()
        let bytes = content(1, 64)
        try bench.put(name, bytes, 10, missing: [(16..<32, .kernelDrop)])
        try bench.delete(name, 15)
        try bench.read(name, bytes, 20)
        #expect(try bench.ledger.versions(of: name).last?.state == .partial)
        #expect(try bench.live().map(\.state) == [.complete])
    }

    @Test func `a read whose stated size contradicts the version brings no bytes`() throws {
        let bench = LedgerBench()
        try bench.put(name, content(1, 64), 10, etag: "e1", versionID: "v1", missing: [(0..<16, .snapped)])
        try bench.read(name, content(1, 80), 20, etag: "e1", versionID: "v1")
        let version = try #require(try bench.ledger.current(name))
        #expect(version.size == 64)
        #expect(version.gaps == [Gap(offset: 0, length: 16, cause: .snapped)])
        #expect(bench.ledger.counters.contradictions == 1)
    }

    @Test func `a read tells the size that the upload's framing lost`() throws {
        let bench = LedgerBench()
        let bytes = content(1, 64)
        try bench.put(name, bytes, 10, etag: "e1", size: .some(nil))
        #expect(try bench.ledger.current(name)?.state == .partial)
        try bench.read(name, bytes, 20, range: 0..<1, etag: "e1")
        #expect(try bench.ledger.current(name)?.state == .complete)
    }

    @Test func `of two causes for the same bytes the one that says more is kept`() throws {
        let bench = LedgerBench()
        let bytes = content(1, 64)
        try bench.put(name, bytes, 10, etag: "e1", missing: [(16..<32, .notCaptured)])
        try bench.read(name, bytes, 20, range: 16..<48, etag: "e1", missing: [(0..<20, .kernelDrop)])
        #expect(try bench.ledger.current(name)?.gaps == [Gap(offset: 16, length: 16, cause: .kernelDrop)])
        try bench.read(name, bytes, 21, range: 16..<48, etag: "e1", missing: [(0..<20, .notCaptured)])
        #expect(try bench.ledger.current(name)?.gaps == [Gap(offset: 16, length: 16, cause: .kernelDrop)])
    }
}
