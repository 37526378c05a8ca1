public import Objects

/// The splitter without its output: cuts payload into blocks and gathers a batch.
///
/// It is apart from ``BlockSplitter`` because it is not generic: its code is compiled once, with fixed offsets, wherever
/// the output's type comes from. It never waits and never sends; it stops short and says so, and the splitter acts.
@usableFromInline
struct BlockCutter: ~Copyable {
    @usableFromInline let pool: BlockPool
    @usableFromInline let limits: SplitterLimits
    @usableFromInline var counters = SplitterCounters()
    @usableFromInline var lastPacket: UInt64 = 0

    private var table = TransferTable()
    private var pages: BeginningPages
    private var pending = IngestBatch()
    /// Buffers taken from the pool in advance, so that the pool's lock is taken once per `refillBuffers` blocks.
    private var stock: [BlockBuffer] = []
    /// The slot of the last payload's transfer: most payload comes in runs of one transfer.
    private var current = TransferTable.none
    /// Pieces of payload taken so far: the clock by which a transfer rests.
    private var pieces: UInt64 = 0
    /// Transfers refused and not closed yet.
    private var refusedOpen = 0

    @usableFromInline
    init(pool: BlockPool, limits: SplitterLimits) {
        self.pool = pool
        self.limits = limits
        pages = BeginningPages(pool: pool, buffersMax: limits.pageBuffersMax)
        stock.reserveCapacity(limits.refillBuffers)
    }

    // Inlinable like the splitter's methods, which replace and end cutters; the compiler refuses the mixture.
    @inlinable
    deinit { releaseBuffers() }

    /// Gives back the buffers of blocks that were never sent: nobody else knows of them.
    @usableFromInline
    func releaseBuffers() {
        pool.release(stock)
        pool.release(pending.blocks)
        pool.release(table.slots.lazy.filter { $0.number != 0 && $0.filled > 0 && !$0.isInPages }.map(\.buffer))
        pool.release(pages.buffers)
    }

    @usableFromInline var openTransfers: Int { table.count }
    @usableFromInline var partialBlocks: Int { table.partialCount }
    @usableFromInline var hasPending: Bool { !pending.isEmpty }

    @usableFromInline var isBatchFull: Bool {
        pending.blocks.count >= limits.batchBlocksMax || pending.steps.count >= limits.batchStepsMax
    }

    /// The batch gathered so far; an empty one takes its place.
    @usableFromInline
    mutating func takeBatch() -> IngestBatch {
        var batch = IngestBatch()
        swap(&batch, &pending)
        batch.lastPacket = lastPacket
        counters.batches += 1
        return batch
    }

    /// Waits for a buffer. Only to be called with nothing pending, when `take` could not go on.
    @usableFromInline
    mutating func waitForBuffer() {
        counters.poolWaits += 1
        stock.append(pool.acquireWaiting())
    }

    @usableFromInline
    mutating func open(_ transfer: TransferID, _ plan: TransferPlan) {
        precondition(table.find(transfer.number) == TransferTable.none, "a transfer opened twice")
        add(.open(transfer, plan))
        guard table.count < limits.transfersMax else {
            refusedOpen += 1
            counters.refusedTransfers += 1
            add(.gap(transfer, offset: 0, length: nil, cause: .limit))
            return
        }
        current = table.insert(transfer.number, objectOffset: plan.objectOffset)
    }

    /// Takes payload from byte `start` of `bytes` on, and returns how far it came: to the end, or less when the batch is
    /// full or no buffer is free. `offset` is the place of the span's first byte in the transfer.
    @usableFromInline
    mutating func take(_ transfer: TransferID, _ bytes: RawSpan, at offset: UInt64, from start: Int) -> Int {
        guard let slot = slot(of: transfer) else {
            counters.refusedBytes += UInt64(bytes.byteCount)
            return bytes.byteCount
        }
        precondition(
            table.slots[slot].position == offset + UInt64(start),
            "payload of transfer \(transfer.number) at \(offset), expected at \(table.slots[slot].position)")
        pieces += 1
        var taken = start
        while taken < bytes.byteCount {
            if table.slots[slot].filled == 0 {
                guard startBlock(slot) else { break }
            } else if !table.slots[slot].isInPages {
                table.touchPartial(Int32(slot))
            }
            table.slots[slot].lastPiece = pieces
            if table.slots[slot].holding == .pages {
                if begin(slot, with: bytes, from: taken) {
                    taken = bytes.byteCount
                    break
                }
                guard takeOut(slot) else { break }
            }
            taken += fill(slot, with: bytes, from: taken)
            if table.passing.count > limits.passingBlocksMax {
                counters.earlyCuts += 1
                cut(Int(table.passing.oldest))
            }
            if isBatchFull { break }
        }
        counters.payloadBytes += UInt64(taken - start)
        return taken
    }

    /// Makes sure that the transfer's block can be cut, which takes a buffer; false when none is free now.
    @usableFromInline
    mutating func canCut(_ transfer: TransferID) -> Bool {
        guard let slot = slot(of: transfer), table.slots[slot].isInPages else { return true }
        return takeOut(slot)
    }

    /// Only to be called when ``canCut(_:)`` said so, as ``close(_:_:)``.
    @usableFromInline
    mutating func gap(_ transfer: TransferID, at offset: UInt64, length: UInt64?, cause: GapCause) {
        guard let slot = slot(of: transfer) else { return }
        precondition(
            table.slots[slot].position == offset,
            "gap of transfer \(transfer.number) at \(offset), expected at \(table.slots[slot].position)")
        cut(slot)
        add(.gap(transfer, offset: offset, length: length, cause: cause))
        // A gap to the end leaves the position: nothing may follow but the close.
        let (end, overflow) = offset.addingReportingOverflow(length ?? 0)
        table.slots[slot].position = overflow ? .max : end
    }

    @usableFromInline
    mutating func close(_ transfer: TransferID, _ end: TransferEnd) {
        if let slot = slot(of: transfer) {
            cut(slot)
            table.remove(Int32(slot))
            current = TransferTable.none
        } else {
            refusedOpen -= 1
        }
        add(.close(transfer, end))
    }

    @usableFromInline
    mutating func event(_ event: ObjectEvent, order: UInt64) { add(.event(event), order) }

    /// The slot of an open transfer; nil for one that was refused.
    private mutating func slot(of transfer: TransferID) -> Int? {
        if current != TransferTable.none, table.slots[Int(current)].number == transfer.number { return Int(current) }
        let slot = table.find(transfer.number)
        guard slot != TransferTable.none else {
            precondition(refusedOpen > 0, "transfer \(transfer.number) is not open")
            return nil
        }
        current = slot
        return Int(slot)
    }

    /// Gives the transfer an empty buffer, at the cost of a stalled transfer if there are too many; or lets it begin in pages.
    /// False when no buffer is free now.
    private mutating func startBlock(_ slot: Int) -> Bool {
        if table.settled.count >= limits.partialBlocksMax {
            let oldest = Int(table.settled.oldest)
            let stalledAfter = max(limits.stalledAfterPieces, 16 * UInt64(table.count))
            guard pieces - table.slots[oldest].lastPiece > stalledAfter else {
                table.slots[slot].holding = .pages
                table.slots[slot].pages = BeginningPages.Chain()
                return true
            }
            guard let buffer = takeBuffer() else { return false }
            counters.earlyCuts += 1
            cut(oldest)
            hold(buffer, slot, .settled)
            return true
        }
        guard let buffer = takeBuffer() else { return false }
        hold(buffer, slot, .settled)
        return true
    }

    private mutating func takeBuffer() -> BlockBuffer? {
        if stock.isEmpty { pool.acquire(upTo: limits.refillBuffers, into: &stock) }
        return stock.popLast()
    }

    private mutating func hold(_ buffer: BlockBuffer, _ slot: Int, _ holding: Holding) {
        table.slots[slot].buffer = buffer
        table.linkPartial(Int32(slot), holding)
    }

    /// Keeps all of the payload from `start` on in pages; false when it ends the block, or there is no room.
    private mutating func begin(_ slot: Int, with bytes: RawSpan, from start: Int) -> Bool {
        let transfer = table.slots[slot]
        let count = bytes.byteCount - start
        let room = pool.blockSize.bytesToNextBoundary(from: transfer.objectOffset &+ transfer.position)
        guard count < room,
            pages.append(
                bytes.extracting(start..<start + count), to: &table.slots[slot].pages, filled: Int(transfer.filled))
        else { return false }
        table.slots[slot].filled = transfer.filled + Int32(count)
        table.slots[slot].position = transfer.position + UInt64(count)
        return true
    }

    /// Moves what a transfer has in pages into a buffer; false when none is free now.
    private mutating func takeOut(_ slot: Int) -> Bool {
        guard let buffer = takeBuffer() else { return false }
        pages.move(table.slots[slot].pages, filled: Int(table.slots[slot].filled), into: buffer)
        hold(buffer, slot, table.settled.count < limits.partialBlocksMax ? .settled : .passing)
        return true
    }

    /// Copies what fits into the transfer's buffer, up to the next multiple of the block size of the object's offset,
    /// and cuts the block when that is reached.
    private mutating func fill(_ slot: Int, with bytes: RawSpan, from start: Int) -> Int {
        let transfer = table.slots[slot]
        let room = pool.blockSize.bytesToNextBoundary(from: transfer.objectOffset &+ transfer.position)
        let count = min(room, bytes.byteCount - start)
        pool.copy(bytes.extracting(start..<start + count), into: transfer.buffer, at: Int(transfer.filled))
        table.slots[slot].filled = transfer.filled + Int32(count)
        table.slots[slot].position = transfer.position + UInt64(count)
        if count == room { cut(slot) }
        return count
    }

    /// Adds the transfer's partly or fully filled block, if it has one, to the batch.
    private mutating func cut(_ slot: Int) {
        let transfer = table.slots[slot]
        guard transfer.filled > 0 else { return }
        if pending.blocks.isEmpty { pending.blocks.reserveCapacity(limits.batchBlocksMax + 1) }
        pending.blocks.append(
            BlockDescriptor(
                transfer: TransferID(transfer.number), offset: transfer.position - UInt64(transfer.filled),
                length: UInt32(transfer.filled), buffer: transfer.buffer))
        counters.blocks += 1
        if Int(transfer.filled) < pool.blockSize.bytes { counters.shortBlocks += 1 }
        table.slots[slot].filled = 0
        table.unlinkPartial(Int32(slot))
    }

    private mutating func add(_ step: IngestStep, _ order: UInt64 = 0) {
        pending.steps.append(IngestBatch.Step(blocksBefore: pending.blocks.count, step: step, order: order))
    }
}
