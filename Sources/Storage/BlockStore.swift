public import Blocks

/// A place where segments live: a folder, or an object store with a folder as its spool.
///
/// What the vault builds on, and every implementation therefore promises:
/// - **Durable**: when ``SegmentWriter/synchronize()`` has returned for a segment being written, its frames survive a
///   power cut; when ``publish(_:)`` has returned, the sealed segment survives whatever the medium is made to survive.
/// - **Read after write**: a block can be read at its location as soon as `append` has returned, from any thread of the
///   process, and from the moment its segment is sealed as long as it is not collected.
/// - **Atomic**: a sealed segment appears in ``segmentNumbers()`` of other processes whole or not at all, under a number
///   that was never used before, and never changes.
/// - **Honest**: bytes that are not what was written are reported as damage, never delivered.
public protocol BlockStore: Sendable {
    /// Numbers of the segments that are there, ascending.
    func segmentNumbers() throws(StorageError) -> [UInt64]

    /// Creates the next segment; see ``SegmentDirectory/createSegment(writer:highestUsed:)``.
    func createSegment(writer: UInt64, highestUsed: UInt64) throws(StorageError) -> SegmentWriter

    /// Goes on with an unsealed segment; see ``SegmentDirectory/resumeSegment(_:durableTo:)``.
    func resumeSegment(_ number: UInt64, durableTo: UInt64) throws(StorageError) -> SegmentWriter

    /// Makes a sealed segment visible and durable on the medium; returns when it is.
    func publish(_ segment: UInt64) throws(StorageError)

    /// A reader of a segment, for replay.
    func openSegment(_ number: UInt64) throws(StorageError) -> SegmentReader

    /// Reads a block's bytes into the start of `room` and checks them; see ``SegmentReader/read(_:of:into:)``.
    func read(
        _ location: BlockLocation, of fingerprint: Fingerprint, into room: inout MutableRawSpan
    ) throws(StorageError)
}

extension BlockStore {
    /// The bytes of a block.
    public func read(_ location: BlockLocation, of fingerprint: Fingerprint) throws(StorageError) -> [UInt8] {
        guard location.rawLength <= UInt32(BlockSize.range.upperBound) else {
            throw .damaged(
                path: "segment \(location.segment.sixteenDigits)", offset: location.payloadOffset,
                reason: "the index gives lengths that no block has")
        }
        var bytes = [UInt8](repeating: 0, count: Int(location.rawLength))
        var span = bytes.mutableSpan
        var room = unsafe span.mutableBytes
        try read(location, of: fingerprint, into: &room)
        return bytes
    }

    /// Reads a block's bytes into the start of a pool buffer that the caller holds.
    public func read(
        _ location: BlockLocation, of fingerprint: Fingerprint, into buffer: BlockBuffer, of pool: BlockPool
    ) throws(StorageError) {
        try pool.withMutableBytes(of: buffer) { room throws(StorageError) in
            try read(location, of: fingerprint, into: &room)
        }
    }
}
