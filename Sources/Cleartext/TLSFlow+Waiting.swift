import Flows
import Objects

/// What waits for a key or for the server's word on 0-RTT data.
extension TLSFlow {
    /// True when something that comes for this half must wait behind what waits already. A half without its key holds up
    /// the other too, so that requests still come before their responses.
    func mustQueue(_ half: TLSHalf) -> Bool {
        half.block != .none || awaitsKey || parked.has(half.half)
    }

    /// True when something waits.
    var isWaiting: Bool { reason == nil && (awaitsKey || !parked.isEmpty) }

    /// True when the secrets are known that a connection needs from its first data to its last. Those of the handshake come
    /// before them in every log, or not at all, and can be done without.
    func hasAllSecrets(_ store: SecretStore) -> Bool {
        guard session.isVersion13, let random = session.clientRandom else { return true }
        return [SecretLabel.clientApplication, .serverApplication].allSatisfy {
            !store.secrets($0, random, transcript: session.transcriptHash).isEmpty
        }
    }

    /// Keeps ciphertext for later.
    func park(
        _ bytes: RawSpan, _ half: HalfConnection, _ offset: UInt64, _ context: SegmentContext,
        _ desk: inout CleartextDesk
    ) {
        desk.counters.parkedBytes += UInt64(bytes.byteCount)
        parked.append(bytes, half, at: offset, context)
    }

    /// Goes on where the server's word on 0-RTT data was awaited, if it came.
    func goOn<Sink: StreamSink & ~Copyable>(_ sink: inout Sink, _ desk: inout CleartextDesk) {
        guard !parked.isEmpty || initiator.block == .server || responder.block == .server else { return }
        let client = half(clientHalf)
        guard client.block == .server, session.acceptsEarlyData != nil, reason == nil, !awaitsKey else { return }
        client.block = .none
        retry(client, &sink, &desk)
        drain(&sink, &desk)
    }

    /// Goes on where a key was missing, if it is there now. False when it is not.
    func resume<Sink: StreamSink & ~Copyable>(_ sink: inout Sink, _ desk: inout CleartextDesk) -> Bool {
        guard reason == nil, awaitsKey else { return true }
        for half in [initiator, responder] where half.block == .key {
            half.block = .none
            retry(half, &sink, &desk)
            if half.block == .key { return false }
        }
        desk.counters.lateKeys += 1
        drain(&sink, &desk)
        goOn(&sink, &desk)
        return !awaitsKey
    }

    /// Reads the record in `partial` again, or searches what has gathered there.
    private func retry<Sink: StreamSink & ~Copyable>(
        _ half: TLSHalf, _ sink: inout Sink, _ desk: inout CleartextDesk
    ) {
        let context = half.origins.last?.context ?? opening
        if half.phase == .searching {
            search(half, isLast: false, context, &sink, &desk)
        } else {
            readGathered(half, context, &sink, &desk)
        }
    }

    /// Lets what waited come again, until a key is missing once more: then the rest goes on waiting, in the same order.
    private func drain<Sink: StreamSink & ~Copyable>(_ sink: inout Sink, _ desk: inout CleartextDesk) {
        var events = ParkedLog()
        swap(&events, &parked)
        while !awaitsKey, reason == nil {
            switch events.next(desk.spool) {
            case .nothing: return
            case .unreadable:
                desk.counters.spoolReadErrors += 1
                giveUp(.spoolUnreadable, opening, &sink, &desk)
            case .entry(let entry):
                switch entry.event {
                case .bytes(let bytes):
                    receive(entry.half, unsafe bytes.span.bytes, at: entry.offset, entry.context, &sink, &desk)
                case .gap(let length, let cause):
                    miss(entry.half, at: entry.offset, length: length, cause, entry.context, &sink, &desk)
                case .end(let how): end(entry.half, how, entry.context, &sink, &desk)
                }
            }
        }
        guard let reason else { return parked.append(events) }
        // Given up on the way: what was still to come is not read either.
        desk.account(host, reason, flows: 0, bytes: events.ciphertextBytes)
        let ends = events.ends
        events.removeAll(desk.spool)
        for event in ends where !isOrphan { end(event.half, event.how, event.context, &sink, &desk) }
    }

    // MARK: Flows without a handshake

    /// Looks for the session of a flow whose hellos were not seen, by trying the newest ones on its first whole record.
    /// TLS 1.3 only: the keys of TLS 1.2 depend on both randoms. Always done with the record.
    func identify<Sink: StreamSink & ~Copyable>(
        _ half: TLSHalf, _ record: RawSpan, endsAt end: UInt64, _ context: SegmentContext, _ sink: inout Sink,
        _ desk: inout CleartextDesk
    ) -> Bool {
        identifications += 1
        var sessions = desk.store.newestSessions(desk.limits.identifySessions)
        if let random = session.clientRandom {
            // Only the server's hello is missing.
            let client = desk.store.secrets(.clientApplication, random, transcript: nil)
            let server = desk.store.secrets(.serverApplication, random, transcript: nil)
            sessions = zip(client, server).map { (client: $0, server: $1) }
        }
        var candidates: [Candidate] = []
        // The server is the one with the well-known port, where only one has such.
        let ports = (description.initiatorPort < 1_024, description.responderPort < 1_024)
        let knowsRoles = self.session.clientRandom != nil || ports.0 != ports.1
        if self.session.clientRandom == nil, ports.0 != ports.1 {
            clientHalf = ports.0 ? .fromResponder : .fromInitiator
        }
        for session in sessions {
            for suite in CipherSuite.version13(secretLength: session.client.count) {
                candidates.append(Candidate(suite: suite, session: session, isClient: isClient(half)))
                // Who asks and who answers is a guess as well.
                if !knowsRoles {
                    candidates.append(Candidate(suite: suite, session: session, isClient: !isClient(half)))
                }
            }
        }
        // The first records may still be of the handshake, so a few are tried; the first one under most numbers.
        let share = identifications == 1 ? 2 : 2 * Self.identificationsMax
        let trials = UInt64(desk.limits.identifyTrials / share / max(1, candidates.count))
        for candidate in candidates {
            let secret = candidate.isClient ? candidate.session.client : candidate.session.server
            guard let keys = RecordKeys.version13(candidate.suite, secret) else { continue }
            for number in 0..<max(1, trials) where desk.identifyTrials < desk.limits.identifyTrialsTotal {
                desk.identifyTrials += 1
                guard let opened = unsafe keys.protection.open(record, sequence: number, into: desk.room.start) else {
                    continue
                }
                return adopt(half, record, opened, keys, number, candidate, endsAt: end, context, &sink, &desk)
            }
        }
        // Further numbers cost less; the first record is most likely to be data.
        let count = UInt64(desk.limits.identifyNumbers / max(1, candidates.count))
        for candidate in candidates where identifications <= Self.widelyTriedMax {
            let secret = candidate.isClient ? candidate.session.client : candidate.session.server
            guard let keys = RecordKeys.version13(candidate.suite, secret) else { continue }
            let found = unsafe keys.open(
                record, from: max(1, trials), count: count, budget: &desk.identifyNumbers, into: desk.room.start)
            guard let found else { continue }
            return adopt(
                half, record, found.opened, keys, found.number, candidate, endsAt: end, context, &sink, &desk)
        }
        guard candidates.isEmpty || identifications >= Self.identificationsMax else {
            desk.counters.skippedHandshakeRecords += 1
            return true
        }
        if !candidates.isEmpty { desk.counters.identifyLimit += 1 }
        giveUp(.startedLate, context, &sink, &desk)
        return true
    }

    /// A session that a flow without a handshake may be of.
    private struct Candidate {
        var suite: CipherSuite
        var session: (client: SecretBytes, server: SecretBytes)
        var isClient: Bool
    }

    /// The session is found: goes on with its keys. True, as the record is done with.
    private func adopt<Sink: StreamSink & ~Copyable>(
        _ half: TLSHalf, _ record: RawSpan, _ opened: OpenedRecord, _ keys: RecordKeys, _ number: UInt64,
        _ candidate: Candidate, endsAt end: UInt64, _ context: SegmentContext, _ sink: inout Sink,
        _ desk: inout CleartextDesk
    ) -> Bool {
        desk.counters.identifiedFlows += 1
        clientHalf = candidate.isClient ? half.half : half.half.opposite
        identified = candidate.session
        session.isVersion13 = true
        session.suite = candidate.suite
        half.keys = keys
        half.epoch = .application
        half.sequence = number + 1
        let other = self.half(half.half.opposite)
        let otherStart = other.partial.isEmpty ? other.next : other.partialStart
        other.epoch = .application
        other.isSequenceKnown = false
        beginSearch(other, from: otherStart, .captureStartedLate)
        take(half, opened, endsAt: end, context, context, &sink, &desk)
        return true
    }

    /// Records of a flow on which numbers are tried widely: the first may be of the handshake, or padded.
    private static let widelyTriedMax = 3

    /// Records of a flow that sessions are tried on.
    private static let identificationsMax = 16
}
