/// What bounds a ``BlockSplitter``.
///
/// The numbers keep one promise: whatever the traffic, a splitter that waits for a buffer can count on one coming back,
/// since the buffers that it and its siblings may hold on to are fewer than the pool has.
public struct SplitterLimits: Hashable, Sendable {
    /// Blocks that make a batch full. Default 32: 2 MiB of standard blocks, which the hashers find in the cache, and a
    /// multiple of the 16 that are hashed side by side.
    public var batchBlocksMax: Int
    /// Steps that make a batch full. Default 256.
    public var batchStepsMax: Int
    /// Open transfers that may hold a partly filled buffer until it is full. Default: what remains of seven eighths of the
    /// splitter's share of the pool, 4,488 with the default pool.
    public var partialBlocksMax: Int
    /// Whose buffer goes to a newcomer at that limit: the one of a transfer that has not grown for this many pieces of
    /// payload is taken for stalled, and the one that rested longest gives way. If none has, all are busy, and the newcomer
    /// begins in small pages, and passes when it has outgrown them. Default: eight times ``partialBlocksMax``;
    /// in any case, sixteen times the number of open transfers, since of many in random order some rest that long.
    public var stalledAfterPieces: UInt64
    /// Buffers that are cut into small pages for the beginnings of blocks of transfers beyond ``partialBlocksMax``, up to half a
    /// block each. Default: three in 32 of the buffers that the splitter may hold, room for some 5,000 transfers of 10 KB with the
    /// default pool.
    public var pageBuffersMax: Int
    /// Transfers beyond ``partialBlocksMax`` that may hold a partly filled buffer for a while. At the limit the block of the
    /// one that rested longest is cut short: it costs short blocks, of a burst of packets rather than of one, which rarely
    /// have duplicates, and loses nothing (``SplitterCounters/earlyCuts``). Taking turns among all would leave no transfer
    /// a whole block. Default: a sixteenth of the buffers that the splitter may hold.
    public var passingBlocksMax: Int
    /// Buffers taken from the pool under one lock. Default 16.
    public var refillBuffers: Int
    /// Open transfers. One more is refused: its payload is reported as a gap of cause `limit`
    /// (``SplitterCounters/refusedTransfers``). Default 262,144, which is 20 MiB of table.
    public var transfersMax: Int

    /// The limits of one of `splitters` splitters that share a pool of `poolCapacity` buffers.
    public init(poolCapacity: Int, splitters: Int = 1) {
        let share = max(poolCapacity / max(splitters, 1), 4)
        batchBlocksMax = min(max(share / 8, 1), 32)
        batchStepsMax = 256
        refillBuffers = min(max(share / 16, 1), 16)
        let held = share * 7 / 8
        passingBlocksMax = held / 16
        pageBuffersMax = held * 3 / 32
        partialBlocksMax = max(held - batchBlocksMax - refillBuffers - passingBlocksMax - pageBuffersMax, 1)
        stalledAfterPieces = 8 * UInt64(partialBlocksMax)
        transfersMax = 262_144
    }

    /// Buffers that a splitter may hold while it waits for another.
    public var buffersHeldMax: Int {
        partialBlocksMax + passingBlocksMax + pageBuffersMax + refillBuffers + batchBlocksMax
    }
}

/// What a ``BlockSplitter`` did, for metrics and tests. All counts are since its beginning.
public struct SplitterCounters: Hashable, Sendable {
    /// Blocks cut.
    public var blocks: UInt64 = 0
    /// Of these, blocks shorter than the block size: at the ends of transfers, around gaps, and early cuts.
    public var shortBlocks: UInt64 = 0
    /// Payload bytes taken.
    public var payloadBytes: UInt64 = 0
    /// Batches sent.
    public var batches: UInt64 = 0
    /// Blocks cut short because too many transfers held a partly filled one: see ``SplitterLimits/passingBlocksMax``.
    public var earlyCuts: UInt64 = 0
    /// How often the pool was empty and the splitter waited: back-pressure from the disk or the hashers.
    public var poolWaits: UInt64 = 0
    /// Transfers beyond ``SplitterLimits/transfersMax``.
    public var refusedTransfers: UInt64 = 0
    /// Payload bytes of those.
    public var refusedBytes: UInt64 = 0

    /// All zero.
    public init() {}
}
