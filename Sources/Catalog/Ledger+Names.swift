internal import Objects

/// What an event needs of a name: its key, and the row that spares scans.
struct NameContext {
    let name: ObjectName
    let key: [UInt8]
    var record: NameRecord
    /// True when nothing was known of the name before.
    let isNew: Bool
    /// The row's bytes as they were read.
    let before: [UInt8]?
    /// True when the newest version may have another key now.
    var needsNewest = false
}

extension Ledger {
    func begin(_ name: ObjectName) throws(CatalogError) -> NameContext {
        let key = CatalogKey.name(name)
        let before = try value(of: key, in: .names)
        let record = if let before { try NameRecord(decoding: before) } else { NameRecord() }
        return NameContext(name: name, key: key, record: record, isNew: before == nil, before: before)
    }

    mutating func finish(_ context: consuming NameContext) throws(CatalogError) {
        if context.needsNewest {
            var newest: [UInt8] = []
            try scan(.versions, prefix: context.key, from: nil) { key, _ in
                newest = Array(key[context.key.count...])
                return .stop
            }
            context.record.newest = newest
        }
        let encoded = context.record.encoded
        if encoded != context.before { overlay.set(context.key, in: .names, encoded) }
    }

    /// Writes a row unless it is there with the same value already: a replay writes nothing.
    mutating func put(_ key: [UInt8], in table: CatalogTable, _ value: [UInt8]) throws(CatalogError) {
        if try self.value(of: key, in: table) != value { overlay.set(key, in: table, value) }
    }

    /// The same for a row of a name's own, which cannot be there when the name is new: that spares a look-up.
    mutating func put(
        _ key: [UInt8], in table: CatalogTable, _ value: [UInt8], of context: borrowing NameContext
    ) throws(CatalogError) {
        if context.isNew { overlay.set(key, in: table, value) } else { try put(key, in: table, value) }
    }

    /// Adds a row to the history of a name and drops the oldest beyond the limit.
    mutating func note(_ record: HistoryRecord, in context: inout NameContext) throws(CatalogError) {
        guard limits.historyPerNameMax > 0 else { return }
        let suffix = record.keySuffix
        let key = context.key + suffix
        if context.record.historyCount < limits.historyPerNameMax {
            // The first sighting stands: packet numbers differ when captures are replayed in pieces.
            if !context.isNew, try value(of: key, in: .history) != nil { return }
            overlay.set(key, in: .history, record.encoded)
            context.record.historyCount += 1
            return
        }
        var suffixes = try fullHistory(context.key)
        let index = suffixes.partition { SortedRows<Void>.compare($0, suffix) >= 0 }
        guard index < suffixes.count, suffixes[index] != suffix else { return }
        suffixes.insert(suffix, at: index)
        overlay.set(key, in: .history, record.encoded)
        while suffixes.count > limits.historyPerNameMax, let oldest = suffixes.popLast() {
            overlay.set(context.key + oldest, in: .history, nil)
        }
        fullHistories[context.key] = suffixes
    }

    /// The ends of the keys of a history that has reached its limit. A few are remembered, since busy names come again.
    private mutating func fullHistory(_ name: [UInt8]) throws(CatalogError) -> [[UInt8]] {
        if let known = fullHistories[name] { return known }
        var suffixes: [[UInt8]] = []
        try scan(.history, prefix: name, from: nil) { key, _ in
            suffixes.append(Array(key[name.count...]))
            return .next
        }
        if fullHistories.count >= 256 { fullHistories.removeAll(keepingCapacity: true) }
        return suffixes
    }

    /// Notes that an endpoint was talked to, and what it brought.
    mutating func touch(
        _ name: ObjectName, _ seen: Observation, stored: UInt64 = 0, read: UInt64 = 0
    ) throws(CatalogError) {
        let key = CatalogKey.endpoint(name.cloud, name.endpoint)
        var record: EndpointRecord
        if let known = endpoints[key] {
            record = known
        } else if let bytes = try value(of: key, in: .endpoints) {
            record = try EndpointRecord(key: key, decoding: bytes)
        } else {
            record = EndpointRecord(cloud: name.cloud, host: name.endpoint, seen: seen)
            overlay.set(key, in: .endpoints, record.encoded)
        }
        let before = record
        record.firstSeen = min(record.firstSeen, seen.time)
        record.lastSeen = max(record.lastSeen, seen.time)
        record.bytesStored += stored
        record.bytesRead += read
        // Host names come from the traffic: their number has no bound, what is remembered of them has.
        if endpoints.count >= 1024 { flushEndpoints() }
        if record != before { endpoints[key] = record }
    }

    /// Writes the rows of endpoints that changed.
    mutating func flushEndpoints() {
        for (key, record) in endpoints { overlay.set(key, in: .endpoints, record.encoded) }
        endpoints.removeAll(keepingCapacity: true)
    }
}

extension [[UInt8]] {
    /// Index of the first element for which `isAtOrBehind` holds, in a list where it holds for all that follow.
    fileprivate func partition(where isAtOrBehind: ([UInt8]) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if isAtOrBehind(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
