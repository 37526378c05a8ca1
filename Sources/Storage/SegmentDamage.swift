public import Blocks

/// Bytes of a segment file that are not what was written.
public struct SegmentDamage: Hashable, Sendable {
    /// What of the file they are.
    public enum Part: String, Hashable, Sendable, Codable {
        /// The file's first page: nothing of the file can be read without it.
        case header
        /// A frame's header or descriptors. Its records can be read by what the footer or the block index says of them.
        case frame
        /// A block's stored bytes.
        case block
        /// A catalog record. The catalog has what it said; a rebuild would miss it.
        case catalogRecord = "catalog-record"
        /// Zeros between payloads and behind them: nothing is lost with them.
        case padding
        /// The footer or trailer of a finished file. The frames say the same.
        case footer
        /// The file ends too early.
        case end
    }

    /// Number of the segment.
    public var segment: UInt64
    /// The file.
    public var path: String
    /// Where in the file, in bytes; as narrow as is known.
    public var range: Range<UInt64>
    /// What it is.
    public var part: Part
    /// How it shows.
    public var reason: String

    /// Damage of its parts.
    public init(segment: UInt64, path: String, range: Range<UInt64>, part: Part, reason: String) {
        self.segment = segment
        self.path = path
        self.range = range
        self.part = part
        self.reason = reason
    }
}

/// A block as a segment describes it.
public struct DescribedBlock: Hashable, Sendable {
    /// Its fingerprint.
    public var fingerprint: Fingerprint
    /// Its place.
    public var location: BlockLocation

    /// A block and its place.
    public init(fingerprint: Fingerprint, location: BlockLocation) {
        self.fingerprint = fingerprint
        self.location = location
    }
}
