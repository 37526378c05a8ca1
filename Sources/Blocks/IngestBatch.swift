public import Objects

/// A block cut from a transfer, its bytes in a pool buffer.
public struct BlockDescriptor: Sendable, BitwiseCopyable {
    /// The transfer it was cut from.
    public var transfer: TransferID
    /// Offset within the transfer's payload.
    public var offset: UInt64
    /// Length in bytes, 1 to the block size.
    public var length: UInt32
    /// The pool buffer that holds the bytes from its start.
    public var buffer: BlockBuffer
    /// Filled in by the hasher; all zero before.
    public var fingerprint: Fingerprint
    /// True when the fingerprint is the one that a vault with keys makes of the hasher's.
    public var isKeyed = false
    /// What the buffer's bytes are by now.
    public var form = BlockForm.raw
    /// True when the index knew the block at ``IngestBatch/lookedUp``.
    public var isIndexed = false

    /// A block not hashed yet.
    @inlinable
    public init(transfer: TransferID, offset: UInt64, length: UInt32, buffer: BlockBuffer) {
        self.transfer = transfer
        self.offset = offset
        self.length = length
        self.buffer = buffer
        self.fingerprint = Fingerprint(0, 0, 0, 0)
    }
}

/// A step of an ingest that is not a block.
public enum IngestStep: Sendable {
    /// A transfer opened.
    case open(TransferID, TransferPlan)
    /// Payload that is missing; `length` nil: all to the end.
    case gap(TransferID, offset: UInt64, length: UInt64?, cause: GapCause)
    /// The transfer's payload ended.
    case close(TransferID, TransferEnd)
    /// An object event.
    case event(ObjectEvent)
}

/// A state of a vault's block index, so that what was found in it can be told from what it is by now.
public struct IndexMoment: Sendable, Hashable, BitwiseCopyable {
    /// Commits that brought blocks.
    public var commits: UInt64
    /// Calls that took blocks away.
    public var withdrawals: UInt64

    /// A moment of its parts.
    public init(commits: UInt64, withdrawals: UInt64) {
        self.commits = commits
        self.withdrawals = withdrawals
    }
}

/// The unit of hand-over between threads: blocks in the order they were cut, and the steps between them.
public struct IngestBatch: Sendable {
    /// A step and its place: it happens after the first `blocksBefore` blocks of the batch.
    public struct Step: Sendable {
        /// How many of the batch's blocks come before it.
        public var blocksBefore: Int
        /// What happens.
        public var step: IngestStep
        /// Of an event, when several splitters feed a vault: its place among the events of all, ascending in each.
        public var order: UInt64
        /// Of a close: the MD5 of the transfer's payload, where the hasher computed it.
        public var digest: TransferDigest?

        /// A step of its parts.
        public init(blocksBefore: Int, step: IngestStep, order: UInt64 = 0) {
            self.blocksBefore = blocksBefore
            self.step = step
            self.order = order
        }
    }

    /// The blocks.
    public var blocks: [BlockDescriptor] = []
    /// The steps, ascending by place.
    public var steps: [Step] = []
    /// The state of the index in which all blocks were looked up; nil when nobody did.
    public var lookedUp: IndexMoment?
    /// Number of the last packet that went into the batch.
    public var lastPacket: UInt64 = 0
    /// Which of several splitters it comes from, from 0.
    public var source = 0
    /// Every event of its source with a lower order is in this batch or an earlier one.
    public var complete: UInt64 = 0

    /// An empty batch.
    public init() {}

    /// True when nothing is in it.
    public var isEmpty: Bool { blocks.isEmpty && steps.isEmpty }
}
