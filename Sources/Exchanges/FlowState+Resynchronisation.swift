import Flows
import Objects

/// What the other half-connection says of a place where a request seems to begin.
enum TurnEvidence {
    /// The other side spoke last, had everything up to here, and was heard to its end: here a request begins.
    case proven
    /// Nothing speaks against it.
    case open
    /// A request cannot begin here.
    case contradicted
}

extension Mood {
    /// The mood after the beginning of a response of this status, which is not known to answer a request that was whole.
    init(ofUnpaired status: Int) {
        switch status {
        case ..<200: self = .interim
        // Statuses that depend on the target alone: whoever sends them has no reason to do it before the body came.
        case ..<400, 404, 405, 410, 412, 416: self = .final
        default: self = .doubtful
        }
    }
}

extension FlowState {
    /// Gives up the place of the half-connection in its messages. The message at hand was ended before.
    mutating func loseSync<Sink: ExchangeSink & ~Copyable>(
        _ half: HalfConnection, _ cause: GapCause, _ context: SegmentContext, _ sink: inout Sink, _ desk: inout Desk
    ) {
        self[half].dropPartial(&desk)
        self[half].phase = .unsynchronised
        self[half].mood = .lost
        self[half].lossCause = cause
        self[half].followsInterim = false
        self[half].isAmbiguous = false
        desk.counters.framingLosses += 1
        guard isAligned else { return }
        isAligned = false
        // Positions tell whose a response is only when the client waits for it before it goes on.
        if isPipelined || openCount > 1 { becomeOpaque(.pipelinedAfterLoss, context, &sink, &desk) }
    }

    /// Looks for a message start at the beginning of a segment, and passes over everything else.
    mutating func listen<Sink: ExchangeSink & ~Copyable>(
        _ bytes: RawSpan, _ position: inout Int, _ run: Run, _ sink: inout Sink, _ desk: inout Desk
    ) -> Bool {
        let half = run.half
        guard position < bytes.byteCount else { return false }
        let isServer = half == serverHalf
        let isNew = self[half].failedStart != run.offset(of: position)
        if isNew, isServer, hearAnswer(bytes, position, run, &sink, &desk) { return true }
        if isNew, run.isSegmentStart(at: position), !isServer || !rolesKnown,
            StartLine.request(bytes, at: position) != .impossible
        {
            switch turn(of: half, at: run.offset(of: position), run.context.acknowledged) {
            case .proven:
                // Before the roles are known either half may turn out to be the client's.
                clientHalf = half
                self[half].phase = .boundary
                desk.counters.resynchronisations += 1
                return true
            case .open:
                if putOnProbation(bytes, &position, run, &sink, &desk) { return false }
            case .contradicted: break
            }
        }
        noteMood(bytes, position, run)
        let passed = UInt64(bytes.byteCount - position)
        if rolesKnown { desk.counters.unreadableBytes += passed } else { skippedBytes += passed }
        position = bytes.byteCount
        return false
    }

    /// Remembers what the unsynchronised half sent, as evidence for the other half's turn.
    private mutating func noteMood(_ bytes: RawSpan, _ position: Int, _ run: Run) {
        let half = run.half
        guard run.isSegmentStart(at: position) else { return }
        switch StartLine.response(bytes, at: position) {
        case .whole: self[half].mood = Mood(ofUnpaired: StartLine.status(bytes, at: position))
        // Too short to tell an interim response from a final one.
        case .possible: self[half].mood = .interim
        case .impossible:
            // Somewhere in a response. After an interim or doubtful one this may still be its tail.
            if self[half].mood == .silent || self[half].mood == .lost { self[half].mood = .final }
        }
    }

    // MARK: Requests

    /// What speaks for a request that begins at `start` in `half`, in a segment that acknowledged `acknowledged`.
    private func turn(of half: HalfConnection, at start: UInt64, _ acknowledged: UInt64?) -> TurnEvidence {
        let other = self[half.opposite]
        guard let acknowledged, other.phase != .ended else { return .contradicted }
        // Within one turn of a client that waits for responses there is one request, and this is not its beginning.
        let isTurn = lastSpeaker != half
        switch other.mood {
        case .silent: return isTurn ? .open : .contradicted
        case .speaking, .interim: return .contradicted
        case .lost: return isTurn && acknowledged == other.next ? .open : .contradicted
        case .doubtful, .final:
            guard acknowledged == other.next else { return .contradicted }
            guard let received = other.acknowledged else { return isTurn ? .open : .contradicted }
            guard received == start else { return .contradicted }
            return other.mood == .final ? .proven : .open
        }
    }

    /// Holds a request that stands alone in its segment until its response proves it. False when it does not stand alone
    /// or cannot be read: then it is passed over.
    private mutating func putOnProbation<Sink: ExchangeSink & ~Copyable>(
        _ bytes: RawSpan, _ position: inout Int, _ run: Run, _ sink: inout Sink, _ desk: inout Desk
    ) -> Bool {
        let reach = min(bytes.byteCount, position + desk.limits.headerBytes)
        guard let anchor = run.context.acknowledged, let headEnd = SectionEnd.find(bytes, position..<reach),
            let message = try? RequestMessage(bytes, position..<headEnd, &desk)
        else { return false }
        let rest = bytes.byteCount - headEnd
        switch message.framing {
        case .none: guard rest == 0 else { return false }
        case .length(let length):
            guard UInt64(rest) == length || message.expectsContinue && rest == 0 else { return false }
        case .chunked: guard message.expectsContinue && rest == 0 else { return false }
        case .untilClose: return false
        }
        guard desk.reserve(rest) else { return false }
        clientHalf = run.half
        probation = [
            Probation(
                message: message, start: run.offset(of: position), headEnd: run.offset(of: headEnd),
                end: run.offset(of: bytes.byteCount), anchor: anchor, body: bytes.octets(headEnd..<bytes.byteCount),
                context: run.context)
        ]
        self[run.half].phase = .probation
        position = bytes.byteCount
        return true
    }

    /// Gives up the request on probation.
    mutating func dropProbation(_ desk: inout Desk) {
        guard let held = probation.popLast() else { return }
        desk.release(held.body.count)
        desk.counters.refusedRequests += 1
        if self[clientHalf].phase == .probation { self[clientHalf].phase = .unsynchronised }
        skippedBytes += rolesKnown ? 0 : held.end - held.start
        if rolesKnown { desk.counters.unreadableBytes += held.end - held.start }
    }

    // MARK: Responses

    /// True when the answer to an open request, or to the one on probation, begins here.
    private mutating func hearAnswer<Sink: ExchangeSink & ~Copyable>(
        _ bytes: RawSpan, _ position: Int, _ run: Run, _ sink: inout Sink, _ desk: inout Desk
    ) -> Bool {
        let start = run.offset(of: position)
        let verdict: StartLineVerdict =
            run.isSegmentStart(at: position) ? StartLine.response(bytes, at: position) : .impossible
        if let held = probation.first {
            guard verdict == .whole, held.anchor == start, run.context.acknowledged == held.end else {
                dropProbation(&desk)
                return false
            }
            believe(held, &sink, &desk)
        } else {
            guard verdict != .impossible, openCount > 0, !oldest.responseBegun,
                isAnswer(to: oldest, at: start, run.context.acknowledged)
            else { return false }
        }
        guard opaque == nil else { return true }
        self[run.half].phase = .boundary
        desk.counters.resynchronisations += 1
        return true
    }

    /// Moves the anchor behind a lost `100 Continue`: when a client that waited for it begins its body, its segment
    /// acknowledges what it waited for, and the final response begins there. What was lost must be exactly that, and
    /// short, as interim responses are.
    mutating func noteLostInterim(_ context: SegmentContext) {
        guard openCount == 1, oldest.awaitsContinue, !oldest.responseBegun, self[serverHalf].phase == .unsynchronised,
            self[clientHalf].isInBody, self[clientHalf].next == oldest.headEnd,
            let anchor = oldest.anchor, let acknowledged = context.acknowledged,
            acknowledged == self[serverHalf].next, acknowledged > anchor, acknowledged - anchor <= 1_024
        else { return }
        oldest.anchor = acknowledged
        oldest.awaitsContinue = false
        self[serverHalf].mood = .interim
    }

    /// Reports the request that was on probation.
    private mutating func believe<Sink: ExchangeSink & ~Copyable>(
        _ held: Probation, _ sink: inout Sink, _ desk: inout Desk
    ) {
        probation.removeAll()
        desk.release(held.body.count)
        desk.counters.resynchronisations += 1
        settleRoles(&desk)
        begin(held.message, start: held.start, headEnd: held.headEnd, anchor: held.anchor, held.context, &sink, &desk)
        guard opaque == nil, !held.body.isEmpty else { return }
        sink.requestBody(self[clientHalf].exchange, unsafe held.body.span.bytes, at: 0, held.context)
        endMessage(clientHalf, .framed, nil, at: held.end, held.context, &sink, &desk)
    }
}
