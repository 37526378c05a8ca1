/// How a scrub is done.
public struct ScrubOptions: Sendable, Hashable {
    /// Bytes of segment files that are read in a second at most; nil: as fast as the medium is.
    public var bytesPerSecondMax: UInt64?
    /// Begins anew although an interrupted scrub left a mark to go on from.
    public var restarts: Bool

    /// Options of their parts.
    public init(bytesPerSecondMax: UInt64? = nil, restarts: Bool = false) {
        self.bytesPerSecondMax = bytesPerSecondMax
        self.restarts = restarts
    }
}

/// Something that a scrub found damaged.
public struct ScrubFinding: Sendable, Hashable, Codable {
    /// What is damaged.
    public enum Part: String, Sendable, Hashable, Codable, CaseIterable {
        /// A segment file's first page.
        case header
        /// A frame's header or descriptors.
        case frame
        /// A block's bytes.
        case block
        /// A catalog record in a segment file.
        case catalogRecord = "catalog-record"
        /// Zeros between records.
        case padding
        /// A segment's footer or trailer.
        case footer
        /// A segment that ends too early.
        case end
        /// A segment that is not there, or cannot be read.
        case segment
        /// A block that an object needs and the index does not know.
        case missingBlock = "missing-block"
        /// An entry of the block index that leads nowhere.
        case indexEntry = "index-entry"
        /// A row of the catalog that is not what the segments say.
        case catalogRow = "catalog-row"
        /// RocksDB's files.
        case catalog
    }

    /// What is damaged.
    public var part: Part
    /// The file, or the catalog's folder.
    public var path: String
    /// Number of the segment; nil for the catalog.
    public var segment: UInt64?
    /// First byte in the file; nil where no file's bytes are meant.
    public var offset: UInt64?
    /// Number of bytes.
    public var length: UInt64?
    /// The block's fingerprint, 64 hexadecimal digits.
    public var fingerprint: String?
    /// How it shows.
    public var reason: String
    /// Which bytes of which objects cannot be read because of it; empty when none need it.
    public var objects: [HarmedObject] = []
}

/// Bytes of a version that need something damaged.
public struct HarmedObject: Sendable, Hashable, Codable {
    /// The object's name as a URL.
    public var name: String
    /// Time of the version, nanoseconds since 1970 UTC; nil for a part of an unfinished upload.
    public var time: UInt64?
    /// The version's ETag.
    public var etag: String?
    /// The cloud's id of the version, or of the upload whose part it is.
    public var versionID: String?
    /// Number of the part of an unfinished upload.
    public var part: Int?
    /// First byte of the object (or part).
    public var offset: UInt64
    /// Number of bytes.
    public var length: UInt64
}

/// What a scrub looked at and found.
public struct ScrubReport: Sendable, Hashable, Codable {
    /// Segment files.
    public var segments: UInt64 = 0
    /// Their bytes.
    public var bytes: UInt64 = 0
    /// Blocks that were read and proven.
    public var blocks: UInt64 = 0
    /// Catalog records in the segments.
    public var records: UInt64 = 0
    /// Entries of the block index that were compared with the segments.
    public var indexEntries: UInt64 = 0
    /// References of objects to blocks that were looked up in the index.
    public var references: UInt64 = 0
    /// True when it went on where another was interrupted.
    public var isResumed = false
    /// What is damaged.
    public var findings: [ScrubFinding] = []
    /// Findings beyond those that are listed.
    public var findingsLeftOut: UInt64 = 0

    /// Nothing looked at.
    public init() {}
}
