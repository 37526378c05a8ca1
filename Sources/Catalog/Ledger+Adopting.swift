public import Blocks
public import Objects

// Versions of another vault become versions of this one: same name, order, state and metadata, other blocks.

extension Ledger {
    /// A version as this catalog is to have it, with nothing held yet: bytes join by ``adopt(_:into:)``, the row is written
    /// by ``finishAdoption(of:as:)``. What was held under its id before is dropped.
    public mutating func beginAdoption(of source: VersionRecord) throws(CatalogError) -> VersionRecord {
        var version = source
        version.holdings = Holdings()
        version.holdings.reported = source.holdings.reported
        version.offGridCells = 0
        // Neither the parts that would be placed nor the copy's source need be here.
        version.floatingUploadID = nil
        version.copySource = nil
        if version.kind == .object { version.state = .partial }
        try deletePages(.version(CatalogKey.version(source.id)))
        return version
    }

    /// Adds extents, sorted by offset, whose blocks are stored here.
    public mutating func adopt(_ extents: [Extent], into version: inout VersionRecord) throws(CatalogError) {
        var contribution = Contribution()
        contribution.extents = extents
        var healed: [ReportedGaps.Entry] = []
        _ = try join(
            contribution, to: &version.holdings, of: .version(CatalogKey.version(version.id)), size: version.size,
            healed: &healed)
    }

    /// Writes the row of an adopted version.
    public mutating func finishAdoption(
        of source: VersionRecord, as adopted: VersionRecord
    ) throws(CatalogError) {
        var version = adopted
        try settle(&version)
        var context = try begin(version.name)
        try write(version, in: &context)
        try finish(context)
    }

    /// Brings an adopted version up to what is known of its source by now, when the same bytes are held here; false when
    /// there is no such version, or it holds others: then it is to be adopted anew.
    public mutating func refreshAdoption(of source: VersionRecord) throws(CatalogError) -> Bool {
        guard let held = try version(source.id), held.kind == source.kind, held.revision == source.revision,
            held.size == source.size, held.holdings.covered == source.holdings.covered
        else { return false }
        var version = source
        version.holdings = held.holdings
        version.holdings.reported = source.holdings.reported
        version.offGridCells = held.offGridCells
        version.floatingUploadID = nil
        version.copySource = nil
        guard version != held else { return true }
        var context = try begin(version.name)
        try write(version, in: &context)
        try finish(context)
        return true
    }

    /// Takes over a row that names no blocks: history, evidence, endpoints.
    public mutating func adoptRow(_ key: [UInt8], _ value: [UInt8], in table: CatalogTable) throws(CatalogError) {
        try put(key, in: table, value)
    }

    /// Notes how many rows of a name's history were taken over.
    public mutating func adoptHistory(
        of name: ObjectName, rows: [(key: [UInt8], value: [UInt8])]
    ) throws(CatalogError) {
        guard !rows.isEmpty else { return }
        var context = try begin(name)
        for row in rows where try value(of: row.key, in: .history) == nil {
            overlay.set(row.key, in: .history, row.value)
            context.record.historyCount += 1
        }
        // The oldest go, as they went at the source.
        if context.record.historyCount > limits.historyPerNameMax {
            var keys: [[UInt8]] = []
            try scan(.history, prefix: context.key, from: nil) { key, _ in
                keys.append(key)
                return .next
            }
            for key in keys.dropFirst(limits.historyPerNameMax) { overlay.set(key, in: .history, nil) }
            context.record.historyCount = min(keys.count, limits.historyPerNameMax)
        }
        fullHistories[context.key] = nil
        try finish(context)
    }
}

extension VersionRecord {
    /// True when an answer of the cloud that made the version was seen, or the owner made it: its place in the order stands.
    public var isFromAnswer: Bool { origin.isAuthoritative }

    /// The version as it stood at `time` (nanoseconds since 1970 UTC): a removal that came later has not happened yet.
    public func asOf(_ time: UInt64) -> VersionRecord {
        var version = self
        if let removedAt, removedAt > time { version.removedAt = nil }
        return version
    }
}
