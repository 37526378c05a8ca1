internal import Catalog
internal import Blocks
internal import Storage

/// How a collection is done.
public struct CollectionOptions: Sendable, Hashable, Codable {
    /// Which versions are forgotten first.
    public var retention: RetentionPolicy
    /// A segment is rewritten when more than this share of its bytes is garbage; 0 to 1.
    public var garbageShareMax: Double
    /// How long the file of a rewritten segment stays for readers that began before, in nanoseconds.
    public var graceNanoseconds: UInt64
    /// Memory for the set of blocks in use.
    public var filterBytesMax: Int
    /// Only counts what could be done.
    public var isDryRun: Bool

    /// Options with the values of the command's defaults.
    public init(
        retention: RetentionPolicy = RetentionPolicy(), garbageShareMax: Double = 0.2,
        graceNanoseconds: UInt64 = 600_000_000_000, filterBytesMax: Int = 256 << 20, isDryRun: Bool = false
    ) {
        self.retention = retention
        self.garbageShareMax = garbageShareMax
        self.graceNanoseconds = graceNanoseconds
        self.filterBytesMax = filterBytesMax
        self.isDryRun = isDryRun
    }
}

/// What a collection found and did.
public struct CollectionReport: Sendable, Hashable, Codable {
    /// Versions and tombstones that retention took out of the catalog.
    public var versionsForgotten: UInt64 = 0
    /// Multipart uploads that retention took out of the catalog.
    public var uploadsForgotten: UInt64 = 0
    /// Sealed segments that were looked through.
    public var segments: UInt64 = 0
    /// Their bytes.
    public var segmentBytes: UInt64 = 0
    /// Bytes of theirs that are in use.
    public var liveBytes: UInt64 = 0
    /// Segments that held too much garbage, and were rewritten (or would be).
    public var segmentsRewritten: UInt64 = 0
    /// Their bytes.
    public var rewrittenBytes: UInt64 = 0
    /// Bytes of blocks that were copied out of them.
    public var copiedBytes: UInt64 = 0
    /// Blocks that nothing used, and that are gone.
    public var blocksRemoved: UInt64 = 0
    /// Bytes of files that were given back to the file system.
    public var bytesFreed: UInt64 = 0
    /// Bytes of rewritten segments that stay until their time of grace is over.
    public var bytesInGrace: UInt64 = 0
    /// Damage that kept segments from being rewritten, in words.
    public var damage: [String] = []

    /// Nothing done.
    public init() {}
}

/// A collection under way: which rows were marked, which segments are to be rewritten, and how far that is. It goes on in
/// small steps (``VaultWriter/collect(for:)``), so that a tap can go on between them.
struct Collection {
    /// What is done in turn.
    enum Phase {
        /// Forgets what retention lets go, from a name's key on.
        case retention(from: [UInt8]?)
        /// Marks what rows refer to.
        case mark(table: Int, from: [UInt8]?)
        /// Weighs segments.
        case survey([UInt64])
        /// Rewrites segments.
        case sweep([UInt64])
        case done
    }

    let options: CollectionOptions
    /// The time at which retention judges, nanoseconds since 1970 UTC.
    let now: UInt64
    var phase = Phase.retention(from: nil)
    var report = CollectionReport()
    var filter: FingerprintFilter
    var victims: [UInt64] = []
    var rewrite: SegmentRewrite?

    init(_ options: CollectionOptions, now: UInt64, blocks: UInt64) {
        self.options = options
        self.now = now
        filter = FingerprintFilter(
            count: blocks + blocks / 4 + 100_000, bytesMax: options.filterBytesMax, salt: .random(in: 0 ... .max))
    }

    /// Marks what new rows refer to: rows that move while they are marked, or come after, must not be missed.
    mutating func note(_ mutations: [CatalogMutation]) throws(CatalogError) {
        for mutation in mutations {
            guard let value = mutation.value else { continue }
            try mutation.table.visitReferences(inRow: mutation.key, value) { filter.insert($0) }
        }
    }
}

/// A segment that is being rewritten.
struct SegmentRewrite {
    let number: UInt64
    let byteCount: UInt64
    /// True when no segment before it is left: what it deletes is in no other.
    let isFirst: Bool
    var replay: SegmentReplay
    /// Records of the batch that was read last, and how many of them are done.
    var records: [SegmentRecord] = []
    var done = 0
    /// Rows that stand in this segment and are the last word on their keys; none between two steps.
    var rows: [CatalogMutation] = []
    var rowBytes = 0
    /// Blocks that were read and are to be appended together; none between two steps.
    var copies: [BlockDescriptor] = []
    /// Blocks that nothing seemed to use when they were passed.
    var unused: [(fingerprint: Fingerprint, place: BlockLocation)] = []
}
