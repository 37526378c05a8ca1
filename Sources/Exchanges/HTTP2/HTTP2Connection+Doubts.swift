internal import NIOHPACK

import Flows
import Objects

/// Whether a header block was among what was lost, so that the dynamic table is not known.
extension HTTP2Connection {
    /// Frames are lost from here on: which blocks may be among them depends on what is open.
    mutating func doubtTable<Sink: ExchangeSink & ~Copyable>(
        _ half: HalfConnection, _ context: SegmentContext, _ sink: inout Sink, _ desk: inout Desk
    ) {
        let isRequest = half == clientHalf
        // A push may come at any time, and so may the answer to a request that was not read.
        let isKnown = isRequest || refusesPush && unnamedStreams.isEmpty
        guard rolesKnown, isKnown, !self[half].isBlockOpen, self[half].decoder.isWhole || self[half].decoder.isDoubted
        else { return settleTable(half, isWhole: false, loses: true, context, &sink, &desk) }
        // A head whose proof was to come lacks it now.
        if !isRequest { dropPendingHeads(context, &sink, &desk) }
        self[half].decoder.doubt()
        self[half].blocksInDoubt.isActive = true
        if isRequest {
            self[half].blocksInDoubt.nextStream = lastStream == 0 ? 1 : lastStream + 2
        } else if self[clientHalf].blocksInDoubt.isActive {
            self[half].blocksInDoubt.awaitsClient = true
        }
        for slot in streams.openSlots where streams[slot][isRequest: isRequest].phase != .waiting {
            if streams[slot].mayHaveTrailers { self[half].blocksInDoubt.streams.insert(streams[slot].id) }
        }
    }

    /// The place is found again: every answer that is still awaited may have come meanwhile.
    mutating func doubtAnswers<Sink: ExchangeSink & ~Copyable>(
        _ half: HalfConnection, _ context: SegmentContext, _ sink: inout Sink, _ desk: inout Desk
    ) {
        guard half == serverHalf, self[half].blocksInDoubt.isActive else { return }
        for slot in streams.openSlots where streams[slot].response.phase == .waiting {
            if streams[slot].pendingHead == nil { self[half].blocksInDoubt.streams.insert(streams[slot].id) }
        }
        conclude(self[half].blocksInDoubt.verdict, half, context, &sink, &desk)
    }

    /// What a DATA frame tells of the blocks that may have been lost before it.
    mutating func weigh<Sink: ExchangeSink & ~Copyable>(
        _ frame: FrameHeader, _ half: HalfConnection, _ context: SegmentContext, _ sink: inout Sink,
        _ desk: inout Desk
    ) {
        guard self[half].blocksInDoubt.isActive, frame.type == FrameType.data else { return }
        let isRequest = half == clientHalf
        if isRequest, frame.stream > lastStream {
            return settleTable(half, isWhole: false, context, &sink, &desk)
        }
        let slot = streams.slot(of: frame.stream)
        guard slot >= 0, self[half].blocksInDoubt.streams.contains(frame.stream) else { return }
        if streams[slot][isRequest: isRequest].phase == .waiting {
            // Its head was lost.
            settleTable(half, isWhole: false, context, &sink, &desk)
        } else {
            conclude(self[half].blocksInDoubt.clear(frame.stream), half, context, &sink, &desk)
        }
    }

    /// What a header block tells of those that may have been lost before it.
    mutating func weigh<Sink: ExchangeSink & ~Copyable>(
        _ block: [UInt8], _ half: HalfConnection, of stream: UInt32, _ context: SegmentContext, _ sink: inout Sink,
        _ desk: inout Desk
    ) {
        guard self[half].blocksInDoubt.isActive else { return }
        if half == clientHalf {
            let verdict =
                stream > lastStream
                ? self[half].blocksInDoubt.open(stream) : self[half].blocksInDoubt.clear(stream)
            return conclude(verdict, half, context, &sink, &desk)
        }
        let slot = streams.slot(of: stream)
        guard slot >= 0, self[half].blocksInDoubt.streams.contains(stream) else { return }
        let isHead = !self[half].blockEndsStream || HeaderDecoder.beginsWithStatus(block)
        // Before a final head an interim one may have passed: `100 Continue` where it was asked for; hints (103) are taken
        // to come from servers that have sent some before.
        if streams[slot].response.phase == .waiting, !isHead || streams[slot].expectsContinue || sendsHints {
            return settleTable(half, isWhole: false, context, &sink, &desk)
        }
        conclude(self[half].blocksInDoubt.clear(stream), half, context, &sink, &desk)
    }

    private mutating func conclude<Sink: ExchangeSink & ~Copyable>(
        _ verdict: BlocksInDoubt.Verdict, _ half: HalfConnection, _ context: SegmentContext, _ sink: inout Sink,
        _ desk: inout Desk
    ) {
        switch verdict {
        case .open: break
        case .noneLost: settleTable(half, isWhole: true, context, &sink, &desk)
        case .lost: settleTable(half, isWhole: false, context, &sink, &desk)
        }
    }

    /// Ends the doubt. `loses` when what is known since the loss has to go as well.
    mutating func settleTable<Sink: ExchangeSink & ~Copyable>(
        _ half: HalfConnection, isWhole: Bool, loses: Bool = false, _ context: SegmentContext, _ sink: inout Sink,
        _ desk: inout Desk
    ) {
        let wasInDoubt = self[half].decoder.isDoubted
        self[half].blocksInDoubt.settle()
        if loses { self[half].decoder.lose() } else { self[half].decoder.settle(isWhole: isWhole) }
        if half == clientHalf {
            guard self[serverHalf].blocksInDoubt.awaitsClient else { return }
            guard isWhole else { return settleTable(serverHalf, isWhole: false, context, &sink, &desk) }
            self[serverHalf].blocksInDoubt.awaitsClient = false
            if self[serverHalf].phase != .lost { doubtAnswers(serverHalf, context, &sink, &desk) }
        } else if !isWhole {
            dropPendingHeads(context, &sink, &desk)
        } else if wasInDoubt {
            desk.counters.http2.unharmedTables += 1
            takePendingHeads(context, &sink, &desk)
        }
    }

    // MARK: Heads whose proof is to come

    /// Keeps the head of a response as it reads if no block was lost. False when it is none that is awaited.
    mutating func keepHead(
        _ fields: HPACKHeaders, _ half: HalfConnection, of stream: UInt32, _ context: SegmentContext
    ) -> Bool {
        let slot = streams.slot(of: stream)
        guard half == serverHalf, slot >= 0, streams[slot].response.phase == .waiting,
            streams[slot].pendingHead == nil, fields.first(name: ":status")?.first != "1"
        else { return false }
        streams[slot].pendingHead = fields
        streams[slot].pendingEnds = self[half].blockEndsStream
        streams[slot].response.doubt = self[half].lossCause
        streams[slot].response.doubtTime = context.time
        streams.pendingCount += 1
        return true
    }

    /// Takes the heads that are proven now, and what came behind them.
    private mutating func takePendingHeads<Sink: ExchangeSink & ~Copyable>(
        _ context: SegmentContext, _ sink: inout Sink, _ desk: inout Desk
    ) {
        guard streams.pendingCount > 0 else { return }
        for slot in streams.openSlots {
            guard let fields = streams[slot].pendingHead else { continue }
            let id = streams[slot].id
            let tail = streams[slot].response.tail
            let ends = streams[slot].pendingEnds
            endPending(slot, &desk)
            beginResponse(fields, slot, ends && tail.isEmpty, context, &sink, &desk)
            guard !tail.isEmpty, streams.slot(of: id) == slot else { continue }
            take(unsafe tail.span.bytes, slot, serverHalf, context, &sink, &desk)
            if ends, streams.slot(of: id) == slot { endStream(slot, serverHalf, trailers: nil, context, &sink, &desk) }
        }
    }

    /// Gives up heads whose proof will not come: they may say anything.
    private mutating func dropPendingHeads<Sink: ExchangeSink & ~Copyable>(
        _ context: SegmentContext, _ sink: inout Sink, _ desk: inout Desk
    ) {
        guard streams.pendingCount > 0 else { return }
        let cause = self[serverHalf].lossCause
        for slot in streams.openSlots where streams[slot].pendingHead != nil {
            desk.counters.http2.unnamedResponses += 1
            desk.counters.http2.unnamedBytes += UInt64(streams[slot].response.tail.count)
            streams[slot].response.cause = cause
            let ends = streams[slot].pendingEnds
            endPending(slot, &desk)
            if ends { abandon(slot, cause, context, &sink, &desk) }
        }
    }

    private mutating func endPending(_ slot: Int, _ desk: inout Desk) {
        dropTail(slot, false, &desk)
        streams[slot].pendingHead = nil
        streams[slot].pendingEnds = false
        streams.pendingCount -= 1
    }
}
