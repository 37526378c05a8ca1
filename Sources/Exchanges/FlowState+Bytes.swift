import Flows
import Objects

extension FlowState {
    /// Takes a run of ordered bytes, and returns how many of them were used: all, but where the flow turns out to be of
    /// another protocol.
    mutating func receive<Sink: ExchangeSink & ~Copyable>(
        _ bytes: RawSpan, _ arriving: Run, _ sink: inout Sink, _ desk: inout Desk
    ) -> Int {
        if let opaque {
            desk.counters[opaque: opaque].bytes += UInt64(bytes.byteCount)
            return bytes.byteCount
        }
        var position = 0
        guard bytes.byteCount > 0, let run = place(arriving, &position, bytes.byteCount, &sink, &desk) else {
            return bytes.byteCount
        }
        if self[run.half].phase == .unsynchronised && !rolesKnown { noteFirstBytes(bytes, run, &desk) }
        self[run.half].acknowledged = run.context.acknowledged
        if !isAligned, run.half == clientHalf { noteLostInterim(run.context) }
        while opaque == nil, step(bytes, &position, run, &sink, &desk) {}
        if isHandedOver {
            self[run.half].next = run.offset(of: position)
            return position
        }
        if let opaque {
            desk.counters[opaque: opaque].bytes += UInt64(bytes.byteCount - position)
            return bytes.byteCount
        }
        self[run.half].next = run.offset(of: bytes.byteCount)
        if let acknowledged = run.context.acknowledged {
            self[run.half].acknowledgedMax = max(self[run.half].acknowledgedMax, acknowledged)
        }
        lastSpeaker = run.half
        return bytes.byteCount
    }

    /// Holds the run against the offset that is due. The assembler's contract has no holes and no overlaps; should it be
    /// broken, a hole is a gap and an overlap is passed over.
    private mutating func place<Sink: ExchangeSink & ~Copyable>(
        _ arriving: Run, _ position: inout Int, _ count: Int, _ sink: inout Sink, _ desk: inout Desk
    ) -> Run? {
        if !self[arriving.half].hasBegun {
            self[arriving.half].hasBegun = true
            if self[arriving.half].phase == .unsynchronised { self[arriving.half].next = arriving.offset }
        }
        let due = self[arriving.half].next
        if arriving.offset > due {
            let hole = arriving.offset - due
            miss(arriving.half, at: due, length: hole, cause: .notCaptured, arriving.context, &sink, &desk)
            return opaque == nil ? arriving : nil
        }
        guard due - arriving.offset < UInt64(count) else { return nil }
        position = Int(due - arriving.offset)
        return arriving
    }

    /// Remembers what the bytes of a flow look like that began in its middle, for its count by kind.
    private mutating func noteFirstBytes(_ bytes: RawSpan, _ run: Run, _ desk: inout Desk) {
        guard guess == .unsynchronised, run.isSegmentStart else { return }
        if FrameHeader.areControlFrames(bytes) {
            guess = .http2
            return handOver(&desk)
        }
        guard case .other(let kind) = FirstBytes.judge(bytes, at: 0), kind != .unrecognised else { return }
        guess = kind
        if kind == .http2 {
            clientHalf = bytes.octet(0) == 0 ? run.half.opposite : run.half
            handOver(&desk)
        }
    }

    /// Leaves the flow to an HTTP/2 connection: what is kept of incomplete things goes with it.
    mutating func handOver(_ desk: inout Desk) {
        opaque = .http2
        isHandedOver = true
        if !probation.isEmpty { dropProbation(&desk) }
    }

    /// Does one thing at `position`; false when the run was used up.
    private mutating func step<Sink: ExchangeSink & ~Copyable>(
        _ bytes: RawSpan, _ position: inout Int, _ run: Run, _ sink: inout Sink, _ desk: inout Desk
    ) -> Bool {
        switch self[run.half].phase {
        case .boundary: return beginMessage(bytes, &position, run, &sink, &desk)
        case .head: return head(bytes, &position, run, &sink, &desk)
        case .length, .chunkLine, .chunkData, .chunkEnd, .trailers, .untilClose:
            return body(bytes, &position, run, &sink, &desk)
        case .refusedBody:
            guard position < bytes.byteCount else { return false }
            decideRefusedBody(bytes, position, run, &sink, &desk)
            return true
        case .probation:
            guard position < bytes.byteCount else { return false }
            // The client goes on in its own turn, so what it sent before was no request that waits for an answer.
            dropProbation(&desk)
            return true
        case .unsynchronised: return listen(bytes, &position, run, &sink, &desk)
        case .ended: return false
        }
    }

    private mutating func beginMessage<Sink: ExchangeSink & ~Copyable>(
        _ bytes: RawSpan, _ position: inout Int, _ run: Run, _ sink: inout Sink, _ desk: inout Desk
    ) -> Bool {
        // RFC 9112 §2.2: empty lines before a start-line are passed over.
        while position < bytes.byteCount, ASCII.isLineEnd(bytes.octet(position)) { position += 1 }
        guard position < bytes.byteCount else { return false }
        let start = run.offset(of: position)
        self[run.half].messageStart = start
        self[run.half].messageAcknowledged = run.context.acknowledged
        if !self[run.half].followsInterim { self[run.half].turnStart = start }
        self[run.half].phase = .head
        self[run.half].mood = .speaking
        return head(bytes, &position, run, &sink, &desk)
    }

    /// Passes payload on until the body ends or the run does.
    private mutating func body<Sink: ExchangeSink & ~Copyable>(
        _ bytes: RawSpan, _ position: inout Int, _ run: Run, _ sink: inout Sink, _ desk: inout Desk
    ) -> Bool {
        let half = run.half
        while true {
            switch self[half].bodyStep(bytes, &position, &desk) {
            case .payload(let range, let offset):
                let exchange = self[half].exchange
                if half == clientHalf {
                    sink.requestBody(exchange, bytes.extracting(range), at: offset, run.context)
                } else {
                    sink.responseBody(exchange, bytes.extracting(range), at: offset, run.context)
                }
            case .more: return false
            case .ended(let trailers):
                endMessage(half, .framed, trailers, at: run.offset(of: position), run.context, &sink, &desk)
                return true
            case .endedWithoutSync:
                endMessage(half, .framed, nil, at: run.offset(of: position), run.context, &sink, &desk)
                loseSync(half, .framingLost, run.context, &sink, &desk)
                return true
            case .broken:
                breakBody(half, at: run.offset(of: position), cause: .framingLost, run.context, &sink, &desk)
                return true
            }
        }
    }

    /// Ends a body whose framing is lost, and the sync with it.
    mutating func breakBody<Sink: ExchangeSink & ~Copyable>(
        _ half: HalfConnection, at offset: UInt64, cause: GapCause, _ context: SegmentContext,
        _ sink: inout Sink, _ desk: inout Desk
    ) {
        reportGap(half, length: nil, cause, context, &sink, &desk)
        endMessage(half, .cut(cause), nil, at: offset, context, &sink, &desk)
        loseSync(half, cause, context, &sink, &desk)
    }

    /// Tells the sink of missing payload at the body's current offset.
    func reportGap<Sink: ExchangeSink & ~Copyable>(
        _ half: HalfConnection, length: UInt64?, _ cause: GapCause, _ context: SegmentContext,
        _ sink: inout Sink, _ desk: inout Desk
    ) {
        let state = self[half]
        if half == clientHalf {
            sink.requestGap(state.exchange, at: state.bodyOffset, length: length, cause: cause, context)
        } else {
            sink.responseGap(state.exchange, at: state.bodyOffset, length: length, cause: cause, context)
        }
    }

    /// Decides what the client sends after its `Expect: 100-continue` was answered by a final response (RFC 9110
    /// §10.1.1): the next request when the bytes begin a segment with a request line and the client had the whole
    /// response, else the body.
    private mutating func decideRefusedBody<Sink: ExchangeSink & ~Copyable>(
        _ bytes: RawSpan, _ position: Int, _ run: Run, _ sink: inout Sink, _ desk: inout Desk
    ) {
        guard let latest = open.last else { return }
        let knewResponse = latest.responseEnd.map { run.context.acknowledged ?? $0 >= $0 } ?? false
        if knewResponse, run.isSegmentStart(at: position), StartLine.request(bytes, at: position) != .impossible {
            desk.counters.withheldBodies += 1
            let offset = run.offset(of: position)
            endMessage(run.half, .cut(.connectionEnded), nil, at: offset, run.context, &sink, &desk)
        } else {
            self[run.half].enterBody(latest.framing, of: latest.id)
        }
    }
}
