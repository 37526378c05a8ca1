import Blocks
import Catalog
import Objects
import Testing

/// Every limit of the ledger, reached.
@Suite struct LedgerLimitTests {
    let name = object("limited")

    @Test func `a transfer beyond the limit is not followed, and its object says so`() throws {
        var limits = LedgerLimits()
        limits.openTransfersMax = 1
        let bench = LedgerBench(limits: limits)
        let first = bench.transfer(content(1, 20))
        let second = bench.transfer(content(2, 20))
        #expect(bench.ledger.counters.transfersRefused == 1)
        try bench.ledger.apply(.stored(StoredEvent(name: name, transfer: second, size: 20, seen: at(1))))
        #expect(try bench.ledger.current(name)?.gaps == [Gap(offset: 0, length: 20, cause: .limit)])
        try bench.ledger.apply(.discarded(first, reason: "test"))
        #expect(bench.ledger.openTransferCount == 0)
    }

    @Test func `extents beyond the limit are gaps`() throws {
        var limits = LedgerLimits()
        limits.pendingExtentsMax = 2
        let bench = LedgerBench(limits: limits)
        let version = try #require(try bench.put(name, content(1, 60), 1))
        #expect(version.gaps == [Gap(offset: 32, length: 28, cause: .limit)])
        #expect(bench.ledger.counters.extentsRefused == 2)
        // The transfer ended: there is room again.
        #expect(try bench.put(name, content(1, 32), 2)?.state == .complete)
    }

    @Test func `more gaps of a transfer than the limit end in one with the limit as cause`() throws {
        var limits = LedgerLimits()
        limits.gapsPerTransferMax = 2
        let bench = LedgerBench(limits: limits)
        let missing = (0..<4).map { ($0 * 10..<$0 * 10 + 2, GapCause.snapped) }
        let version = try #require(try bench.put(name, content(1, 60), 1, missing: missing))
        #expect(version.gaps.map(\.offset) == [0, 10, 20, 30])
        #expect(version.gaps.map(\.cause) == [.snapped, .snapped, .limit, .limit])
    }

    @Test func `more separate ranges than the limit are not kept`() throws {
        var limits = LedgerLimits()
        limits.rangesPerVersionMax = 2
        let bench = LedgerBench(limits: limits)
        let bytes = content(1, 200)
        for start in [0, 40, 80] { try bench.read(name, bytes, 5, range: start..<start + 16, etag: "e") }
        let version = try #require(try bench.ledger.current(name))
        #expect(version.holdings.covered.ranges == [0..<16, 40..<56])
        #expect(version.gaps.contains(Gap(offset: 80, length: 16, cause: .limit)))
        #expect(bench.ledger.counters.rangesRefused == 1)
        // What closes a hole is welcome.
        try bench.read(name, bytes, 6, range: 16..<200, etag: "e")
        #expect(try bench.ledger.current(name)?.state == .complete)
    }

    @Test func `more extents in a page than the limit are not kept`() throws {
        var limits = LedgerLimits()
        limits.extentsPerPageMax = 20
        let bench = LedgerBench(limits: limits)
        let bytes = content(1, 64)
        for offset in 0..<64 { try bench.read(name, bytes, 5, range: offset..<offset + 1, etag: "e") }
        let version = try #require(try bench.ledger.current(name))
        #expect(version.gaps == [Gap(offset: 20, length: 44, cause: .limit)])
        #expect(bench.ledger.counters.rangesRefused == 44)
    }

    @Test func `more slices than the limit are not kept`() throws {
        var limits = LedgerLimits()
        limits.slicesPerVersionMax = 1
        let bench = LedgerBench(limits: limits)
        try bench.put(object("source"), content(1, 100), 1)
        try bench.ledger.apply(
            .partCopied(
                PartCopiedEvent(
                    name: name, uploadID: "u", partNumber: 1, source: object("source"), sourceRange: 1..<40,
                    etag: "part-1", seen: at(2))))
        try bench.complete(name, "u", [1], 3)
        #expect(bench.ledger.counters.slicesRefused == 1)
        try bench.regrid()
        #expect(try bench.ledger.current(name)?.gaps == [Gap(offset: 31, length: 8, cause: .limit)])
    }

    @Test func `healed gaps beyond the limit are forgotten, the oldest first`() throws {
        var limits = LedgerLimits()
        limits.healedPerVersionMax = 2
        let bench = LedgerBench(limits: limits)
        let bytes = content(1, 60)
        try bench.put(name, bytes, 1, etag: "e", missing: (0..<3).map { ($0 * 20..<$0 * 20 + 4, .snapped) })
        for index in 0..<3 { try bench.read(name, bytes, 5, range: index * 20..<index * 20 + 4, etag: "e") }
        #expect(try bench.ledger.current(name)?.healed.map(\.offset) == [20, 40])
    }

    @Test func `versions behind the limit are not looked through`() throws {
        var limits = LedgerLimits()
        limits.versionScanMax = 2
        let bench = LedgerBench(limits: limits)
        for version in 0..<5 { try bench.put(name, content(version, 9), Double(version), etag: "e\(version)") }
        try bench.read(name, content(0, 9), 100, etag: "e0", modified: 0)
        #expect(bench.ledger.counters.scansCut == 1)
        #expect(try bench.ledger.versions(of: name).count == 6)
        #expect(try bench.ledger.current(name)?.etag == "e4")
    }

    @Test func `uploads of one part beyond the limit are dropped, the oldest first`() throws {
        var limits = LedgerLimits()
        limits.attemptsPerPartMax = 2
        let bench = LedgerBench(limits: limits)
        for attempt in 1...3 { try bench.part(name, "u", 1, content(attempt, 9), Double(attempt), etag: "a\(attempt)") }
        #expect(bench.ledger.counters.attemptsDropped == 1)
        try bench.commit()
        #expect(bench.catalog.count(of: .parts) == 2)
        try bench.complete(name, "u", [1], 9, etags: [1: "a1"])
        #expect(try bench.ledger.current(name)?.size == nil)
    }

    @Test func `part numbers that no cloud has are refused`() throws {
        let bench = LedgerBench()
        for number in [0, -1, 10_001, Int.max] { try bench.part(name, "u", number, content(1, 9), 1) }
        #expect(bench.ledger.counters.partsRefused == 4)
    }

    @Test func `what does not fit the work queues is found by a scan`() throws {
        var limits = LedgerLimits()
        limits.workQueueMax = 1
        let bench = LedgerBench(limits: limits)
        let etag = String(repeating: "0", count: 32)
        try bench.put(object("a"), content(1, 9), 1, etag: etag)
        try bench.put(object("b"), content(1, 9), 1, etag: etag)
        #expect(bench.ledger.counters.workDropped == 1)
        #expect(bench.ledger.takeVerificationWork(max: 9).count == 1)
        #expect(try bench.ledger.pendingVerification(max: 9).count == 2)
    }

    @Test func `offsets at the end of the number range bring nothing and break nothing`() throws {
        let bench = LedgerBench()
        for offset: UInt64 in [.max, .max - 8, .max / 2, 1 << 40] {
            let id = bench.transfer(content(1, 40), missing: [(4..<9, .snapped)])
            try bench.ledger.apply(
                .read(
                    ReadEvent(
                        name: name, transfer: id, offset: offset, objectSize: .max, etag: "e", seen: at(1))))
            let version = try #require(try bench.ledger.current(name))
            #expect(version.state == .partial)
            _ = version.gaps
        }
        #expect(bench.ledger.counters.extentsOutside > 0)
    }
}
