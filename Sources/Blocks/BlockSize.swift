/// The length of a full block: a power of two from 4 KiB to 8 MiB, fixed for the life of a vault.
///
/// Smaller blocks find more duplicates in files that were edited, and cost more index entries per byte (one entry is
/// about 67 bytes); 64 KiB is the default because there the index of 1 TiB takes about 1 GiB.
public struct BlockSize: Hashable, Sendable, BitwiseCopyable {
    /// The length in bytes.
    public let bytes: Int

    /// The block size of `bytes` bytes; throws ``BlocksError/badBlockSize(bytes:)`` for any other number than a power of
    /// two within ``range``.
    public init(bytes: Int) throws(BlocksError) {
        guard Self.range.contains(bytes), bytes & (bytes - 1) == 0 else { throw .badBlockSize(bytes: bytes) }
        self.bytes = bytes
    }

    private init(known bytes: Int) { self.bytes = bytes }

    /// Lengths allowed, in bytes.
    public static let range = 4 << 10...8 << 20

    /// 64 KiB.
    public static let standard = BlockSize(known: 64 << 10)

    /// Bytes from `position` to the next multiple of the block size: 1 to the block size.
    ///
    /// Only the low bits count, so a position near the end of the 64-bit range is as good as any other.
    @inlinable
    public func bytesToNextBoundary(from position: UInt64) -> Int {
        bytes - Int(truncatingIfNeeded: position & UInt64(bytes - 1))
    }
}

extension BlockSize: CustomStringConvertible {
    /// `64 KiB`, `8 MiB`.
    public var description: String { bytes >= 1 << 20 ? "\(bytes >> 20) MiB" : "\(bytes >> 10) KiB" }
}
