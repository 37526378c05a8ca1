import Blocks
import Catalog
import Glibc
import Objects
import TestSupport
import Testing

@Suite struct RocksCatalogTests {
    private func mutation(_ table: CatalogTable, _ key: String, _ value: String?) -> CatalogMutation {
        CatalogMutation(table: table, key: Array(key.utf8), value: value.map { Array($0.utf8) })
    }

    private func entries(_ range: Range<UInt64>) -> [BlockIndexEntry] {
        range.map {
            let word = $0 &* 0x9e37_79b9_7f4a_7c15
            return BlockIndexEntry(Fingerprint(word, $0, ~$0, word ^ 5), BlockIndexValue($0, word, .max, ~word))
        }
    }

    private func rows(_ catalog: some CatalogReading, _ prefix: String, from start: String? = nil) throws -> [String] {
        var rows: [String] = []
        try catalog.scan(.names, prefix: Array(prefix.utf8), from: start.map { Array($0.utf8) }) { key, value in
            rows.append(String(decoding: key + [0x3d] + value, as: UTF8.self))
            return .next
        }
        return rows
    }

    @Test func `rows come back, in order, within the prefix, from the start`() throws {
        let folder = try TemporaryFolder()
        let memory = MemoryCatalog()
        let rocks = try RocksCatalog(path: folder.path, mode: .create)
        let mutations = ["b": "2", "ab": "1", "a": "", "abc": "3", "ac": "4"].map { mutation(.names, $0, $1) }
        try memory.commit(mutations, index: [], checkpoint: nil)
        try rocks.commit(mutations, index: [], checkpoint: nil)
        for (prefix, start) in [("", nil), ("a", nil), ("ab", "aa"), ("a", "abb"), ("", "ac"), ("x", nil)] {
            #expect(try rows(rocks, prefix, from: start) == rows(memory, prefix, from: start))
        }
        #expect(try rows(rocks, "a") == ["a=", "ab=1", "abc=3", "ac=4"])
        #expect(try rocks.value(of: Array("a".utf8), in: .names) == [])
        #expect(try rocks.value(of: Array("a".utf8), in: .versions) == nil)
        var first: [[UInt8]] = []
        try rocks.scan(.names, prefix: [], from: nil) { key, _ in
            first.append(key)
            return .stop
        }
        #expect(first == [Array("a".utf8)])
    }

    @Test func `a commit is atomic over tables, index and checkpoint, and survives a reopening`() throws {
        let folder = try TemporaryFolder()
        let checkpoint = CatalogCheckpoint(segment: 3, offset: 99)
        do {
            let rocks = try RocksCatalog(path: folder.path, mode: .create)
            #expect(try rocks.checkpoint() == nil)
            try rocks.commit(
                [mutation(.names, "a", "1"), mutation(.versions, "a", "2"), mutation(.names, "gone", nil)],
                index: entries(0..<3), checkpoint: checkpoint)
            try rocks.commit([mutation(.versions, "a", nil)], index: [], checkpoint: nil)
            try rocks.synchronize()
        }
        let rocks = try RocksCatalog(path: folder.path, mode: .readWrite)
        #expect(try rocks.checkpoint() == checkpoint)
        #expect(try rows(rocks, "") == ["a=1"])
        #expect(try rocks.value(of: Array("a".utf8), in: .versions) == nil)
        #expect(try rocks.locate(entries(0..<4).map(\.fingerprint)) == entries(0..<3).map(\.value) + [nil])
    }

    @Test func `what was committed and not synchronized is there whole or not at all after a crash`() throws {
        let folder = try TemporaryFolder()
        let copy = try TemporaryFolder()
        do {
            let rocks = try RocksCatalog(path: folder.path, mode: .create)
            for step in 1...20 {
                try rocks.commit(
                    CatalogTable.allCases.map { mutation($0, "row", "\(step)") }, index: entries(0..<UInt64(step)),
                    checkpoint: CatalogCheckpoint(segment: 1, offset: UInt64(step)))
            }
            // The files as a crash would leave them, the log cut in the middle.
            for name in folder.files where name != "LOCK" {
                let isLog = name.hasSuffix(".log")
                try Self.copy(folder.path + "/" + name, to: copy.path + "/" + name, cutting: isLog ? 333 : 0)
            }
        }
        let rocks = try RocksCatalog(path: copy.path, mode: .readWrite)
        let offset = try #require(try rocks.checkpoint()).offset
        #expect((1..<20).contains(offset))
        for table in CatalogTable.allCases {
            #expect(try rocks.value(of: Array("row".utf8), in: table) == Array("\(offset)".utf8))
        }
        #expect(try rocks.missing(of: entries(0..<20).map(\.fingerprint)) == Array(Int(offset)..<20))
    }

    private static func copy(_ source: String, to target: String, cutting: Int) throws {
        let input = try #require(fopen(source, "r"))
        let output = try #require(fopen(target, "w"))
        defer {
            fclose(input)
            fclose(output)
        }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&bytes, 1, bytes.count, input)
        fwrite(bytes, 1, max(0, count - cutting), output)
    }

    @Test func `a reader beside a writer sees a sound state and writes nothing`() throws {
        let folder = try TemporaryFolder()
        let writer = try RocksCatalog(path: folder.path, mode: .create)
        try writer.commit([mutation(.names, "a", "1")], index: entries(0..<10), checkpoint: nil)
        let before = Set(folder.files)
        let reader = try RocksCatalog(path: folder.path, mode: .readOnly)
        #expect(Set(folder.files) == before)
        try writer.commit([mutation(.names, "b", "2")], index: entries(10..<20), checkpoint: nil)
        #expect(try rows(reader, "") == ["a=1"])
        #expect(try reader.missing(of: entries(0..<20).map(\.fingerprint)) == Array(10..<20))
        #expect(throws: CatalogError.readOnly(path: folder.path)) {
            try reader.commit([], index: [], checkpoint: nil)
        }
        #expect(try rows(try RocksCatalog(path: folder.path, mode: .readOnly), "") == ["a=1", "b=2"])
    }

    /// A catalog with rows, but without the first that is ever written.
    private func withoutFormat(_ folder: TemporaryFolder, _ mode: RocksCatalog.Mode) throws {
        do {
            let writer = try RocksCatalog(path: folder.path, mode: .create)
            try writer.commit([mutation(.meta, "catalog/format", nil)], index: entries(0..<1), checkpoint: nil)
        }
        let error = #expect(throws: CatalogError.self) { _ = try RocksCatalog(path: folder.path, mode: mode) }
        guard case .corrupt = try #require(error) else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func `errors of opening say what to do`() throws {
        let folder = try TemporaryFolder()
        #expect(throws: CatalogError.missing(path: folder.path)) {
            _ = try RocksCatalog(path: folder.path, mode: .readWrite)
        }
        #expect(throws: CatalogError.missing(path: folder.path)) {
            _ = try RocksCatalog(path: folder.path, mode: .readOnly)
        }
        do {
            let writer = try RocksCatalog(path: folder.path, mode: .create)
            #expect(throws: CatalogError.locked(path: folder.path)) {
                _ = try RocksCatalog(path: folder.path, mode: .readWrite)
            }
            try writer.commit([mutation(.meta, "catalog/format", "99")], index: [], checkpoint: nil)
        }
        #expect(throws: CatalogError.wrongVersion(path: folder.path, found: "99", expected: "1")) {
            _ = try RocksCatalog(path: folder.path, mode: .readWrite)
        }
        for mode in [RocksCatalog.Mode.create, .readOnly] {
            try withoutFormat(TemporaryFolder(), mode)
        }
        let manifest = try #require(folder.files.first { $0.hasPrefix("MANIFEST") })
        truncate(folder.path + "/" + manifest, 20)
        let error = #expect(throws: CatalogError.self) { _ = try RocksCatalog(path: folder.path, mode: .readWrite) }
        guard case .corrupt = try #require(error) else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(try #require(error).description.contains("oxbow rebuild"))
    }

    @Test func `the index answers for a hundred thousand blocks in any order, with duplicates`() throws {
        let folder = try TemporaryFolder()
        let rocks = try RocksCatalog(path: folder.path, mode: .create)
        let known = entries(0..<100_000)
        for start in stride(from: 0, to: known.count, by: 1000) {
            try rocks.publish(Array(known[start..<start + 1000]))
        }
        var random = SeededGenerator(seed: 9)
        let asked = (entries(99_000..<101_000) + entries(0..<500) + entries(0..<500)).shuffled(using: &random)
        let missing = try rocks.missing(of: asked.map(\.fingerprint))
        #expect(missing == asked.indices.filter { asked[$0].value.word0 >= 100_000 })
        let located = try rocks.locate(asked.map(\.fingerprint))
        #expect(located == asked.map { $0.value.word0 < 100_000 ? $0.value : nil })
        #expect(try rocks.locate(known[7].fingerprint) == known[7].value)
        #expect(try rocks.missing(of: []) == [])
        try rocks.withdraw([known[7].fingerprint])
        #expect(try rocks.locate(known[7].fingerprint) == nil)
        var visited: [Fingerprint] = []
        try rocks.visitEntries { entry in
            visited.append(entry.fingerprint)
            return .next
        }
        #expect(visited.count == 99_999)
        #expect(zip(visited, visited.dropFirst()).allSatisfy { $0 < $1 })
        #expect(rocks.statistics.blocks > 90_000)
        #expect(rocks.statistics.cacheBytes <= 32 << 20)
    }

    @Test func `readers on many threads see the writer's commits whole`() async throws {
        let folder = try TemporaryFolder()
        let rocks = try RocksCatalog(path: folder.path, mode: .create)
        // As many as one look-up takes together.
        let all = entries(0..<240)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<3 {
                group.addTask {
                    var last = 0
                    for _ in 0..<40 {
                        let missing = (try? rocks.missing(of: all.map(\.fingerprint)).count) ?? -1
                        let known = all.count - missing
                        #expect(known >= last && known % 20 == 0)
                        last = known
                    }
                }
            }
            group.addTask {
                for start in stride(from: 0, to: all.count, by: 20) {
                    #expect(throws: Never.self) { try rocks.publish(Array(all[start..<start + 20])) }
                }
            }
        }
        #expect(try rocks.missing(of: all.map(\.fingerprint)) == [])
    }

    @Test func `a ledger over RocksDB keeps what a ledger in memory keeps`() throws {
        let folder = try TemporaryFolder()
        let rocks = try RocksCatalog(path: folder.path, mode: .create)
        let history = RandomHistory(seed: 3, isVersioned: true, steps: 120)
        let bench = LedgerBench()
        var ledger = Ledger(store: rocks, blockSize: 16)
        for (index, step) in history.steps.enumerated() {
            try history.apply(step, to: &bench.ledger)
            try history.apply(step, to: &ledger)
            guard index % 7 == 0 else { continue }
            try bench.commit()
            try rocks.commit(ledger.takeMutations(), index: [], checkpoint: nil)
            ledger.committed()
        }
        try bench.commit()
        try rocks.commit(ledger.takeMutations(), index: [], checkpoint: nil)
        let other = MemoryCatalog()
        for table in CatalogTable.allCases where table != .meta {
            try rocks.scan(table, prefix: [], from: nil) { (key, value) throws(CatalogError) in
                try other.commit([CatalogMutation(table: table, key: key, value: value)], index: [], checkpoint: nil)
                return .next
            }
        }
        #expect(other == bench.catalog)
    }
}
