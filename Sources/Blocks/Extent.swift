/// Bytes of an object that the vault holds as one block: `length` bytes at `offset` of the object are the whole of the
/// block with this fingerprint.
///
/// A manifest is a list of extents sorted by offset. Extents may overlap (ranges read twice with other borders); each is
/// still true, and a reader takes any that covers its position.
public struct Extent: Hashable, Sendable, BitwiseCopyable {
    /// Offset of the first byte within the object (or within the transfer, before the object is known).
    public var offset: UInt64
    /// Length in bytes, 1 to the vault's block size.
    public var length: UInt32
    /// The block.
    public var fingerprint: Fingerprint

    /// An extent of its parts.
    @inlinable
    public init(offset: UInt64, length: UInt32, fingerprint: Fingerprint) {
        self.offset = offset
        self.length = length
        self.fingerprint = fingerprint
    }

    /// One past the last byte.
    @inlinable public var end: UInt64 { offset + UInt64(length) }
}
