/// Rows that were changed and are not in the store yet. They stay readable until the store has them.
struct Overlay {
    private struct Entry {
        /// nil: the row is deleted.
        var value: [UInt8]?
        /// The take that will carry it, or carried it last.
        var take: UInt64
    }

    private struct Key {
        var table: CatalogTable
        var key: [UInt8]
    }

    /// Readers must see a row whose pages are there, whatever prefix of the log survives a crash: what is referred to
    /// goes before what refers to it, deletions come last and in the opposite order.
    private static let order: [CatalogTable] = [
        .manifests, .parts, .aliases, .names, .versions, .uploads, .history, .evidence, .endpoints, .meta,
    ]

    private var tables: [SortedRows<Entry>]
    private var pending: [Key] = []
    private var taken: [(take: UInt64, keys: [Key])] = []
    private var take: UInt64 = 1
    /// Bytes of keys and values that wait for the next take, a lower bound of the memory they use.
    private(set) var pendingBytes = 0

    init() {
        let last = CatalogTable.allCases.map(\.rawValue).max() ?? 0
        tables = Array(repeating: SortedRows(), count: Int(last) + 1)
    }

    var pendingCount: Int { pending.count }

    /// The row as changed: `.some(nil)` when it is deleted, `.none` when the store's row stands.
    func value(of key: [UInt8], in table: CatalogTable) -> [UInt8]?? {
        guard let entry = tables[Int(table.rawValue)][key] else { return .none }
        return .some(entry.value)
    }

    mutating func set(_ key: [UInt8], in table: CatalogTable, _ value: [UInt8]?) {
        let index = Int(table.rawValue)
        if tables[index][key]?.take != take { pending.append(Key(table: table, key: key)) }
        tables[index].set(key, Entry(value: value, take: take))
        pendingBytes += key.count + (value?.count ?? 0)
    }

    /// Hands out what changed since the last take, the last value of each row.
    mutating func takeMutations() -> [CatalogMutation] {
        guard !pending.isEmpty else { return [] }
        var puts = Array(repeating: [CatalogMutation](), count: tables.count)
        var deletes = puts
        for key in pending {
            let index = Int(key.table.rawValue)
            let mutation = CatalogMutation(table: key.table, key: key.key, value: tables[index][key.key]?.value)
            if mutation.value == nil { deletes[index].append(mutation) } else { puts[index].append(mutation) }
        }
        var mutations: [CatalogMutation] = []
        mutations.reserveCapacity(pending.count)
        for table in Self.order { mutations += puts[Int(table.rawValue)] }
        for table in Self.order.reversed() { mutations += deletes[Int(table.rawValue)] }
        taken.append((take, pending))
        pending = []
        pendingBytes = 0
        take += 1
        return mutations
    }

    /// Forgets the rows of the `count` oldest takes that were not forgotten yet, but those that changed again.
    mutating func committed(takes count: Int) {
        for (take, keys) in taken.prefix(count) {
            for key in keys where tables[Int(key.table.rawValue)][key.key]?.take == take {
                tables[Int(key.table.rawValue)].remove(key.key)
            }
        }
        taken.removeFirst(min(count, taken.count))
    }

    /// Number of takes whose rows are still here.
    var takenCount: Int { taken.count }

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
