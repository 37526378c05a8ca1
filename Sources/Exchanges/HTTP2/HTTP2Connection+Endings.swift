import Flows
import HTTPTypes
import Objects

extension HTTP2Connection {
    /// Takes END_STREAM.
    mutating func endStream<Sink: ExchangeSink & ~Copyable>(
        _ slot: Int, _ half: HalfConnection, trailers: HTTPFields?, _ context: SegmentContext, _ sink: inout Sink,
        _ desk: inout Desk
    ) {
        guard slot >= 0 else { return }
        let isRequest = half == clientHalf
        if !isRequest, streams[slot].pendingHead != nil {
            streams[slot].pendingEnds = true
            return
        }
        settleBody(slot, isRequest, context, &sink, &desk)
        let message = streams[slot][isRequest: isRequest]
        switch message.phase {
        case .waiting: abandon(slot, message.cause ?? .framingLost, context, &sink, &desk)
        case .body:
            guard message.length.map({ message.offset == $0 }) ?? true else {
                desk.counters.http2.lengthMismatches += 1
                return endMessage(slot, isRequest, .cut(.framingLost), nil, context, &sink, &desk)
            }
            endMessage(slot, isRequest, .framed, trailers, context, &sink, &desk)
        case .ended: break
        }
    }

    /// Reports the end of a message, and finishes the exchange when both have ended.
    mutating func endMessage<Sink: ExchangeSink & ~Copyable>(
        _ slot: Int, _ isRequest: Bool, _ end: BodyEnd, _ trailers: HTTPFields?, _ context: SegmentContext,
        _ sink: inout Sink, _ desk: inout Desk
    ) {
        let exchange = streams[slot].exchange
        dropTail(slot, isRequest, &desk)
        streams[slot][isRequest: isRequest].phase = .ended
        if case .cut(let cause) = end { streams[slot][isRequest: isRequest].cause = cause }
        if isRequest {
            sink.requestEnd(exchange, end, trailers: trailers, context)
        } else {
            sink.responseEnd(exchange, end, trailers: trailers, context)
        }
        let stream = streams[slot]
        guard stream.request.phase == .ended, stream.response.phase == .ended else { return }
        let cause = stream.request.cause ?? stream.response.cause
        remove(slot, &desk)
        if cause == nil { desk.counters.completeExchanges += 1 } else { desk.counters.cutExchanges += 1 }
        sink.finish(exchange, cause: cause, context)
    }

    /// Ends a body at a place from which on nothing can be placed.
    mutating func cut<Sink: ExchangeSink & ~Copyable>(
        _ slot: Int, _ half: HalfConnection, _ cause: GapCause, _ context: SegmentContext, _ sink: inout Sink,
        _ desk: inout Desk
    ) {
        let isRequest = half == clientHalf
        guard slot >= 0, streams[slot][isRequest: isRequest].phase == .body else { return }
        let message = streams[slot][isRequest: isRequest]
        if message.length == message.offset {
            // Content-Length says that nothing is missing.
            return endMessage(slot, isRequest, .framed, nil, context, &sink, &desk)
        }
        reportGap(slot, isRequest, nil, cause, context, &sink)
        endMessage(slot, isRequest, .cut(cause), nil, context, &sink, &desk)
    }

    /// Finishes a stream as it is: what is not ended is cut for this cause.
    mutating func abandon<Sink: ExchangeSink & ~Copyable>(
        _ slot: Int, _ cause: GapCause, _ context: SegmentContext, _ sink: inout Sink, _ desk: inout Desk
    ) {
        let stream = streams[slot]
        remove(slot, &desk)
        if stream.request.phase != .ended { sink.requestEnd(stream.exchange, .cut(cause), trailers: nil, context) }
        if stream.response.phase == .waiting {
            desk.counters.unansweredExchanges += 1
        } else {
            if stream.response.phase == .body {
                sink.responseEnd(stream.exchange, .cut(cause), trailers: nil, context)
            }
            desk.counters.cutExchanges += 1
        }
        sink.finish(
            stream.exchange, cause: stream.request.cause ?? stream.response.cause ?? cause, context)
    }

    private mutating func remove(_ slot: Int, _ desk: inout Desk) {
        dropTail(slot, true, &desk)
        dropTail(slot, false, &desk)
        streams.remove(slot)
        desk.openTotal -= 1
        if initiator.slot == slot { initiator.slot = -1 }
        if responder.slot == slot { responder.slot = -1 }
    }

    /// Takes the end of a half-connection: bodies that it was sending are cut.
    mutating func finish<Sink: ExchangeSink & ~Copyable>(
        _ half: HalfConnection, _ reason: StreamEnd, _ context: SegmentContext, _ sink: inout Sink, _ desk: inout Desk
    ) {
        guard givenUp == nil, self[half].phase != .ended else { return }
        findLast(half, &sink, &desk)
        guard givenUp == nil else { return }
        self[half].held.removeAll(&desk)
        self[half].phase = .ended
        self[half].end = reason
        self[half].dropBlock(&desk)
        let isRequest = half == clientHalf
        for slot in streams.openSlots where streams[slot][isRequest: isRequest].phase == .body {
            endMessage(slot, isRequest, .cut(GapCause(of: reason)), nil, context, &sink, &desk)
        }
    }

    /// Takes the end of the flow: whatever is open is finished.
    mutating func close<Sink: ExchangeSink & ~Copyable>(
        _ context: SegmentContext, _ sink: inout Sink, _ desk: inout Desk
    ) {
        finish(.fromInitiator, .replaced, context, &sink, &desk)
        finish(.fromResponder, .replaced, context, &sink, &desk)
        let cause = GapCause(of: self[serverHalf].end ?? .finished)
        for slot in streams.openSlots { abandon(slot, cause, context, &sink, &desk) }
        release(&desk)
    }
}
