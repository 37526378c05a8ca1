/// Rows that were changed and are not in the store yet. They stay readable until the store has them.
struct Overlay {
    private struct Entry {
        /// nil: the row is deleted.
        var value: [UInt8]?
        /// The take that will carry it, or carried it last.
        var take: UInt64
    }

    /// Readers must see a row whose pages are there, whatever prefix of the log survives a crash: what is referred to
    /// goes before what refers to it, deletions come last and in the opposite order.
    private static let order: [CatalogTable] = [
        .manifests, .parts, .aliases, .names, .versions, .uploads, .history, .evidence, .endpoints, .meta,
    ]

    private var tables: [SortedRows<Entry>]
    /// Rows of each table that wait for the next take.
    private var pendingRows: [Int]
    /// The last take that the store has.
    private var committedTake: UInt64 = 0
    /// The next take.
    private var take: UInt64 = 1
    /// Bytes of keys and values that wait for the next take, a lower bound of the memory they use.
    private(set) var pendingBytes = 0

    init() {
        let last = CatalogTable.allCases.map(\.rawValue).max() ?? 0
        tables = Array(repeating: SortedRows(), count: Int(last) + 1)
        pendingRows = Array(repeating: 0, count: tables.count)
    }

    /// The row as changed: `.some(nil)` when it is deleted, `.none` when the store's row stands.
    func value(of key: [UInt8], in table: CatalogTable) -> [UInt8]?? {
        guard let entry = tables[Int(table.rawValue)][key] else { return .none }
        return .some(entry.value)
    }

    mutating func set(_ key: [UInt8], in table: CatalogTable, _ value: [UInt8]?) {
        let index = Int(table.rawValue)
        let before = tables[index].set(key, Entry(value: value, take: take))
        if before?.take != take { pendingRows[index] += 1 }
        pendingBytes += key.count + (value?.count ?? 0)
    }

    /// Hands out what changed since the last take, the last value of each row; within a table in the order of keys, as
    /// the store likes it best.
    mutating func takeMutations() -> [CatalogMutation] {
        let count = pendingRows.reduce(0, +)
        guard count > 0 else { return [] }
        var mutations: [CatalogMutation] = []
        mutations.reserveCapacity(count)
        var deletes: [[CatalogMutation]] = []
        for table in Self.order where pendingRows[Int(table.rawValue)] > 0 {
            var gone: [CatalogMutation] = []
            tables[Int(table.rawValue)].forEach { row in
                guard row.value.take == take else { return }
                let mutation = CatalogMutation(table: table, key: row.key, value: row.value.value)
                if mutation.value == nil { gone.append(mutation) } else { mutations.append(mutation) }
            }
            deletes.append(gone)
            pendingRows[Int(table.rawValue)] = 0
        }
        for gone in deletes.reversed() { mutations += gone }
        pendingBytes = 0
        take += 1
        return mutations
    }

    /// Forgets the rows of the `count` oldest takes that were not forgotten yet, but those that changed again.
    mutating func committed(takes count: Int) {
        committedTake += UInt64(min(count, takenCount))
        for index in tables.indices where !tables[index].isEmpty {
            if committedTake == take - 1, pendingRows[index] == 0 {
                tables[index] = SortedRows()
            } else {
                tables[index].removeAll { $0.take <= committedTake }
            }
        }
    }

    /// Number of takes whose rows are still here.
    var takenCount: Int { Int(take - 1 - committedTake) }

    /// Visits the rows of `store` as they are with the changes.
    func scan<Store: CatalogReading>(
        _ table: CatalogTable, over store: borrowing Store, prefix: [UInt8], from start: [UInt8]?,
        _ visit: (_ key: [UInt8], _ value: [UInt8]) throws(CatalogError) -> VisitStep
    ) throws(CatalogError) {
        var first = prefix
        if let start, SortedRows<Entry>.compare(start, prefix) > 0 { first = start }
        var cursor = tables[Int(table.rawValue)].first(atOrAfter: first)
        var isStopped = false
        /// Visits changed rows before `key`, or all that are left; true when `key` itself is changed.
        func visitChanged(before key: [UInt8]?) throws(CatalogError) -> Bool {
            while !isStopped, let row = cursor.row, row.key.starts(with: prefix) {
                let order = key.map { SortedRows<Entry>.compare(row.key, $0) } ?? -1
                guard order <= 0 else { return false }
                cursor.advance()
                if let value = row.value.value { isStopped = try visit(row.key, value) == .stop }
                if order == 0 { return true }
            }
            return false
        }
        try store.scan(table, prefix: prefix, from: start) { (key, value) throws(CatalogError) in
            if try !visitChanged(before: key), !isStopped { isStopped = try visit(key, value) == .stop }
            return isStopped ? .stop : .next
        }
        if !isStopped { _ = try visitChanged(before: nil) }
    }
}
