import Flows
import Objects

extension FlowState {
    /// Takes a gap.
    mutating func miss<Sink: ExchangeSink & ~Copyable>(
        _ half: HalfConnection, at offset: UInt64, length: UInt64, cause: GapCause, _ context: SegmentContext,
        _ sink: inout Sink, _ desk: inout Desk
    ) {
        guard opaque == nil, length > 0 else { return }
        if !self[half].hasBegun {
            self[half].hasBegun = true
            if self[half].phase == .unsynchronised { self[half].next = offset }
        }
        let (end, overflow) = offset.addingReportingOverflow(length)
        guard !overflow, end > self[half].next else { return }
        if !probation.isEmpty { dropProbation(&desk) }
        passGap(half, end - self[half].next, cause, context, &sink, &desk)
        self[half].next = end
        lastSpeaker = half
    }

    /// Takes a gap whose length is not known: wherever it begins, the place in the messages is lost. A body ends there,
    /// since nothing that follows can be given an offset in it.
    mutating func missUnknown<Sink: ExchangeSink & ~Copyable>(
        _ half: HalfConnection, at offset: UInt64, next: UInt64, cause: GapCause, _ context: SegmentContext,
        _ sink: inout Sink, _ desk: inout Desk
    ) {
        guard opaque == nil, next > offset, next > self[half].next else { return }
        switch self[half].phase {
        case .length, .chunkLine, .chunkData, .chunkEnd, .untilClose:
            self[half].next = offset
            if !probation.isEmpty { dropProbation(&desk) }
            breakBody(half, at: offset, cause: cause, context, &sink, &desk)
            self[half].next = next
            lastSpeaker = half
        case .boundary, .head, .trailers, .refusedBody, .probation, .unsynchronised, .ended:
            miss(half, at: offset, length: next - offset, cause: cause, context, &sink, &desk)
        }
    }

    private mutating func passGap<Sink: ExchangeSink & ~Copyable>(
        _ half: HalfConnection, _ length: UInt64, _ cause: GapCause, _ context: SegmentContext,
        _ sink: inout Sink, _ desk: inout Desk
    ) {
        let start = self[half].next
        switch self[half].phase {
        case .length:
            let part = min(length, self[half].remaining)
            reportGap(half, length: part, cause, context, &sink, &desk)
            self[half].bodyOffset += part
            self[half].remaining -= part
            guard self[half].remaining == 0 else { return }
            endMessage(half, .framed, nil, at: start + part, context, &sink, &desk)
            // The length told where the body ended; of what began behind it a part is missing.
            if part < length { loseSync(half, cause, context, &sink, &desk) }
        case .chunkData where length <= self[half].remaining:
            reportGap(half, length: length, cause, context, &sink, &desk)
            self[half].bodyOffset += length
            self[half].remaining -= length
            if self[half].remaining == 0 {
                self[half].phase = .chunkEnd
                self[half].remaining = 2
            }
        case .chunkData, .chunkLine, .chunkEnd: breakBody(half, at: start, cause: cause, context, &sink, &desk)
        case .untilClose:
            reportGap(half, length: length, cause, context, &sink, &desk)
            self[half].bodyOffset += length
        case .trailers:
            // RFC 9112 §8: complete since the last chunk. Where the message ends is not known.
            endMessage(half, .framed, nil, at: start, context, &sink, &desk)
            loseSync(half, cause, context, &sink, &desk)
        case .refusedBody:
            endMessage(half, .cut(cause), nil, at: start, context, &sink, &desk)
            loseSync(half, cause, context, &sink, &desk)
        case .head, .boundary:
            desk.counters.lostHeads += 1
            loseSync(half, cause, context, &sink, &desk)
        case .unsynchronised, .probation:
            self[half].mood = .lost
            self[half].lossCause = cause
        case .ended: break
        }
    }

    /// Takes the end of a half-connection.
    mutating func finish<Sink: ExchangeSink & ~Copyable>(
        _ half: HalfConnection, _ reason: StreamEnd, _ context: SegmentContext, _ sink: inout Sink, _ desk: inout Desk
    ) {
        guard opaque == nil, self[half].phase != .ended else { return }
        let offset = self[half].next
        switch self[half].phase {
        // RFC 9112 §8: such a response is complete when the server closed, not when the connection broke.
        case .untilClose where reason == .finished, .trailers:
            endMessage(half, .framed, nil, at: offset, context, &sink, &desk)
        case .refusedBody:
            desk.counters.withheldBodies += 1
            endMessage(half, .cut(.connectionEnded), nil, at: offset, context, &sink, &desk)
        case .length, .chunkLine, .chunkData, .chunkEnd, .untilClose:
            endMessage(half, .cut(GapCause(of: reason)), nil, at: offset, context, &sink, &desk)
        case .head: desk.counters.lostHeads += 1
        case .probation: dropProbation(&desk)
        case .boundary, .unsynchronised, .ended: break
        }
        guard opaque == nil else { return }
        self[half].dropPartial(&desk)
        self[half].phase = .ended
        self[half].end = reason
    }

    /// Takes the end of the flow: whatever is open is finished.
    mutating func close<Sink: ExchangeSink & ~Copyable>(
        _ context: SegmentContext, _ sink: inout Sink, _ desk: inout Desk
    ) {
        // The order of calls says that both halves ended before; a flow that is replaced may not have.
        finish(.fromInitiator, .replaced, context, &sink, &desk)
        finish(.fromResponder, .replaced, context, &sink, &desk)
        if !probation.isEmpty { dropProbation(&desk) }
        while openCount > 0 { abandonOldest(unansweredCause, context, &sink, &desk) }
        if opaque == nil, !rolesKnown, initiator.hasBegun || responder.hasBegun {
            let kind = isAligned ? .unrecognised : guess
            desk.counters[opaque: kind].flows += 1
            desk.counters[opaque: kind].bytes += skippedBytes
        }
    }

    /// Why the oldest exchange has no response when the flow ends: its response passed unread, or it never came.
    private var unansweredCause: GapCause {
        let server = self[serverHalf]
        if !isAligned, !oldest.responseBegun, let anchor = oldest.anchor, server.next > anchor {
            return server.lossCause
        }
        return GapCause(of: server.end ?? .finished)
    }

    /// Passes the flow over from here on. What is open is finished as cut.
    mutating func becomeOpaque<Sink: ExchangeSink & ~Copyable>(
        _ kind: OpaqueKind, _ context: SegmentContext?, _ sink: inout Sink, _ desk: inout Desk
    ) {
        guard opaque == nil else { return }
        opaque = kind
        desk.counters[opaque: kind].flows += 1
        initiator.dropPartial(&desk)
        responder.dropPartial(&desk)
        if !probation.isEmpty { dropProbation(&desk) }
        guard let context else { return }
        let cause: GapCause =
            switch kind {
            case .tooManyOpen, .overFlowLimit: .limit
            case .upgraded, .tunnelled: .connectionEnded
            case .tls, .http2, .ssh, .unrecognised, .unsynchronised, .pipelinedAfterLoss: .framingLost
            }
        while openCount > 0 { abandonOldest(cause, context, &sink, &desk) }
    }
}

extension GapCause {
    /// Why bytes are missing behind this end.
    init(of reason: StreamEnd) {
        switch reason {
        case .finished, .reset, .replaced: self = .connectionEnded
        case .idle, .evicted: self = .flowEvicted
        case .captureEnded: self = .captureEnded
        case .leftOut: self = .overload
        }
    }
}
