/// What a writer did since it was opened.
public struct VaultCounters: Sendable, Hashable, Codable {
    /// Blocks that came in.
    public var blocks: UInt64 = 0
    /// Their bytes.
    public var blockBytes: UInt64 = 0
    /// Blocks that the vault lacked and stored.
    public var newBlocks: UInt64 = 0
    /// Their bytes.
    public var newBlockBytes: UInt64 = 0
    /// Bytes that they take in the segment files, after compression.
    public var storedBlockBytes: UInt64 = 0
    /// Catalog records logged.
    public var records: UInt64 = 0
    /// Group commits.
    public var commits: UInt64 = 0
    /// Nanoseconds that they took.
    public var commitNanoseconds: UInt64 = 0
    /// Versions whose stated digest was recomputed: from the stored bytes, or from the bytes as they came.
    public var versionsChecked: UInt64 = 0
    /// Of these, versions whose bytes were not read back.
    public var versionsCheckedOnArrival: UInt64 = 0
    /// Pieces that were replaced by whole blocks of the object's grid.
    public var regriddedBlocks: UInt64 = 0
    /// Frames of torn tails that were cut off when the vault was opened.
    public var tornBytes: UInt64 = 0

    /// Nothing done.
    public init() {}
}
