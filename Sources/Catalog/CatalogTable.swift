/// A table of the catalog: a column family in RocksDB, a number in the log of a segment file.
///
/// The raw values are part of the format (see docs/catalog-format.md) and never change their meaning.
public enum CatalogTable: UInt8, Sendable, Hashable, CaseIterable {
    /// Format version, checkpoint, and what the vault keeps about itself. Not written by the ledger.
    case meta = 1
    /// One row per object name: where its versions begin, and how long its history is.
    case names = 2
    /// One row per version or tombstone, newest first within a name.
    case versions = 3
    /// Extents of versions and parts that are too many for the record itself, in pages.
    case manifests = 4
    /// From a version id of the cloud to the row of `versions`.
    case aliases = 5
    /// Multipart uploads, open and closed.
    case uploads = 6
    /// Accepted parts of multipart uploads whose place in the object is not settled.
    case parts = 7
    /// What happened to a name, newest first, the last 64.
    case history = 8
    /// What listings and descriptions said of a name.
    case evidence = 9
    /// The clouds' endpoints that nodes talked to.
    case endpoints = 10

    /// Name of the table's column family.
    public var name: String {
        switch self {
        case .meta: "meta"
        case .names: "names"
        case .versions: "versions"
        case .manifests: "manifests"
        case .aliases: "aliases"
        case .uploads: "uploads"
        case .parts: "parts"
        case .history: "history"
        case .evidence: "evidence"
        case .endpoints: "endpoints"
        }
    }
}

/// One change of one row: the unit that segment files log and that a rebuild replays.
public struct CatalogMutation: Sendable, Hashable {
    /// The table.
    public var table: CatalogTable
    /// The row's key.
    public var key: [UInt8]
    /// The row's new value; nil deletes the row.
    public var value: [UInt8]?

    /// A mutation of its parts.
    public init(table: CatalogTable, key: [UInt8], value: [UInt8]?) {
        self.table = table
        self.key = key
        self.value = value
    }
}

/// Up to where the log of segment files is applied to the catalog. Written in the same atomic commit as what it covers.
public struct CatalogCheckpoint: Sendable, Hashable, Comparable {
    /// Number of the segment file.
    public var segment: UInt64
    /// Offset in bytes of the first record that is not applied.
    public var offset: UInt64

    /// A checkpoint of its parts.
    public init(segment: UInt64, offset: UInt64) {
        self.segment = segment
        self.offset = offset
    }

    /// Orders by segment, then offset.
    public static func < (earlier: CatalogCheckpoint, later: CatalogCheckpoint) -> Bool {
        (earlier.segment, earlier.offset) < (later.segment, later.offset)
    }
}
