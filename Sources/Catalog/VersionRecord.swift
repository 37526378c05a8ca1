public import Objects

/// Everything the catalog knows of one version of an object, or of one tombstone.
public struct VersionRecord: Sendable, Hashable {
    /// What the row stands for.
    public enum Kind: UInt8, Sendable, Hashable {
        /// A version with bytes.
        case object = 1
        /// The cloud was told to delete the name, or keeps a delete marker.
        case tombstone = 2
    }

    /// How the vault learned that the version exists.
    public enum Origin: UInt8, Sendable, Hashable {
        /// An accepted upload in one request.
        case put = 1
        /// A completed multipart upload.
        case multipart = 2
        /// A server-side copy.
        case copy = 3
        /// It was read; its upload was not seen.
        case read = 4
        /// A delete.
        case delete = 5
        /// The removal of a version that was never seen.
        case removal = 6
        /// The owner brought an older version back: ``Ledger/restore(_:at:)``.
        case restored = 7

        /// True when the time of the version is that of the answer that made it.
        var isAuthoritative: Bool { self != .read && self != .removal }
    }

    /// A part of the multipart upload that made the version, in the object's order.
    public struct Part: Sendable, Hashable {
        /// Number of the part, from 1.
        public var number: Int
        /// The part's ETag as the cloud stated it.
        public var etag: String?
        /// Length in bytes; nil when it was not seen and cannot be inferred.
        public var size: UInt64?
        /// True when the part's bytes (if any were seen) are in the version.
        public var isPlaced: Bool

        /// A part of its parts.
        public init(number: Int, etag: String?, size: UInt64?, isPlaced: Bool = false) {
            self.number = number
            self.etag = etag
            self.size = size
            self.isPlaced = isPlaced
        }
    }

    /// What a server-side copy was made of.
    public struct CopySource: Sendable, Hashable {
        /// The object.
        public var name: ObjectName
        /// The version that the request named.
        public var versionID: String?

        /// A source of its parts.
        public init(name: ObjectName, versionID: String?) {
            self.name = name
            self.versionID = versionID
        }
    }

    /// A gap that was reported and later filled.
    public struct HealedGap: Sendable, Hashable {
        /// First byte.
        public var offset: UInt64
        /// Length in bytes.
        public var length: UInt64
        /// Why it had been missing.
        public var cause: GapCause
        /// When the bytes came, nanoseconds since 1970 UTC.
        public var time: UInt64

        /// A gap of its parts.
        public init(offset: UInt64, length: UInt64, cause: GapCause, time: UInt64) {
            self.offset = offset
            self.length = length
            self.cause = cause
            self.time = time
        }
    }

    /// Name, order and tag: the row's key.
    public internal(set) var id: VersionID
    /// What the row stands for.
    public internal(set) var kind: Kind
    /// How much is held. Means nothing for a tombstone.
    public internal(set) var state = ObjectState.partial
    /// How the vault learned of it.
    public internal(set) var origin: Origin
    /// Length in bytes in the cloud's own words; nil when they were not seen.
    public internal(set) var size: UInt64?
    /// The ETag without quotes.
    public internal(set) var etag: String?
    /// The cloud's version id.
    public internal(set) var versionID: String?
    /// Capture time of the first packet that belonged to it, nanoseconds since 1970 UTC.
    public internal(set) var firstSeen: UInt64
    /// Capture time of the last packet that belonged to it.
    public internal(set) var lastSeen: UInt64
    /// What the cloud keeps beside the bytes.
    public internal(set) var metadata = ObjectMetadata()
    /// Digests the cloud stated, and what came of checking them.
    public internal(set) var digests: [CheckedDigest] = []
    /// Parts of the multipart upload, in order; empty for other versions.
    public internal(set) var parts: [Part] = []
    /// The upload whose parts are not all placed; nil when nothing floats.
    public internal(set) var floatingUploadID: String?
    /// Where a copy's missing bytes may turn up; nil when none are missing, and for versions that are no copies.
    public internal(set) var copySource: CopySource?
    /// What is held.
    public internal(set) var holdings = Holdings()
    /// Gaps that were filled later, the last 64.
    public internal(set) var healed: [HealedGap] = []
    /// When this version (or delete marker) itself was removed from the cloud; nil while it is there.
    public internal(set) var removedAt: UInt64?
    /// The tenant that owns it; empty for the only one.
    public internal(set) var owner = ""
    /// Cells of the block grid that are held in other pieces than one block; counted once the version is whole.
    public internal(set) var offGridCells: UInt64 = 0
    /// True when the completing request was not seen whole, so that which parts make the object is not known yet.
    public internal(set) var isPartListUnknown = false
    /// Counts how often held bytes were replaced by others: results of a check of older bytes are void.
    public internal(set) var revision: UInt64 = 0

    init(id: VersionID, kind: Kind, origin: Origin, seen: Observation) {
        self.id = id
        self.kind = kind
        self.origin = origin
        firstSeen = seen.firstTime
        lastSeen = seen.time
    }

    /// The object.
    public var name: ObjectName { id.name }

    /// Order among the versions of the name: time of the cloud's answer, nanoseconds since 1970 UTC.
    public var time: UInt64 { id.time }

    /// True for a version whose removal was not seen, tombstones too.
    public var isPresent: Bool { removedAt == nil }

    /// Sizes of the parts in order, when all are known: what composite digests are computed over.
    public var partSizes: [UInt64]? {
        guard !parts.isEmpty else { return nil }
        let sizes = parts.compactMap(\.size)
        return sizes.count == parts.count ? sizes : nil
    }

    /// True when pieces could be replaced by whole blocks of the grid, or slices wait to be cut.
    public var needsRegrid: Bool { offGridCells > 0 || !holdings.slices.isEmpty }

    /// True when the length is known and every byte is held.
    public var isWhole: Bool {
        guard kind == .object, let size else { return false }
        return holdings.covered.contains(0..<size)
    }

    /// The bytes that are missing, ascending, each range with its cause; exactly the complement of what is held. When the
    /// size is not known the last one is open.
    public var gaps: [Gap] {
        guard kind == .object else { return [] }
        let covered = holdings.covered
        var gaps: [Gap] = []
        for missing in covered.missing(within: 0..<(size ?? covered.end)) {
            for piece in holdings.reported.pieces(of: missing) {
                let length = piece.range.upperBound - piece.range.lowerBound
                gaps.append(Gap(offset: piece.range.lowerBound, length: length, cause: piece.cause))
            }
        }
        if size == nil { gaps.append(contentsOf: openGaps(from: covered.end)) }
        return gaps
    }

    /// The gaps behind everything held when the size is not known. The last one has no length: where the last report
    /// ends, the object may or may not go on.
    private func openGaps(from start: UInt64) -> [Gap] {
        var pieces = holdings.reported.pieces(of: start..<UInt64.max)
        if pieces.count > 1, let last = pieces.last, last.cause == holdings.reported.defaultCause {
            pieces.removeLast()
        }
        return pieces.enumerated().map { index, piece in
            let length = piece.range.upperBound - piece.range.lowerBound
            return Gap(
                offset: piece.range.lowerBound, length: index == pieces.count - 1 ? nil : length, cause: piece.cause)
        }
    }
}
