public import Objects

/// Cuts the payload of transfers into blocks on the grid of the object they belong to, and sends them in batches.
///
/// Block borders are the multiples of the block size of the *object's* offset, so the same bytes of an object make the
/// same block whether they came in one upload, as a part, or as a range. A transfer that begins or ends off the grid, or
/// has a gap, makes short blocks there. Each byte is copied once, from the packet into the pool buffer that goes to disk.
///
/// The order of blocks and steps in the batches is the order of the calls: when a gap, a close or an event of a transfer
/// is there, so is every byte of it that came before. Owned by one thread. Offsets that do not follow on one another are
/// a mistake of the caller and stop the program.
///
/// Memory: at most ``SplitterLimits/buffersHeldMax`` buffers of the pool, and the table of open transfers. When the pool
/// is empty the splitter sends what it has and waits, which is the pipeline's back-pressure.
public struct BlockSplitter<Output: BatchOutput & ~Copyable>: ~Copyable, ObjectSink {
    /// Where batches go.
    public var output: Output

    @usableFromInline var cutter: BlockCutter

    /// A splitter that takes buffers from `pool`. When several splitters share a pool, give each the limits made for
    /// that number, ``SplitterLimits/init(poolCapacity:splitters:)``; nil is for a splitter alone.
    public init(pool: BlockPool, limits: SplitterLimits? = nil, output: consuming Output) {
        let limits = limits ?? SplitterLimits(poolCapacity: pool.capacity)
        precondition(limits.buffersHeldMax < pool.capacity, "limits under which a splitter could wait for itself")
        self.output = output
        cutter = BlockCutter(pool: pool, limits: limits)
    }

    /// What was done so far.
    public var counters: SplitterCounters { cutter.counters }
    /// Transfers open now.
    public var openTransfers: Int { cutter.openTransfers }
    /// Transfers that hold a partly filled buffer now.
    public var partialBlocks: Int { cutter.partialBlocks }

    /// Number of the packet that is being worked on; batches carry it (``IngestBatch/lastPacket``). The driver sets it
    /// as often as it likes, at the latest with ``flush(lastPacket:)``.
    public var lastPacket: UInt64 {
        get { cutter.lastPacket }
        set { cutter.lastPacket = newValue }
    }

    /// See ``ObjectSink/open(_:plan:)``.
    @inlinable
    public mutating func open(_ transfer: TransferID, plan: TransferPlan) {
        cutter.open(transfer, plan)
        sendIfFull()
    }

    /// See ``ObjectSink/payload(_:_:at:)``.
    @inlinable
    public mutating func payload(_ transfer: TransferID, _ bytes: RawSpan, at offset: UInt64) {
        var taken = 0
        while true {
            taken = cutter.take(transfer, bytes, at: offset, from: taken)
            if taken == bytes.byteCount { return sendIfFull() }
            sendOrWait()
        }
    }

    /// See ``ObjectSink/gap(_:at:length:cause:)``.
    @inlinable
    public mutating func gap(_ transfer: TransferID, at offset: UInt64, length: UInt64?, cause: GapCause) {
        makeReady(transfer)
        cutter.gap(transfer, at: offset, length: length, cause: cause)
        sendIfFull()
    }

    /// See ``ObjectSink/close(_:_:)``.
    @inlinable
    public mutating func close(_ transfer: TransferID, _ end: TransferEnd) {
        makeReady(transfer)
        cutter.close(transfer, end)
        sendIfFull()
    }

    /// See ``ObjectSink/event(_:)``.
    @inlinable
    public mutating func event(_ event: ObjectEvent) {
        cutter.event(event, order: output.order)
        sendIfFull()
    }

    /// Sends what has gathered, full or not. Partly filled blocks of open transfers stay; they go when they fill or when
    /// their transfer closes.
    public mutating func flush(lastPacket: UInt64) {
        cutter.lastPacket = lastPacket
        if cutter.hasPending { output.send(cutter.takeBatch()) }
    }

    /// Waits until the transfer's block, full or not, can be cut.
    @inlinable
    mutating func makeReady(_ transfer: TransferID) {
        while !cutter.canCut(transfer) { sendOrWait() }
    }

    @inlinable
    mutating func sendOrWait() {
        if cutter.hasPending {
            // The batch is full, or the pool is empty and what is pending holds buffers back.
            output.send(cutter.takeBatch())
        } else {
            cutter.waitForBuffer()
        }
    }

    @inlinable
    mutating func sendIfFull() {
        if cutter.isBatchFull { output.send(cutter.takeBatch()) }
    }
}
