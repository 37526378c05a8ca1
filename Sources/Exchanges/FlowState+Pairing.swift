import Flows
import Objects

/// Which response is whose. While a flow is aligned, order alone tells (RFC 9112 §9.3.2). Once a message may have been
/// missed, only positions do; the rules are in the layer's README.
extension FlowState {
    /// The anchor of a request that starts at `start` in a segment that acknowledged `acknowledged`.
    ///
    /// A segment that was sent again may acknowledge more than the first did, even a part of its own response. It gives
    /// itself away: some response segment already acknowledged bytes of this request.
    func anchor(of start: UInt64, _ acknowledged: UInt64?) -> UInt64? {
        self[serverHalf].acknowledgedMax > start ? nil : acknowledged
    }

    /// True when the response at hand belongs to the oldest open exchange.
    func ownsResponse() -> Bool {
        guard openCount > 0, !oldest.responseBegun else { return false }
        if isAligned { return true }
        let server = self[serverHalf]
        return isAnswer(to: oldest, at: server.turnStart, server.messageAcknowledged)
    }

    /// True when an answer that begins at `start` and whose sender had received up to `received` can only be the one to
    /// this request: it begins where the client stood when it asked, and its sender had the whole head and nothing
    /// beyond the request.
    func isAnswer(to exchange: OpenExchange, at start: UInt64, _ received: UInt64?) -> Bool {
        guard let anchor = exchange.anchor, anchor == start, let received, received >= exchange.headEnd else {
            return false
        }
        return exchange.end.map { received <= $0 } ?? true
    }

    /// Called when a request begins while others are open. False when the flow became opaque.
    ///
    /// In an aligned flow that is pipelining. In another one the older request's response must have passed unseen: if
    /// the client cannot have had it, it pipelines, and no position tells whose a response is.
    mutating func settleOlder<Sink: ExchangeSink & ~Copyable>(
        _ anchor: UInt64?, _ context: SegmentContext, _ sink: inout Sink, _ desk: inout Desk
    ) -> Bool {
        if isAligned {
            isPipelined = true
            return true
        }
        let hadResponse: Bool
        if let anchor, let olderAnchor = oldest.anchor {
            hadResponse = anchor > olderAnchor
        } else {
            hadResponse = true
        }
        guard openCount == 1, !oldest.responseBegun, hadResponse else {
            becomeOpaque(.pipelinedAfterLoss, context, &sink, &desk)
            return false
        }
        abandonOldest(self[serverHalf].lossCause, context, &sink, &desk)
        return true
    }

    /// Finishes exchanges whose both messages have ended, and finds out whether order may be relied on again.
    mutating func finishOldest<Sink: ExchangeSink & ~Copyable>(
        _ context: SegmentContext, _ sink: inout Sink, _ desk: inout Desk
    ) {
        while openCount > 0, oldest.requestEnded, oldest.responseEnd != nil {
            let cause = oldest.requestCause ?? oldest.responseCause
            let id = oldest.id
            removeOldest()
            desk.openTotal -= 1
            if cause == nil { desk.counters.completeExchanges += 1 } else { desk.counters.cutExchanges += 1 }
            sink.finish(id, cause: cause, context)
            // Both halves stand behind the two messages of one proven exchange, and nothing is open: from here on the
            // order of messages pairs them again.
            if !isAligned, openCount == 0, initiator.phase == .boundary, responder.phase == .boundary {
                isAligned = true
            }
        }
    }

    /// Finishes the oldest exchange as it is: what is not ended is cut for this cause.
    mutating func abandonOldest<Sink: ExchangeSink & ~Copyable>(
        _ cause: GapCause, _ context: SegmentContext, _ sink: inout Sink, _ desk: inout Desk
    ) {
        let exchange = oldest
        removeOldest()
        desk.openTotal -= 1
        if !exchange.requestEnded { sink.requestEnd(exchange.id, .cut(cause), trailers: nil, context) }
        if exchange.responseBegun {
            if exchange.responseEnd == nil { sink.responseEnd(exchange.id, .cut(cause), trailers: nil, context) }
            desk.counters.cutExchanges += 1
        } else {
            desk.counters.unansweredExchanges += 1
        }
        sink.finish(exchange.id, cause: exchange.requestCause ?? exchange.responseCause ?? cause, context)
    }
}
