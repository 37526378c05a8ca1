import Blocks
import Catalog
import Objects
import TestSupport
import Testing

@Suite struct LedgerRegridTests {
    let name = object("grid")

    @Test func `an object on the grid needs nothing`() throws {
        for count in [0, 1, 16, 17, 16 * 300 + 5] {
            let bench = LedgerBench()
            #expect(try bench.put(name, content(1, count), 10)?.needsRegrid == false)
            #expect(try bench.ledger.takeRegridWork(max: 10) == [])
        }
    }

    @Test func `pieces off the grid become whole blocks with the same bytes`() throws {
        for seed in 0..<40 {
            var random = SeededGenerator(seed: seed)
            let bench = LedgerBench()
            let count = Int.random(in: 1...(seed % 4 == 0 ? 16 * 600 : 400), using: &random)
            let bytes = content(seed, count)
            var borders: Set<Int> = [0, count]
            for _ in 0..<Int.random(in: 1...20, using: &random) {
                borders.insert(Int.random(in: 0...count, using: &random))
            }
            let sorted = borders.sorted()
            var ranges = zip(sorted, sorted.dropFirst()).map { $0..<$1 }
            ranges.shuffle(using: &random)
            for (index, range) in ranges.enumerated() {
                let wider = max(0, range.lowerBound - Int.random(in: 0...9, using: &random))..<range.upperBound
                // Each range is cut on its own: many short extents.
                let id = bench.transfer(Array(bytes[wider]), at: 0)
                try bench.ledger.apply(
                    .read(
                        ReadEvent(
                            name: name, transfer: id, offset: UInt64(wider.lowerBound), objectSize: UInt64(count),
                            etag: "e", seen: at(Double(index) + 1))))
            }
            try bench.commit()
            try bench.regrid()
            try bench.commit()
            let version = try #require(try bench.ledger.current(name))
            #expect(version.state == .complete)
            #expect(!version.needsRegrid)
            #expect(try bench.bytes(of: version) == bytes)
            let extents = try bench.ledger.extents(of: version)
            #expect(extents.map(\.offset) == stride(from: 0, to: count, by: 16).map { UInt64($0) })
            #expect(version.holdings.extentCount == UInt64(extents.count))
        }
    }

    @Test func `work is handed out in portions and each portion once`() throws {
        let bench = LedgerBench()
        let bytes = content(1, 16 * 10)
        try bench.read(name, bytes, 1, range: 8..<160, etag: "e")
        let id = bench.transfer(Array(bytes[0..<8]))
        try bench.ledger.apply(
            .read(ReadEvent(name: name, transfer: id, offset: 0, objectSize: 160, etag: "e", seen: at(2))))
        let work = try bench.ledger.takeRegridWork(max: 4)
        #expect(work.map(\.offset) == [0])
        #expect(work.first?.pieces.map(\.offset) == [0, 8])
        #expect(try bench.ledger.takeRegridWork(max: 4) == [])
        let version = try #require(try bench.ledger.current(name)?.id)
        #expect(try bench.ledger.pendingRegrid(max: 4) == [version])
        bench.ledger.queueRegrid(version)
        #expect(try bench.ledger.takeRegridWork(max: 4) == work)
    }

    @Test func `a block for a range that is not held, off the grid or of older bytes is refused`() throws {
        let bench = LedgerBench()
        let version = try #require(
            try bench.put(name, content(1, 64), 10, etag: "e", missing: [(20..<24, .snapped)]))
        func replace(_ offset: UInt64, _ length: UInt32, revision: UInt64 = 0) throws -> Bool {
            let block = Extent(offset: offset, length: length, fingerprint: Fingerprint(9, 9, 9, 9))
            return try bench.ledger.replaceExtents(of: version.id, revision: revision, with: block)
        }
        #expect(try !replace(16, 16))
        #expect(try !replace(1, 15))
        #expect(try !replace(64, 16))
        #expect(try !replace(0, 8))
        #expect(try !replace(0, 16, revision: 7))
        #expect(try replace(0, 16))
    }

    @Test func `every block that something refers to is visited`() throws {
        let bench = LedgerBench()
        try bench.put(object("small"), content(1, 40), 1)
        try bench.put(object("large"), content(2, 16 * 600), 1, etag: "s")
        try bench.part(object("open"), "u1", 1, content(3, 16 * 40), 1)
        try bench.ledger.apply(
            .partCopied(
                PartCopiedEvent(
                    name: object("open"), uploadID: "u1", partNumber: 2, source: object("large"), sourceRange: 1..<20,
                    seen: at(2))))
        var seen: Set<Fingerprint> = []
        try bench.ledger.visitReferences { seen.insert($0) }
        #expect(seen == Set(bench.blocks.keys))
    }
}
