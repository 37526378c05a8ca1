import Catalog
import Objects
import Testing

@Suite struct LedgerUpkeepTests {
    let name = object("kept")

    @Test func `a forgotten version is gone with its pages, and the one before is found again`() throws {
        let bench = LedgerBench()
        try bench.put(name, content(1, 40), 10, etag: "e1")
        let newest = try #require(try bench.put(name, content(2, 16 * 300), 20, etag: "e2", versionID: "v2"))
        try bench.commit()
        #expect(try bench.ledger.forget(newest.id))
        #expect(try !bench.ledger.forget(newest.id))
        #expect(try bench.live().map(\.etag) == ["e1"])
        try bench.commit()
        #expect(bench.catalog.count(of: .versions) == 1)
        #expect(bench.catalog.count(of: .manifests) == 0)
        #expect(bench.catalog.count(of: .aliases) == 0)
        // A read still finds the version that is newest now.
        try bench.read(name, content(1, 40), 30, etag: "e1")
        #expect(try bench.ledger.versions(of: name).count == 1)
    }

    @Test func `a read that brings nothing moves the last sighting once a minute`() throws {
        let bench = LedgerBench()
        try bench.put(name, content(1, 40), 10, etag: "e1")
        for second in 11..<100 { try bench.read(name, content(1, 40), Double(second), etag: "e1") }
        #expect(try bench.ledger.current(name)?.lastSeen == seconds(70))
    }

    @Test func `takes may be committed one by one while the next is made`() throws {
        let bench = LedgerBench()
        try bench.put(object("a"), content(1, 9), 1)
        let first = bench.ledger.takeMutations()
        try bench.put(object("a"), content(1, 9), 2)
        let second = bench.ledger.takeMutations()
        try bench.catalog.commit(first, index: [], checkpoint: nil)
        bench.ledger.committedOldestTake()
        #expect(try bench.ledger.versions(of: object("a")).count == 2)
        try bench.catalog.commit(second, index: [], checkpoint: nil)
        bench.ledger.committedOldestTake()
        #expect(try bench.ledger.versions(of: object("a")).count == 2)
        #expect(bench.ledger.takeMutations() == [])
        #expect(bench.ledger.pendingBytes == 0)
    }

    @Test func `a row that changed again outlives the take that carried it first`() throws {
        let bench = LedgerBench()
        try bench.put(object("a"), content(1, 9), 1)
        try bench.put(object("b"), content(2, 9), 1)
        let first = bench.ledger.takeMutations()
        try bench.put(object("b"), content(3, 9), 2)
        try bench.catalog.commit(first, index: [], checkpoint: nil)
        bench.ledger.committedOldestTake()
        // The store has not heard of the second version.
        #expect(try bench.ledger.versions(of: object("b")).count == 2)
        #expect(try bench.catalog.versions(of: object("b")).count == 1)
        let second = bench.ledger.takeMutations()
        #expect(!second.contains { $0.table != .endpoints && $0.key.starts(with: CatalogKey.name(object("a"))) })
        try bench.catalog.commit(second, index: [], checkpoint: nil)
        bench.ledger.committed()
        #expect(try bench.catalog.versions(of: object("b")).count == 2)
    }

    @Test func `within a table the changes come in the order of keys`() throws {
        let bench = LedgerBench()
        for key in ["m", "c", "x", "a", "k"] { try bench.put(object(key), content(1, 9), 1) }
        let names = bench.ledger.takeMutations().filter { $0.table == .names }.map(\.key)
        #expect(names == ["a", "c", "k", "m", "x"].map { CatalogKey.name(object($0)) })
    }

    @Test func `a transfer that belongs to no object leaves nothing`() throws {
        let bench = LedgerBench()
        let id = bench.transfer(content(1, 40))
        #expect(bench.ledger.openTransferCount == 1)
        try bench.ledger.apply(.discarded(id, reason: "test"))
        #expect(bench.ledger.openTransferCount == 0)
        #expect(try bench.commit() == [])
    }

    @Test func `every prefix of the mutations is a catalog without lies`() throws {
        for seed in 0..<10 {
            let history = RandomHistory(seed: seed, isVersioned: seed % 2 == 0, steps: 40)
            let bench = LedgerBench()
            for step in history.steps { try history.apply(step, to: &bench.ledger) }
            let large = content(9, 16 * 700)
            try bench.put(object("large"), large, 5000)
            try bench.part(object("parts"), "u", 1, Array(large[..<6000]), 5001)
            try bench.commit()
            try bench.part(object("parts"), "u", 2, Array(large[6000...]), 5002)
            try bench.complete(object("parts"), "u", [1, 2], 5003)
            let before = bench.catalog
            let mutations = bench.ledger.takeMutations()
            for end in 0...mutations.count {
                let crashed = MemoryCatalog()
                for table in CatalogTable.allCases {
                    try before.scan(table, prefix: [], from: nil) { (key, value) throws(CatalogError) in
                        try crashed.commit(
                            [CatalogMutation(table: table, key: key, value: value)], index: [], checkpoint: nil)
                        return .next
                    }
                }
                try crashed.commit(Array(mutations[..<end]), index: [], checkpoint: nil)
                try crashed.visitLive { (version) throws(CatalogError) in
                    guard version.state.isGood, let size = version.size else { return .next }
                    let pieces = try crashed.pieces(of: version, in: 0..<size)
                    #expect(pieces.reduce(0) { $0 + UInt64($1.length) } == size)
                    return .next
                }
            }
        }
    }
}
