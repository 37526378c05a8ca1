import Catalog
import Objects
import Testing

@Suite struct LedgerVersionTests {
    let name = object("a/key")

    @Test func `an upload seen whole is complete and its bytes read back`() throws {
        let bench = LedgerBench()
        let bytes = content(1, 100)
        let version = try #require(try bench.put(name, bytes, 10, etag: "e1"))
        #expect(version.state == .complete)
        #expect(version.size == 100)
        #expect(version.etag == "e1")
        #expect(version.gaps == [])
        #expect(version.origin == .put)
        #expect(try bench.bytes(of: version) == bytes)
        try bench.commit()
        #expect(try bench.catalog.current(name) == version)
    }

    @Test func `an empty object is complete`() throws {
        let bench = LedgerBench()
        let version = try #require(try bench.put(name, [], 10, etag: "e"))
        #expect(version.state == .complete)
        #expect(version.gaps == [])
    }

    @Test func `an upload with gaps is partial and names every missing byte and its cause`() throws {
        let bench = LedgerBench()
        let version = try #require(
            try bench.put(name, content(1, 100), 10, missing: [(20..<30, .notCaptured), (50..<61, .snapped)]))
        #expect(version.state == .partial)
        #expect(
            version.gaps == [
                Gap(offset: 20, length: 10, cause: .notCaptured), Gap(offset: 50, length: 11, cause: .snapped),
            ])
    }

    @Test func `an upload whose length the cloud did not state is partial with an open gap`() throws {
        let bench = LedgerBench()
        let version = try #require(
            try bench.put(name, content(1, 40), 10, end: .framingLost, size: .some(nil)))
        #expect(version.state == .partial)
        #expect(version.size == nil)
        #expect(version.gaps == [Gap(offset: 40, length: nil, cause: .neverSeen)])
    }

    @Test func `what follows the last byte has the cause of the transfer's end`() throws {
        let bench = LedgerBench()
        let id = TransferID(900)
        bench.ledger.open(id, TransferPlan())
        bench.ledger.add(
            .init(offset: 0, length: 16, fingerprint: bench.store(content(1, 16))), to: id)
        bench.ledger.close(id, TransferEnd(length: nil, cause: .captureEnded))
        try bench.ledger.apply(.stored(StoredEvent(name: name, transfer: id, size: 50, seen: at(3))))
        let version = try #require(try bench.ledger.current(name))
        #expect(version.gaps == [Gap(offset: 16, length: 34, cause: .captureEnded)])
    }

    @Test func `the same event again changes nothing`() throws {
        let bench = LedgerBench()
        try bench.put(name, content(1, 100), 10, etag: "e1", missing: [(3..<9, .snapped)])
        try bench.delete(name, 11)
        try bench.put(name, content(2, 70), 12, etag: "e2")
        try bench.read(name, content(2, 70), 13, etag: "e2", modified: 12)
        #expect(try !bench.commit().isEmpty)
        try bench.put(name, content(1, 100), 10, etag: "e1", missing: [(3..<9, .snapped)])
        try bench.delete(name, 11)
        try bench.put(name, content(2, 70), 12, etag: "e2")
        try bench.read(name, content(2, 70), 13, etag: "e2", modified: 12)
        #expect(try bench.commit() == [])
    }

    @Test func `a later upload is current and the older one is kept beneath`() throws {
        let bench = LedgerBench()
        try bench.put(name, content(1, 10), 10, etag: "e1")
        try bench.put(name, content(2, 10), 20, etag: "e2")
        #expect(try bench.ledger.versions(of: name).map(\.etag) == ["e2", "e1"])
        #expect(try bench.live().map(\.etag) == ["e2"])
    }

    @Test func `an older upload that is replayed later slots in beneath`() throws {
        let bench = LedgerBench()
        try bench.put(name, content(2, 10), 20, etag: "e2")
        try bench.put(name, content(1, 10), 10, etag: "e1")
        #expect(try bench.ledger.versions(of: name).map(\.etag) == ["e2", "e1"])
        #expect(try bench.ledger.current(name)?.etag == "e2")
        #expect(try bench.ledger.current(name, asOf: seconds(15))?.etag == "e1")
        #expect(try bench.ledger.current(name, asOf: seconds(5)) == nil)
    }

    @Test func `a delete makes a tombstone, and an upload after it is live`() throws {
        let bench = LedgerBench()
        try bench.put(name, content(1, 10), 10, etag: "e1")
        try bench.delete(name, 20)
        #expect(try bench.live() == [])
        #expect(try bench.ledger.current(name)?.kind == .tombstone)
        try bench.put(name, content(1, 10), 30, etag: "e1")
        #expect(try bench.live().map(\.time) == [seconds(30)])
    }

    @Test func `a delete that is replayed before the upload it deleted still deletes it`() throws {
        let bench = LedgerBench()
        try bench.delete(name, 20)
        try bench.put(name, content(1, 10), 10, etag: "e1")
        #expect(try bench.live() == [])
    }

    @Test func `tombstones are visited on request only`() throws {
        let bench = LedgerBench()
        try bench.put(name, content(1, 10), 10)
        try bench.delete(name, 20)
        var kinds: [VersionRecord.Kind] = []
        try bench.ledger.visitLive(includingTombstones: true) { version in
            kinds.append(version.kind)
            return .next
        }
        #expect(kinds == [.tombstone])
    }

    @Test func `removing the current version of a versioned bucket makes the one before current`() throws {
        let bench = LedgerBench()
        try bench.put(name, content(1, 10), 10, etag: "e1", versionID: "v1")
        try bench.put(name, content(2, 10), 20, etag: "e2", versionID: "v2")
        try bench.delete(name, 30, versionID: "v2")
        #expect(try bench.live().map(\.versionID) == ["v1"])
        #expect(try bench.ledger.versions(of: name).map(\.removedAt) == [seconds(30), nil])
        #expect(try bench.ledger.current(name, asOf: seconds(25))?.versionID == "v2")
    }

    @Test func `a removed version does not come back when its upload is replayed`() throws {
        let bench = LedgerBench()
        try bench.delete(name, 30, versionID: "v2")
        try bench.put(name, content(1, 10), 10, versionID: "v1")
        try bench.put(name, content(2, 10), 20, versionID: "v2")
        #expect(try bench.live().map(\.versionID) == ["v1"])
        let versions = try bench.ledger.versions(of: name)
        #expect(versions.map(\.versionID) == ["v2", "v1"])
        #expect(versions.first?.time == seconds(20))
        #expect(versions.first?.origin == .put)
    }

    @Test func `a delete marker hides the object and removing the marker brings it back`() throws {
        let bench = LedgerBench()
        try bench.put(name, content(1, 10), 10, versionID: "v1")
        try bench.delete(name, 20, marker: "m1")
        #expect(try bench.live() == [])
        #expect(try bench.ledger.current(name)?.versionID == "m1")
        try bench.delete(name, 30, versionID: "m1", removedMarker: true)
        #expect(try bench.live().map(\.versionID) == ["v1"])
        // The replay of the marker's making does not delete again.
        try bench.delete(name, 20, marker: "m1")
        #expect(try bench.live().map(\.versionID) == ["v1"])
    }

    @Test func `a marker that was removed before it was seen stays removed`() throws {
        let bench = LedgerBench()
        try bench.put(name, content(1, 10), 10, versionID: "v1")
        try bench.delete(name, 30, versionID: "m1", removedMarker: true)
        try bench.delete(name, 20, marker: "m1")
        #expect(try bench.live().map(\.versionID) == ["v1"])
    }

    @Test func `the version id null identifies nothing`() throws {
        let bench = LedgerBench()
        try bench.put(name, content(1, 10), 10, etag: "e1", versionID: "null")
        try bench.put(name, content(2, 10), 20, etag: "e2", versionID: "null")
        #expect(try bench.ledger.versions(of: name).count == 2)
        #expect(try bench.live().map(\.etag) == ["e2"])
        try bench.delete(name, 30, versionID: "null")
        #expect(try bench.live().map(\.etag) == ["e1"])
    }

    @Test func `the same version seen at two taps is one, ordered by the earlier answer`() throws {
        let bench = LedgerBench()
        try bench.put(name, content(1, 10), 10.5, versionID: "v1")
        try bench.put(name, content(1, 10), 10, versionID: "v1", missing: [(0..<3, .snapped)])
        let versions = try bench.ledger.versions(of: name)
        #expect(versions.map(\.time) == [seconds(10)])
        #expect(versions.first?.state == .complete)
        try bench.commit()
        #expect(bench.catalog.count(of: .versions) == 1)
    }

    @Test func `names come in order of their bytes with one live version each`() throws {
        let bench = LedgerBench()
        let keys: [[UInt8]] = [[0x61], [0x61, 0], [0x61, 0, 0xff], [0x61, 0, 1], [0x61, 1], [0x61, 0x2f], [0xff]]
        for (index, key) in keys.enumerated().shuffled() {
            let name = ObjectName(
                cloud: .s3, endpoint: "s3.example.com", bucket: "bucket", key: ObjectKey(bytes: key))
            try bench.put(name, content(index, 5), 10)
            try bench.put(name, content(index, 5), 11)
        }
        try bench.put(object("z", bucket: "bucke"), content(1, 1), 1)
        let live = try bench.live().map(\.name)
        #expect(live == live.sorted())
        #expect(live.count == keys.count + 1)
        let scope = NameScope(cloud: .s3, endpoint: "s3.example.com", bucket: "bucket", keyPrefix: [0x61, 0])
        #expect(try bench.live(scope).map(\.name.key.bytes) == [[0x61, 0], [0x61, 0, 1], [0x61, 0, 0xff]])
    }

    @Test func `what is not in the store yet is seen together with what is`() throws {
        let bench = LedgerBench()
        try bench.put(object("a"), content(1, 10), 10)
        try bench.put(object("c"), content(1, 10), 10)
        try bench.commit()
        try bench.put(object("b"), content(1, 10), 10)
        let first = bench.ledger.takeMutations()
        try bench.put(object("d"), content(1, 10), 10)
        try bench.delete(object("a"), 20)
        #expect(try bench.live().map { $0.name.key.string } == ["b", "c", "d"])
        try bench.catalog.commit(first, index: [], checkpoint: nil)
        bench.ledger.committed()
        #expect(try bench.live().map { $0.name.key.string } == ["b", "c", "d"])
        try bench.commit()
        #expect(try bench.live().map { $0.name.key.string } == ["b", "c", "d"])
    }

    @Test func `mutations put pages before the versions that refer to them`() throws {
        let bench = LedgerBench()
        try bench.put(name, content(1, 16 * 40), 10)
        let tables = bench.ledger.takeMutations().map(\.table)
        let page = try #require(tables.lastIndex(of: .manifests))
        let version = try #require(tables.firstIndex(of: .versions))
        #expect(page < version)
    }
}
