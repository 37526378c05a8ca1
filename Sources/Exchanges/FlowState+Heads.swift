import Flows
import HTTPTypes
import Objects

extension FlowState {
    /// Collects a head: reads it in place when it lies whole in the span, else keeps what there is of it.
    mutating func head<Sink: ExchangeSink & ~Copyable>(
        _ bytes: RawSpan, _ position: inout Int, _ run: Run, _ sink: inout Sink, _ desk: inout Desk
    ) -> Bool {
        let half = run.half
        guard position < bytes.byteCount else { return false }
        let old = self[half].partial.count
        let reach = min(bytes.byteCount, position + desk.limits.headerBytes - old)
        if old == 0 {
            guard isPlausible(bytes, position..<reach, half, run.context, &sink, &desk) else { return true }
            if let end = SectionEnd.find(bytes, position..<reach) {
                let range = position..<end
                position = end
                finishHead(bytes, range, half, end: run.offset(of: end), run.context, &sink, &desk)
                return true
            }
        }
        guard self[half].keep(bytes, position..<reach, &desk) else {
            failHead(half, .limit, run.context, &sink, &desk)
            return true
        }
        let partial = self[half].partial
        if old > 0 {
            guard isPlausible(unsafe partial.span.bytes, 0..<partial.count, half, run.context, &sink, &desk) else {
                // What is at hand goes to the connection as it is.
                if isHandedOver { self[half].unkeep(partial.count - old, &desk) }
                return true
            }
            if let end = SectionEnd.find(unsafe partial.span.bytes, self[half].scanned..<partial.count) {
                position += end - old
                self[half].dropPartial(&desk)
                let offset = run.offset(of: position)
                finishHead(unsafe partial.span.bytes, 0..<end, half, end: offset, run.context, &sink, &desk)
                return true
            }
        }
        if partial.count >= desk.limits.headerBytes {
            desk.counters.headerByteLimit += 1
            failHead(half, .limit, run.context, &sink, &desk)
            return true
        }
        // A line feed among the last three bytes may yet turn out to begin the end.
        self[half].scanned = max(0, partial.count - 3)
        position = bytes.byteCount
        return false
    }

    /// False when the bytes cannot be the beginning of a head. In the first message of a flow that makes the flow
    /// opaque, later it costs the sync.
    private mutating func isPlausible<Sink: ExchangeSink & ~Copyable>(
        _ bytes: RawSpan, _ range: Range<Int>, _ half: HalfConnection, _ context: SegmentContext, _ sink: inout Sink,
        _ desk: inout Desk
    ) -> Bool {
        if !rolesKnown {
            switch FirstBytes.judge(bytes, at: range.lowerBound) {
            case .more: return true
            case .other(.http2):
                // The side that sends the preface is the client, the one that begins with SETTINGS the server.
                clientHalf = bytes.octet(range.lowerBound) == 0 ? half.opposite : half
                handOver(&desk)
                return false
            case .other(let kind):
                becomeOpaque(kind, context, &sink, &desk)
                return false
            case .http: break
            }
        }
        guard let feed = bytes.firstIndex(of: ASCII.lineFeed, in: range),
            !FirstBytes.isStartLine(bytes, range.lowerBound..<feed)
        else { return true }
        if !rolesKnown {
            desk.counters.unreadableHeads += 1
            becomeOpaque(.unrecognised, context, &sink, &desk)
        } else {
            failHead(half, .framingLost, context, &sink, &desk)
        }
        return false
    }

    /// Gives up a head that was seen, and the sync with it.
    private mutating func failHead<Sink: ExchangeSink & ~Copyable>(
        _ half: HalfConnection, _ cause: GapCause, _ context: SegmentContext, _ sink: inout Sink, _ desk: inout Desk
    ) {
        desk.counters.unreadableHeads += 1
        self[half].failedStart = self[half].messageStart
        loseSync(half, cause, context, &sink, &desk)
    }

    /// Reads a whole head and does what it says.
    private mutating func finishHead<Sink: ExchangeSink & ~Copyable>(
        _ bytes: RawSpan, _ range: Range<Int>, _ half: HalfConnection, end: UInt64, _ context: SegmentContext,
        _ sink: inout Sink, _ desk: inout Desk
    ) {
        let isResponse = bytes.matches("HTTP/", at: range.lowerBound)
        if isResponse == (half == clientHalf) {
            // The first start-line of a flow decides who is who: the initiator may be a guess.
            guard !rolesKnown else { return failHead(half, .framingLost, context, &sink, &desk) }
            clientHalf = clientHalf.opposite
        }
        do throws(HeadDefect) {
            if isResponse {
                let message = try ResponseMessage(bytes, range, &desk)
                settleRoles(&desk)
                takeResponse(message, context, at: end, &sink, &desk)
            } else {
                let message = try RequestMessage(bytes, range, &desk)
                settleRoles(&desk)
                let start = self[half].messageStart
                let anchor = anchor(of: start, self[half].messageAcknowledged)
                begin(message, start: start, headEnd: end, anchor: anchor, context, &sink, &desk)
            }
        } catch {
            if case .tooManyFields = error { desk.counters.headerFieldLimit += 1 }
            failHead(half, error == .tooManyFields ? .limit : .framingLost, context, &sink, &desk)
        }
    }

    /// Fixes the roles: a message was read.
    mutating func settleRoles(_ desk: inout Desk) {
        guard !rolesKnown else { return }
        rolesKnown = true
        desk.counters.unreadableBytes += skippedBytes
        skippedBytes = 0
    }

    /// Opens an exchange and enters the request's body.
    ///
    /// `anchor` is where the response begins if the client waits for it before it goes on.
    mutating func begin<Sink: ExchangeSink & ~Copyable>(
        _ message: RequestMessage, start: UInt64, headEnd: UInt64, anchor: UInt64?, _ context: SegmentContext,
        _ sink: inout Sink, _ desk: inout Desk
    ) {
        if openCount > 0, !settleOlder(anchor, context, &sink, &desk) { return }
        guard openCount < desk.limits.openExchanges, desk.openTotal < desk.limits.openExchangesTotal else {
            desk.counters.openExchangeLimit += 1
            return becomeOpaque(.tooManyOpen, context, &sink, &desk)
        }
        let id = desk.nextExchange()
        open.append(
            OpenExchange(
                id: id, headEnd: headEnd, anchor: anchor, framing: message.framing, isHead: message.isHead,
                isConnect: message.isConnect, awaitsContinue: message.expectsContinue))
        desk.openTotal += 1
        desk.counters.requests += 1
        sink.request(id, handle, message.head, message.framing, context)
        self[clientHalf].isAmbiguous = message.isAmbiguous
        self[clientHalf].moodAfter = .final
        self[clientHalf].enterBody(message.framing, of: id)
        if self[clientHalf].phase == .boundary {
            endMessage(clientHalf, .framed, nil, at: headEnd, context, &sink, &desk)
        }
    }

    /// Pairs a response, reports it and enters its body; or counts it as unpaired.
    private mutating func takeResponse<Sink: ExchangeSink & ~Copyable>(
        _ message: ResponseMessage, _ context: SegmentContext, at end: UInt64, _ sink: inout Sink, _ desk: inout Desk
    ) {
        let status = message.head.status
        guard ownsResponse() else { return takeOrphan(status, context, &sink, &desk) }
        if message.isUpgradeToHTTP2, openCount == 1, oldest.requestEnded, !oldest.responseBegun {
            // RFC 7540 §3.2: the response comes as stream 1.
            desk.counters.interimResponses += 1
            return handOver(&desk)
        }
        if message.isInterim {
            desk.counters.interimResponses += 1
            self[serverHalf].followsInterim = true
            self[serverHalf].phase = .boundary
            self[serverHalf].mood = .interim
            if status == 100 { oldest.awaitsContinue = false }
            return
        }
        let id = oldest.id
        let isTunnel = oldest.isConnect && (200..<300).contains(status)
        let framing: BodyFraming = oldest.isHead || isTunnel ? .none : message.framing
        let isEarly = !oldest.requestEnded || oldest.requestCause != nil
        oldest.responseBegun = true
        desk.counters.responses += 1
        sink.response(id, message.head, framing, context)
        self[serverHalf].followsInterim = false
        self[serverHalf].isAmbiguous = message.isAmbiguous && framing == .chunked
        self[serverHalf].moodAfter = isEarly ? Mood(ofUnpaired: status) : .final
        if oldest.awaitsContinue, self[clientHalf].isInBody, self[clientHalf].next == oldest.headEnd {
            self[clientHalf].phase = .refusedBody
        }
        self[serverHalf].enterBody(framing, of: id)
        if self[serverHalf].phase == .boundary { endMessage(serverHalf, .framed, nil, at: end, context, &sink, &desk) }
        if isTunnel || status == 101 { becomeOpaque(isTunnel ? .tunnelled : .upgraded, context, &sink, &desk) }
    }

    /// A response that no request can be proven to own: whether it has a body is not known either, since it may answer
    /// a HEAD, so the next message must be proven by its position.
    private mutating func takeOrphan<Sink: ExchangeSink & ~Copyable>(
        _ status: Int, _ context: SegmentContext, _ sink: inout Sink, _ desk: inout Desk
    ) {
        if status >= 200 { desk.counters.unpairedResponses += 1 }
        loseSync(serverHalf, isAligned ? .framingLost : self[serverHalf].lossCause, context, &sink, &desk)
        self[serverHalf].mood = Mood(ofUnpaired: status)
    }

    /// Reports the end of the message at hand; the half-connection is at a boundary then.
    mutating func endMessage<Sink: ExchangeSink & ~Copyable>(
        _ half: HalfConnection, _ end: BodyEnd, _ trailers: HTTPFields?, at offset: UInt64,
        _ context: SegmentContext, _ sink: inout Sink, _ desk: inout Desk
    ) {
        let id = self[half].exchange
        var cause: GapCause?
        if case .cut(let why) = end { cause = why }
        self[half].phase = .boundary
        self[half].mood = self[half].moodAfter
        self[half].dropPartial(&desk)
        if half == clientHalf {
            sink.requestEnd(id, end, trailers: trailers, context)
            if let last = open.indices.last {
                open[last].requestEnded = true
                open[last].requestCause = cause
                open[last].end = cause == nil ? offset : nil
            }
        } else {
            sink.responseEnd(id, end, trailers: trailers, context)
            if openCount > 0 {
                oldest.responseEnd = offset
                oldest.responseCause = cause
            }
        }
        let isAmbiguous = self[half].isAmbiguous
        self[half].isAmbiguous = false
        finishOldest(context, &sink, &desk)
        if isAmbiguous && cause == nil { loseSync(half, .framingLost, context, &sink, &desk) }
    }
}
