/// What a person may choose about a migration. Every bound has a default that suits a small machine.
public struct MigrationOptions: Sendable {
    /// How thoroughly objects at the target are checked beyond the answer to their upload.
    public enum Verification: String, Sendable, CaseIterable {
        /// By the answer to the upload, and by the journal for objects of earlier runs.
        case answer
        /// Also by asking the target for size and ETag of every object.
        case head
        /// Also by reading every object back and digesting it.
        case readBack = "read-back"
    }

    /// Transfers at once, of objects and parts together; 1 to 256, default 8.
    public var parallel = 8
    /// Memory for payloads in bytes, 1 MiB or more, default 256 MiB.
    public var memoryBytesMax = 256 << 20
    /// Parts and objects of at most this many bytes are read once and held; larger ones are read twice. Default 64 MiB.
    public var heldBytesMax: UInt64 = 64 << 20
    /// Largest object that is sent in one request when the source does not say in which parts it came. Default 64 MiB.
    public var singlePutBytesMax: UInt64 = 64 << 20
    /// Smallest part that is planned, in bytes; doubled until an object needs at most 10,000. Default 8 MiB.
    public var partBytes: UInt64 = 8 << 20
    /// Bytes per second for all transfers, 1 KiB or more; nil, the default, for no limit.
    public var bandwidthBytesPerSecond: UInt64?
    /// How thoroughly the target is checked. Default by the answers.
    public var verification = Verification.answer
    /// True to let the target copy further keys of equal content. Default true.
    public var copiesAtTarget = true
    /// True to make target buckets that do not exist. Default false.
    public var createsBuckets = false
    /// True to delete objects at the target that were replicated and then deleted at the source. Default false.
    public var deletesTombstoned = false
    /// True to check connection, credentials and buckets before the first transfer. Default true.
    public var probesFirst = true
    /// Failed objects in a row after which the run stops, 1 or more, default 20.
    public var failuresInARowMax = 20
    /// Versions read from the source at once, default 512.
    public var pageVersions = 512
    /// Exceptions and other findings that the report lists by name in memory, default 1,000; the report file has all.
    public var listedMax = 1_000

    /// The defaults.
    public init() {}

    /// Throws for values out of their range.
    func check() throws(ReplicationError) {
        guard (1...256).contains(parallel) else { throw .option(name: "parallel", reason: "is not 1 to 256") }
        guard memoryBytesMax >= 1 << 20 else { throw .option(name: "memory", reason: "is less than 1 MiB") }
        guard partBytes >= 1, singlePutBytesMax >= 1 else {
            throw .option(name: "part size", reason: "is not a positive number of bytes")
        }
        if let bandwidthBytesPerSecond, bandwidthBytesPerSecond < 1 << 10 {
            throw .option(name: "bandwidth", reason: "is less than 1 KiB per second")
        }
        guard failuresInARowMax >= 1, pageVersions >= 1, listedMax >= 0 else {
            throw .option(name: "limits", reason: "are not positive")
        }
    }

    /// The largest payload that is held: never more than half the memory, so that two transfers can overlap.
    var heldMax: UInt64 { min(heldBytesMax, UInt64(memoryBytesMax / 2)) }
}
