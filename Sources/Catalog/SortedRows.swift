internal import Glibc

/// Rows sorted by key, in chunks of bounded size: an ordered map for the overlay and the memory catalog. Insertion moves
/// one chunk at most.
struct SortedRows<Value> {
    struct Row {
        var key: [UInt8]
        var value: Value
    }

    /// Half of it is the usual fill: big enough to keep the list of chunks short, small enough to be moved in a moment.
    private static var chunkRowsMax: Int { 256 }

    private var chunks: [[Row]] = []
    private(set) var count = 0

    init() {}

    var isEmpty: Bool { count == 0 }

    /// Negative, zero or positive as `earlier` sorts before, with or behind `later`.
    static func compare(_ earlier: [UInt8], _ later: [UInt8]) -> Int {
        let common = min(earlier.count, later.count)
        let order = unsafe earlier.withUnsafeBytes { earlier in
            unsafe later.withUnsafeBytes { later -> Int32 in
                // An empty array may have no address; memcmp must not be given one then.
                guard common > 0, let first = earlier.baseAddress, let second = later.baseAddress else { return 0 }
                return unsafe memcmp(first, second, common)
            }
        }
        return order != 0 ? Int(order) : earlier.count - later.count
    }

    /// Index of the last chunk whose first key is not behind `key`; 0 when all are.
    private func chunk(for key: [UInt8]) -> Int {
        var low = 0
        var high = chunks.count
        while low < high {
            let middle = (low + high) / 2
            if Self.compare(chunks[middle][0].key, key) <= 0 { low = middle + 1 } else { high = middle }
        }
        return max(0, low - 1)
    }

    /// Index in `rows` of the first row that is not before `key`, and whether it is that key.
    private static func find(_ key: [UInt8], in rows: [Row]) -> (index: Int, isMatch: Bool) {
        var low = 0
        var high = rows.count
        while low < high {
            let middle = (low + high) / 2
            let order = compare(rows[middle].key, key)
            if order == 0 { return (middle, true) }
            if order < 0 { low = middle + 1 } else { high = middle }
        }
        return (low, false)
    }

    subscript(key: [UInt8]) -> Value? {
        guard !chunks.isEmpty else { return nil }
        let rows = chunks[chunk(for: key)]
        let (index, isMatch) = Self.find(key, in: rows)
        return isMatch ? rows[index].value : nil
    }

    /// Sets a row and returns the value that it had.
    @discardableResult
    mutating func set(_ key: [UInt8], _ value: Value) -> Value? {
        guard !chunks.isEmpty else {
            chunks.append([Row(key: key, value: value)])
            count = 1
            return nil
        }
        let chunk = chunk(for: key)
        let (index, isMatch) = Self.find(key, in: chunks[chunk])
        if isMatch {
            let before = chunks[chunk][index].value
            chunks[chunk][index].value = value
            return before
        }
        chunks[chunk].insert(Row(key: key, value: value), at: index)
        count += 1
        if chunks[chunk].count > Self.chunkRowsMax {
            let half = chunks[chunk].count / 2
            let upper = Array(chunks[chunk][half...])
            chunks[chunk].removeSubrange(half...)
            chunks.insert(upper, at: chunk + 1)
        }
        return nil
    }

    mutating func remove(_ key: [UInt8]) {
        guard !chunks.isEmpty else { return }
        let chunk = chunk(for: key)
        let (index, isMatch) = Self.find(key, in: chunks[chunk])
        guard isMatch else { return }
        chunks[chunk].remove(at: index)
        count -= 1
        if chunks[chunk].isEmpty { chunks.remove(at: chunk) }
    }

    /// Visits all rows in order.
    func forEach(_ visit: (Row) -> Void) {
        for chunk in chunks {
            for row in chunk { visit(row) }
        }
    }

    /// Removes the rows for which `isGone` holds.
    mutating func removeAll(where isGone: (Value) -> Bool) {
        for index in chunks.indices { chunks[index].removeAll { isGone($0.value) } }
        chunks.removeAll { $0.isEmpty }
        count = chunks.reduce(0) { $0 + $1.count }
    }

    /// The first row that is not before `key`.
    func first(atOrAfter key: [UInt8]) -> Cursor {
        guard !chunks.isEmpty else { return Cursor(rows: self, chunk: 0, index: 0) }
        let chunk = chunk(for: key)
        var cursor = Cursor(rows: self, chunk: chunk, index: Self.find(key, in: chunks[chunk]).index)
        cursor.settle()
        return cursor
    }

    /// A place in the rows as they were when it was made.
    struct Cursor {
        private let rows: SortedRows
        private var chunk: Int
        private var index: Int

        fileprivate init(rows: SortedRows, chunk: Int, index: Int) {
            self.rows = rows
            self.chunk = chunk
            self.index = index
        }

        /// Moves from the end of a chunk to the beginning of the next.
        fileprivate mutating func settle() {
            if chunk < rows.chunks.count, index >= rows.chunks[chunk].count {
                chunk += 1
                index = 0
            }
        }

        /// The row at the place, or nil at the end.
        var row: Row? { chunk < rows.chunks.count ? rows.chunks[chunk][index] : nil }

        mutating func advance() {
            index += 1
            settle()
        }
    }
}
