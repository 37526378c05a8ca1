public import Blocks

/// Bytes of a manifest that stand at a place of an object, as one block holds them.
public struct ManifestPiece: Hashable, Sendable, BitwiseCopyable {
    /// Offset of the first byte within the object.
    public var offset: UInt64
    /// Length in bytes.
    public var length: UInt32
    /// How many bytes of the block come before.
    public var skip: UInt32
    /// Length of the whole block in bytes, where that is known; 0 for pieces of a server-side copy.
    public var blockLength: UInt32
    /// The block.
    public var fingerprint: Fingerprint

    /// A piece of its parts.
    public init(offset: UInt64, length: UInt32, skip: UInt32, blockLength: UInt32, fingerprint: Fingerprint) {
        self.offset = offset
        self.length = length
        self.skip = skip
        self.blockLength = blockLength
        self.fingerprint = fingerprint
    }

    /// One past the last byte.
    public var end: UInt64 { offset + UInt64(length) }
}

/// A range of a version to be written as one block: the vault reads the pieces, joins, hashes and stores them, and calls
/// ``Ledger/replaceExtents(of:revision:with:)``.
public struct RegridWork: Hashable, Sendable {
    /// The version.
    public var version: VersionID
    /// Which of its bytes: see ``VersionRecord/revision``.
    public var revision: UInt64
    /// Offset within the object, a multiple of the block size but for slices in a partial version.
    public var offset: UInt64
    /// Length in bytes, at most the block size.
    public var length: UInt32
    /// What it is made of: ascending, without hole or overlap.
    public var pieces: [ManifestPiece]
}
