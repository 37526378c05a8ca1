/// Whether a visitor wants the next row.
public enum VisitStep: Sendable, Hashable {
    /// Go on.
    case next
    /// Enough.
    case stop
}

/// A key-value store of tables, read only: what the ledger's rules and all queries are written against.
public protocol CatalogReading: ~Copyable {
    /// The value of a row, or nil when there is no such row.
    func value(of key: [UInt8], in table: CatalogTable) throws(CatalogError) -> [UInt8]?

    /// Visits the rows whose keys begin with `prefix` in ascending order of their bytes, from the first key that is not
    /// below `start` (nil: from the first). Rows that change during the scan may be seen either way.
    func scan(
        _ table: CatalogTable, prefix: [UInt8], from start: [UInt8]?,
        _ visit: (_ key: [UInt8], _ value: [UInt8]) throws(CatalogError) -> VisitStep
    ) throws(CatalogError)
}

/// A catalog that takes commits.
public protocol CatalogWriting: CatalogReading {
    /// Applies mutations, index entries and the checkpoint together: after a crash either all of it is there or nothing.
    ///
    /// The caller has made the blocks and the logged mutations durable before; a commit that is lost in a crash is found
    /// again by replaying the log from the last checkpoint.
    func commit(
        _ mutations: [CatalogMutation], index entries: [BlockIndexEntry], checkpoint: CatalogCheckpoint?
    ) throws(CatalogError)

    /// The checkpoint of the last commit that carried one.
    func checkpoint() throws(CatalogError) -> CatalogCheckpoint?
}
