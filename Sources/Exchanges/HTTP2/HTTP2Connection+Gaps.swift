import Flows
import Objects

extension HTTP2Connection {
    /// Takes a gap. As long as it ends within the frame that it began in, the next frame's place is known.
    mutating func miss<Sink: ExchangeSink & ~Copyable>(
        _ half: HalfConnection, at offset: UInt64, length: UInt64, cause: GapCause, _ context: SegmentContext,
        _ sink: inout Sink, _ desk: inout Desk
    ) {
        if !self[half].hasBegun {
            self[half].hasBegun = true
            self[half].next = offset
        }
        let (end, overflow) = offset.addingReportingOverflow(length)
        guard givenUp == nil, !overflow, end > self[half].next else { return }
        var left = end - self[half].next
        self[half].next = end
        while left > 0 {
            switch self[half].phase {
            case .preface, .passing, .block, .control, .data:
                left -= passGap(left, half, cause, context, &sink, &desk)
            case .padLength:
                // Where the data ends is not known.
                cut(self[half].slot, half, cause, context, &sink, &desk)
                self[half].phase = .passing
            case .header: loseFrames(half, cause, context, &sink, &desk)
            case .lost:
                findLast(half, &sink, &desk)
                guard self[half].phase == .lost else { continue }
                self[half].lossCause = cause
                self[half].search.skip(to: end)
                return
            case .ended: return
            }
        }
    }

    /// Takes a gap of unknown length: where the next frame begins is not known either, and of the bodies under way how
    /// much is missing. What follows has offsets from `next` on.
    mutating func missUnknown<Sink: ExchangeSink & ~Copyable>(
        _ half: HalfConnection, next: UInt64, cause: GapCause, _ context: SegmentContext, _ sink: inout Sink,
        _ desk: inout Desk
    ) {
        guard givenUp == nil, self[half].phase != .ended, next > self[half].next || !self[half].hasBegun else { return }
        self[half].hasBegun = true
        findLast(half, &sink, &desk)
        if self[half].phase != .lost { loseFrames(half, cause, context, &sink, &desk) }
        self[half].lossCause = cause
        self[half].next = next
        self[half].search.skip(to: next)
    }

    /// Passes over what the gap takes of the phase at hand, and returns how much that is.
    private mutating func passGap<Sink: ExchangeSink & ~Copyable>(
        _ left: UInt64, _ half: HalfConnection, _ cause: GapCause, _ context: SegmentContext, _ sink: inout Sink,
        _ desk: inout Desk
    ) -> UInt64 {
        let state = self[half]
        let reach = state.phase == .data ? state.remaining - state.padding : state.remaining
        let part = Int(min(left, UInt64(reach)))
        self[half].remaining -= part
        switch state.phase {
        case .data:
            takeGap(UInt64(part), state.slot, half, cause, context, &sink, &desk)
            if self[half].remaining == state.padding { self[half].phase = .passing }
        case .block:
            if !state.isBlockDamaged { damageBlock(half, &desk) }
            self[half].lossCause = cause
        case .control:
            self[half].isControlDamaged = true
            self[half].phase = .passing
        default: break
        }
        guard self[half].remaining == 0 else { return UInt64(part) }
        if state.phase == .preface { self[half].phase = .header } else { endFrame(half, context, &sink, &desk) }
        return UInt64(part)
    }

    /// Gives up the place in the frames. Every body that the half was sending may lack bytes here, and header blocks may
    /// have been lost.
    mutating func loseFrames<Sink: ExchangeSink & ~Copyable>(
        _ half: HalfConnection, _ cause: GapCause, _ context: SegmentContext, _ sink: inout Sink, _ desk: inout Desk
    ) {
        desk.counters.http2.frameLosses += 1
        self[half].hasLost = true
        self[half].lossCause = cause
        doubtTable(half, context, &sink, &desk)
        self[half].dropBlock(&desk)
        self[half].partial.removeAll(keepingCapacity: true)
        self[half].phase = .lost
        self[half].slot = -1
        self[half].search.reset()
        self[half].held.removeAll(&desk)
        // Settings may have been among what was lost.
        self[half.opposite].frameLengthMax = FrameHeader.lengthMax
        allowTable(half.opposite, desk.limits.headerTableBytes, &desk)
        let isRequest = half == clientHalf
        for slot in streams.openSlots {
            switch streams[slot][isRequest: isRequest].phase {
            case .waiting: streams[slot][isRequest: isRequest].cause = cause
            case .body: doubtBody(slot, half, cause, context, &sink, &desk)
            case .ended: break
            }
        }
    }
}
