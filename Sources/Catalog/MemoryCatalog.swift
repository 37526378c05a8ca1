public import Blocks

/// A catalog in memory: for tests, and what a rebuild is compared with. Owned by one thread.
public final class MemoryCatalog: CatalogWriting, BlockIndex {
    private var tables: [SortedRows<[UInt8]>]
    private var blocks: [Fingerprint: BlockIndexValue] = [:]
    private var lastCheckpoint: CatalogCheckpoint?

    /// An empty catalog.
    public init() {
        tables = Array(repeating: SortedRows(), count: Int(CatalogTable.allCases.map(\.rawValue).max() ?? 0) + 1)
    }

    /// Number of rows in a table.
    public func count(of table: CatalogTable) -> Int { tables[Int(table.rawValue)].count }

    /// The value of a row.
    public func value(of key: [UInt8], in table: CatalogTable) throws(CatalogError) -> [UInt8]? {
        tables[Int(table.rawValue)][key]
    }

    /// Visits rows in order.
    public func scan(
        _ table: CatalogTable, prefix: [UInt8], from start: [UInt8]?,
        _ visit: (_ key: [UInt8], _ value: [UInt8]) throws(CatalogError) -> VisitStep
    ) throws(CatalogError) {
        var first = prefix
        if let start, SortedRows<[UInt8]>.compare(start, prefix) > 0 { first = start }
        var cursor = tables[Int(table.rawValue)].first(atOrAfter: first)
        while let row = cursor.row, row.key.starts(with: prefix) {
            if try visit(row.key, row.value) == .stop { return }
            cursor.advance()
        }
    }

    /// Applies mutations, entries and checkpoint.
    public func commit(
        _ mutations: [CatalogMutation], index entries: [BlockIndexEntry], checkpoint: CatalogCheckpoint?
    ) throws(CatalogError) {
        for mutation in mutations {
            if let value = mutation.value {
                tables[Int(mutation.table.rawValue)].set(mutation.key, value)
            } else {
                tables[Int(mutation.table.rawValue)].remove(mutation.key)
            }
        }
        try publish(entries)
        if let checkpoint { lastCheckpoint = checkpoint }
    }

    /// The last checkpoint.
    public func checkpoint() throws(CatalogError) -> CatalogCheckpoint? { lastCheckpoint }

    /// Positions of the fingerprints that are not known.
    public func missing(of fingerprints: [Fingerprint]) throws(CatalogError) -> [Int] {
        fingerprints.indices.filter { blocks[fingerprints[$0]] == nil }
    }

    /// The places of blocks.
    public func locate(_ fingerprints: [Fingerprint]) throws(CatalogError) -> [BlockIndexValue?] {
        fingerprints.map { blocks[$0] }
    }

    /// The place of one block.
    public func locate(_ fingerprint: Fingerprint) throws(CatalogError) -> BlockIndexValue? { blocks[fingerprint] }

    /// Makes blocks known.
    public func publish(_ entries: [BlockIndexEntry]) throws(CatalogError) {
        for entry in entries { blocks[entry.fingerprint] = entry.value }
    }

    /// Forgets blocks.
    public func withdraw(_ fingerprints: [Fingerprint]) throws(CatalogError) {
        for fingerprint in fingerprints { blocks[fingerprint] = nil }
    }

    /// Visits all entries in the order of fingerprints.
    public func visitEntries(_ visit: (BlockIndexEntry) throws(CatalogError) -> VisitStep) throws(CatalogError) {
        for fingerprint in blocks.keys.sorted() {
            guard let value = blocks[fingerprint] else { continue }
            if try visit(BlockIndexEntry(fingerprint, value)) == .stop { return }
        }
    }
}

extension MemoryCatalog: Equatable {
    /// True when both have the same rows in all tables and the same blocks; their checkpoints may differ.
    public static func == (one: MemoryCatalog, other: MemoryCatalog) -> Bool {
        guard one.blocks == other.blocks else { return false }
        for (mine, theirs) in zip(one.tables, other.tables) {
            guard mine.count == theirs.count else { return false }
            var (left, right) = (mine.first(atOrAfter: []), theirs.first(atOrAfter: []))
            while let row = left.row, let twin = right.row {
                guard row.key == twin.key, row.value == twin.value else { return false }
                left.advance()
                right.advance()
            }
        }
        return true
    }
}
