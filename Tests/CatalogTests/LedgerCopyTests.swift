import Catalog
import Objects
import Testing

@Suite struct LedgerCopyTests {
    let source = object("from")
    let target = object("to", bucket: "other")

    @Test func `a copy holds the source's bytes without any on the wire`() throws {
        for count in [0, 50, 16 * 600] {
            let bench = LedgerBench()
            let bytes = content(1, count)
            try bench.put(source, bytes, 1, etag: "s")
            try bench.copy(source, to: target, 2, etag: "t")
            let version = try #require(try bench.ledger.current(target))
            #expect(version.state == .complete)
            #expect(version.etag == "t")
            #expect(version.origin == .copy)
            #expect(try bench.bytes(of: version) == bytes)
        }
    }

    @Test func `a copy of a partial source has the same gaps with the same causes`() throws {
        let bench = LedgerBench()
        try bench.put(source, content(1, 50), 1, etag: "s", missing: [(10..<20, .kernelDrop)])
        try bench.copy(source, to: target, 2)
        #expect(try bench.ledger.current(target)?.gaps == [Gap(offset: 10, length: 10, cause: .kernelDrop)])
    }

    @Test func `a copy of something unknown is partial without a size`() throws {
        let bench = LedgerBench()
        try bench.copy(source, to: target, 2, etag: "t")
        let version = try #require(try bench.ledger.current(target))
        #expect(version.state == .partial)
        #expect(version.size == nil)
        #expect(version.gaps == [Gap(offset: 0, length: nil, cause: .neverSeen)])
    }

    @Test func `a copy takes what was current at its time, also when replayed later`() throws {
        let bench = LedgerBench()
        try bench.put(source, content(1, 50), 1, etag: "s1")
        try bench.put(source, content(2, 50), 3, etag: "s2")
        try bench.copy(source, to: target, 2)
        let version = try #require(try bench.ledger.current(target))
        #expect(try bench.bytes(of: version) == content(1, 50))
    }

    @Test func `a copy names the source's version`() throws {
        let bench = LedgerBench()
        try bench.put(source, content(1, 50), 1, versionID: "v1")
        try bench.put(source, content(2, 50), 2, versionID: "v2")
        try bench.copy(source, to: target, 3, sourceVersionID: "v1")
        let version = try #require(try bench.ledger.current(target))
        #expect(try bench.bytes(of: version) == content(1, 50))
    }

    @Test func `a copy onto itself makes a new version of the same bytes`() throws {
        let bench = LedgerBench()
        try bench.put(source, content(1, 50), 1, etag: "s")
        try bench.copy(source, to: source, 2, etag: "s")
        #expect(try bench.ledger.versions(of: source).map(\.state) == [.complete, .complete])
        try bench.commit()
        try bench.copy(source, to: source, 2, etag: "s")
        #expect(try bench.commit() == [])
    }

    @Test func `a copy whose MD5 differs from the source's was made of something unseen`() throws {
        let bench = LedgerBench()
        let old = String(repeating: "a", count: 32)
        let new = String(repeating: "b", count: 32)
        try bench.put(source, content(1, 50), 1, etag: old)
        try bench.copy(source, to: target, 2, etag: new)
        #expect(try bench.ledger.current(target)?.size == nil)
        // A version with that MD5 can stand for it, whenever it turns up.
        try bench.put(source, content(2, 50), 0.5, etag: new)
        #expect(try bench.ledger.healCopies() == 1)
        let version = try #require(try bench.ledger.current(target))
        #expect(version.state == .complete)
        #expect(try bench.bytes(of: version) == content(2, 50))
    }

    @Test func `what heals a source heals its copies, and their copies`() throws {
        let bench = LedgerBench()
        let bytes = content(1, 50)
        try bench.put(source, bytes, 1, etag: "s", missing: [(10..<20, .kernelDrop)])
        try bench.copy(source, to: target, 2, etag: "t")
        try bench.copy(target, to: object("third"), 3, etag: "t")
        try bench.read(source, bytes, 9, etag: "s")
        #expect(try bench.ledger.pendingCopies(max: 9).count == 2)
        #expect(try bench.ledger.healCopies() == 2)
        #expect(try bench.live().map(\.state) == [.complete, .complete, .complete])
        #expect(try bench.ledger.pendingCopies(max: 9) == [])
        #expect(try bench.ledger.healCopies() == 0)
    }

    @Test func `a deleted source is not the source of a copy`() throws {
        let bench = LedgerBench()
        try bench.put(source, content(1, 50), 1)
        try bench.delete(source, 2)
        try bench.copy(source, to: target, 3)
        #expect(try bench.ledger.current(target)?.size == nil)
    }

    @Test func `metadata follows the bytes unless the request replaced it`() throws {
        let bench = LedgerBench()
        var metadata = ObjectMetadata()
        metadata.user["a"] = "1"
        try bench.put(source, content(1, 5), 1, metadata: metadata)
        try bench.copy(source, to: target, 2)
        #expect(try bench.ledger.current(target)?.metadata.user == ["a": "1"])
        try bench.ledger.apply(
            .copied(CopiedEvent(source: source, target: target, metadata: ObjectMetadata(), seen: at(3))))
        #expect(try bench.ledger.current(target)?.metadata.user == [:])
    }
}
