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
        pool.release(table.slots.lazy.filter { $0.number != 0 && $0.filled > 0 }.map(\.buffer))
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
            } else {
                table.touchPartial(Int32(slot))
            }
            table.slots[slot].lastPiece = pieces
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

    /// Gives the transfer an empty buffer, at the cost of a stalled transfer if there are too many, or for a while only;
    /// false when no buffer is free now.
    private mutating func startBlock(_ slot: Int) -> Bool {
        if stock.isEmpty {
            pool.acquire(upTo: limits.refillBuffers, into: &stock)
        }
        guard let buffer = stock.popLast() else { return false }
        var holding = Holding.settled
        if table.settled.count >= limits.partialBlocksMax {
            let oldest = Int(table.settled.oldest)
            if pieces - table.slots[oldest].lastPiece > limits.stalledAfterPieces {
                counters.earlyCuts += 1
                cut(oldest)
            } else {
                holding = .passing
            }
        }
        table.slots[slot].buffer = buffer
        table.linkPartial(Int32(slot), holding)
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
