/// Bounds of the ledger. Each has a counter in ``LedgerCounters``, and what it costs an object is named in its gaps.
public struct LedgerLimits: Sendable, Hashable {
    /// Open transfers. One more is not followed: its object lacks all of it, cause `limit`.
    public var openTransfersMax = 65_536
    /// Extents of all open transfers together, 48 bytes each. What comes beyond is a gap of its transfer, cause `limit`.
    public var pendingExtentsMax = 524_288
    /// Gaps kept per open transfer. Beyond, everything from there on that is missing has the cause `limit`.
    public var gapsPerTransferMax = 4_096
    /// Separate ranges held per version or part. A range that would make one more is not kept, cause `limit`.
    public var rangesPerVersionMax = 4_096
    /// Extents that begin within one page (256 blocks) of a manifest. More are not kept, cause `limit`.
    public var extentsPerPageMax = 4_096
    /// Slices that wait to be cut per version. More are not kept, cause `limit`.
    public var slicesPerVersionMax = 4_096
    /// Rows of history per name; the oldest go.
    public var historyPerNameMax = 64
    /// Healed gaps remembered per version; the oldest go.
    public var healedPerVersionMax = 64
    /// Versions of one name that are looked through for an ETag. Beyond, a read makes a version of its own.
    public var versionScanMax = 1_024
    /// Accepted uploads kept of one part number; the oldest go.
    public var attemptsPerPartMax = 8
    /// Highest part number (Amazon S3 User Guide, "Multipart upload limits"). Parts beyond are refused.
    public var partNumberMax = 10_000
    /// Versions queued for verification or regridding; the rest is found by a scan.
    public var workQueueMax = 4_096

    /// The defaults.
    public init() {}
}

/// What the ledger did and where it met a limit, counted since it was made.
public struct LedgerCounters: Sendable, Hashable {
    /// Events applied.
    public var events: UInt64 = 0
    /// Extents that joined a version or a part.
    public var extentsJoined: UInt64 = 0
    /// Extents whose bytes were held already.
    public var extentsKnown: UInt64 = 0
    /// Extents that were cut off or lay outside of the object: the cloud's words contradict the transfer.
    public var extentsOutside: UInt64 = 0
    /// Transfers not followed, see ``LedgerLimits/openTransfersMax``.
    public var transfersRefused: UInt64 = 0
    /// Extents dropped, see ``LedgerLimits/pendingExtentsMax``.
    public var extentsRefused: UInt64 = 0
    /// Ranges not kept, see ``LedgerLimits/rangesPerVersionMax`` and ``LedgerLimits/extentsPerPageMax``.
    public var rangesRefused: UInt64 = 0
    /// Slices not kept, see ``LedgerLimits/slicesPerVersionMax``.
    public var slicesRefused: UInt64 = 0
    /// Parts refused, see ``LedgerLimits/partNumberMax``.
    public var partsRefused: UInt64 = 0
    /// Uploads of a part dropped, see ``LedgerLimits/attemptsPerPartMax``.
    public var attemptsDropped: UInt64 = 0
    /// Scans that ended at ``LedgerLimits/versionScanMax``.
    public var scansCut: UInt64 = 0
    /// Statements of the cloud that contradict each other (two sizes of one version).
    public var contradictions: UInt64 = 0
    /// Versions whose MD5 was the one that the cloud stated when their bytes came.
    public var checkedOnArrival: UInt64 = 0
    /// Versions that left the work queues because those were full.
    public var workDropped: UInt64 = 0

    /// Zeros.
    public init() {}
}
