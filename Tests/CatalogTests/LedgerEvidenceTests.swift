import Catalog
import Objects
import Testing

@Suite struct LedgerEvidenceTests {
    private func notHeld(_ bench: LedgerBench) throws -> [String?] {
        var names: [String?] = []
        try bench.ledger.visitNotHeld { evidence in
            names.append(evidence.name.key.string)
            return .next
        }
        return names
    }

    @Test func `a listing is evidence and never makes a version`() throws {
        let bench = LedgerBench()
        try bench.list([.init(name: object("a"), size: 5, etag: "x"), .init(name: object("b"), size: 6)], 10)
        #expect(try bench.live() == [])
        #expect(try notHeld(bench) == ["a", "b"])
        #expect(try bench.ledger.evidence(of: object("a"))?.size == 5)
    }

    @Test func `what is held as it was listed is not missing from the coverage`() throws {
        let bench = LedgerBench()
        try bench.put(object("held"), content(1, 5), 5, etag: "x")
        try bench.put(object("changed"), content(1, 5), 5, etag: "old")
        try bench.put(object("newer"), content(1, 5), 50, etag: "new")
        try bench.put(object("deleted"), content(1, 5), 5, etag: "x")
        try bench.delete(object("deleted"), 6)
        let names = ["held", "changed", "newer", "deleted"]
        try bench.list(names.map { .init(name: object($0), size: 5, etag: "x") }, 10)
        #expect(try notHeld(bench) == ["changed", "deleted"])
    }

    @Test func `an answer that there is no such object withdraws the evidence`() throws {
        let bench = LedgerBench()
        try bench.list([.init(name: object("a"), size: 5)], 10)
        try bench.describe(object("a"), 20, size: nil, etag: nil, isAbsent: true)
        #expect(try notHeld(bench) == [])
        // An older listing, replayed, does not bring it back.
        try bench.list([.init(name: object("a"), size: 5)], 10)
        #expect(try notHeld(bench) == [])
    }

    @Test func `a description tells size and metadata of the version with its ETag`() throws {
        let bench = LedgerBench()
        let name = object("a")
        try bench.put(name, content(1, 40), 5, etag: "x", size: .some(nil))
        var metadata = ObjectMetadata()
        metadata.user["k"] = "v"
        try bench.ledger.apply(
            .described(DescribedEvent(name: name, size: 40, etag: "x", metadata: metadata, seen: at(9))))
        let version = try #require(try bench.ledger.current(name))
        #expect(version.state == .complete)
        #expect(version.metadata.user == ["k": "v"])
    }

    @Test func `a description of another ETag tells nothing of the version`() throws {
        let bench = LedgerBench()
        let name = object("a")
        try bench.put(name, content(1, 40), 5, etag: "x", size: .some(nil))
        try bench.describe(name, 9, size: 40, etag: "y")
        #expect(try bench.ledger.current(name)?.size == nil)
        try bench.describe(name, 9, size: 40, etag: nil)
        #expect(try bench.ledger.current(name)?.size == nil)
    }

    @Test func `a listing tells the size of the version with its version id`() throws {
        let bench = LedgerBench()
        let name = object("a")
        try bench.put(name, content(1, 40), 5, versionID: "v1", size: .some(nil))
        try bench.list([.init(name: name, size: 40, etag: "x", versionID: "v1", isLatest: false)], 9)
        #expect(try bench.ledger.current(name)?.state == .complete)
        #expect(try bench.ledger.current(name)?.etag == "x")
        #expect(try bench.ledger.evidence(of: name) == nil)
    }

    @Test func `a size below what is held is a contradiction and not learned`() throws {
        let bench = LedgerBench()
        let name = object("a")
        try bench.put(name, content(1, 40), 5, etag: "x", size: .some(nil))
        try bench.describe(name, 9, size: 30, etag: "x")
        #expect(try bench.ledger.current(name)?.size == nil)
        #expect(bench.ledger.counters.contradictions == 1)
    }

    @Test func `repeated listings of the same facts are written once an hour`() throws {
        let bench = LedgerBench()
        for minute in 0..<200 { try bench.list([.init(name: object("a"), size: 5)], Double(minute) * 60) }
        #expect(try bench.ledger.evidence(of: object("a"))?.seenAt == seconds(180 * 60))
    }

    @Test func `endpoints keep their times and the bytes they brought, each once`() throws {
        let bench = LedgerBench()
        let bytes = content(1, 100)
        for _ in 0..<2 {
            try bench.put(object("a"), bytes, 10, etag: "x", missing: [(0..<20, .snapped)])
            try bench.read(object("a"), bytes, 20, etag: "x")
            try bench.commit()
        }
        let endpoint = try #require(try bench.ledger.endpoints().first)
        #expect(endpoint.host == "s3.example.com")
        #expect(endpoint.bytesStored == 80)
        #expect(endpoint.bytesRead == 20)
        #expect(endpoint.firstSeen == seconds(10))
        #expect(endpoint.lastSeen == seconds(20))
    }

    @Test func `the history of a name keeps the last events, newest first`() throws {
        var limits = LedgerLimits()
        limits.historyPerNameMax = 8
        let bench = LedgerBench(limits: limits)
        let name = object("a")
        for _ in 0..<2 {
            for time in (0..<30).shuffled() {
                try bench.ledger.apply(
                    .attempted(
                        AttemptedEvent(
                            name: name, operation: "PutObject", status: 503, reason: "refused",
                            seen: at(Double(time)))))
            }
            try bench.commit()
            let history = try bench.ledger.history(of: name)
            #expect(history.map(\.seen.time) == (22..<30).reversed().map { seconds(Double($0)) })
            #expect(history.first?.detail == "PutObject: refused")
            #expect(history.first?.status == 503)
            #expect(bench.catalog.count(of: .history) == 8)
        }
        #expect(try bench.live() == [])
    }

    @Test func `the history tells what a transfer brought and lacked`() throws {
        let bench = LedgerBench()
        let name = object("a")
        try bench.put(name, content(1, 50), 10, missing: [(10..<20, .kernelDrop)])
        let entry = try #require(try bench.ledger.history(of: name).first)
        #expect(entry.operation == .stored)
        #expect(entry.byteCount == 40)
        #expect(entry.gaps == [Gap(offset: 10, length: 10, cause: .kernelDrop)])
        #expect(entry.seen == at(10))
    }
}
