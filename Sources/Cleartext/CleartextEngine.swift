public import Flows
public import Objects

/// Turns flows that carry TLS into flows of their cleartext, and hands on all others as they are.
///
/// The sink sees the same calls as without it: of a TLS flow bytes, gaps and positions are those of the cleartext. One
/// thread owns the engine and its sink. It does no I/O and reads no clock: secrets come by ``take(_:)``, and what they are
/// missing for waits within ``CleartextLimits``.
public struct CleartextEngine<Sink: StreamSink & ~Copyable>: ~Copyable, StreamSink {
    /// What is known of the flow in each slot.
    @usableFromInline var kinds: [FlowKind] = []
    /// The TLS flows and the watched ones, by slot.
    private var flows: [TLSFlow?] = []
    /// What is needed of a flow that is undecided, by slot.
    private var openings: [Opening?] = []
    private var desk: CleartextDesk
    /// Flows that wait: open ones, and ones whose slot was given back.
    private var waiting = WaitingFlows()
    /// When the next flow has waited too long, in the packets' time.
    @usableFromInline var nextExpiry = UInt64.max
    /// Where the cleartext goes.
    public var sink: Sink

    /// An engine with the secrets known so far. `expectsSecrets` is false when none can come later: then nothing waits.
    /// What waits goes to `spool` when memory is short; what is read is shown to `export`.
    public init(
        sink: consuming Sink, limits: CleartextLimits = CleartextLimits(), store: SecretStore = SecretStore(),
        expectsSecrets: Bool = true, spool: (any CiphertextSpool)? = nil,
        export: (any CleartextExport)? = nil
    ) {
        desk = CleartextDesk(
            limits: limits, store: store, expectsSecrets: expectsSecrets, spool: spool, export: export)
        self.sink = sink
    }

    /// What was done so far.
    public var counters: CleartextCounters { desk.counters }

    /// What could not be read so far, by host and reason, the largest first. Flows that wait are not in it yet.
    public var undecryptable: [Undecryptable] { desk.undecryptable }

    /// Flows that wait for a key now.
    public var waitingFlows: Int { waiting.count }

    /// Secrets taken and sessions forgotten so far.
    public var secretsTaken: UInt64 { desk.store.secretsTaken }

    // MARK: Secrets

    /// Takes secrets that became known, and goes on with the flows that waited for them.
    public mutating func take(_ secrets: [SecretEvent]) {
        var randoms: Set<ClientRandom> = []
        var transcripts: Set<[UInt8]> = []
        for secret in secrets {
            desk.store.take(secret)
            switch secret {
            case .session(_, let random, _): randoms.insert(random)
            case .transcript(_, let hash, _): transcripts.insert(hash)
            }
        }
        guard waiting.count > 0 else { return }
        for flow in waiting.waiting(for: randoms, transcripts) { resume(flow) }
    }

    private mutating func resume(_ flow: TLSFlow) {
        let (since, number) = (flow.waitsSince, flow.handle.number)
        guard flow.isOrphan else {
            _ = flow.resume(&sink, &desk)
            if flow.waitsBy != (flow.session.clientRandom, flow.session.transcriptHash) { waiting.remove(number) }
            return settle(flow, at: since)
        }
        // Some lines of a log may come before others, and this can be begun only once.
        guard flow.hasAllSecrets(desk.store) else { return }
        // Its slot has another flow by now: what waited passes under one of its own, from beginning to end.
        flow.handle = FlowHandle(slot: Int32(clamping: kinds.count), number: number)
        sink.open(flow.handle, flow.description, flow.opening)
        flow.isOrphan = false
        // Of a half that had ended before, nothing waits.
        for half in [flow.initiator, flow.responder] where half.isClosed {
            sink.end(flow.handle, half.half, .finished, flow.opening)
        }
        let isDone = flow.resume(&sink, &desk)
        // Nothing more comes: what waits for anything but a key waits for ever, and what was begun cannot be begun anew.
        if flow.isWaiting, isDone || flow.hasDelivered { flow.giveUp(.keyMissing, flow.opening, &sink, &desk) }
        sink.close(flow.handle, flow.opening)
        flow.isOrphan = true
        if isDone { flow.closeExport(&desk) }
        settle(flow, at: since)
    }

    /// No more secrets will come: whatever waits is given up.
    public mutating func finish() {
        while let flow = waiting.oldest() { giveUp(flow) }
    }

    /// Lets time pass: flows that have waited too long are given up.
    @inlinable
    public mutating func expire(now: UInt64) {
        if now > nextExpiry { expireOverdue(now) }
    }

    @usableFromInline
    mutating func expireOverdue(_ now: UInt64) {
        while let flow = waiting.oldest(), isOverdue(flow.waitsSince, now) {
            desk.counters.keyWaitExpired += 1
            giveUp(flow)
        }
        setExpiry()
    }

    private func isOverdue(_ since: UInt64, _ now: UInt64) -> Bool {
        now > since && now - since > desk.limits.keyWaitNanoseconds
    }

    private mutating func setExpiry() {
        let (end, isNever) = (waiting.oldestSince ?? .max).addingReportingOverflow(desk.limits.keyWaitNanoseconds)
        nextExpiry = isNever ? .max : end
    }

    private mutating func giveUp(_ flow: TLSFlow, _ context: SegmentContext? = nil) {
        waiting.remove(flow.handle.number)
        flow.giveUp(.keyMissing, context ?? flow.opening, &sink, &desk)
    }

    /// Lists a flow that waits, keeps what waits within the limits, or gives it up.
    private mutating func settle(_ flow: TLSFlow, at time: UInt64) {
        guard flow.isWaiting else {
            // The common case: nothing waited.
            guard flow.isListed else { return }
            desk.charge(flow)
            waiting.remove(flow.handle.number)
            return setExpiry()
        }
        if flow.awaitsKey, !desk.expectsSecrets { return giveUp(flow) }
        if !flow.isListed {
            if flow.awaitsKey, !flow.hasWaited {
                flow.hasWaited = true
                desk.counters.parkedFlows += 1
            }
            waiting.insert(flow, since: time)
            setExpiry()
        }
        desk.charge(flow)
        if flow.parked.charge > desk.limits.parkedFlowBytes {
            desk.counters.parkedFlowLimit += 1
            giveUp(flow)
        } else if flow.spills, !desk.spill(flow, isWhole: false) {
            makeRoom(isRefused: true)
        }
        if desk.parkedBytes > desk.limits.parkedBytes { makeRoom(isRefused: false) }
    }

    /// Gets below the limit of memory: moves what waits to the spool, and gives up what has no room there either.
    private mutating func makeRoom(isRefused: Bool) {
        var isRefused = isRefused || desk.spool == nil
        while desk.parkedBytes > desk.limits.parkedBytes {
            if !isRefused, let oldest = waiting.nextToSpill() {
                isRefused = !desk.spill(oldest, isWhole: true)
            } else if let largest = waiting.largest() {
                desk.counters.parkedTotalLimit += 1
                giveUp(largest)
                if isRefused, desk.spool != nil {
                    isRefused = false
                    waiting.spillAgain()
                }
            } else {
                return
            }
        }
    }

    // MARK: The stream

    /// A flow begins.
    public mutating func open(_ flow: FlowHandle, _ description: FlowDescription, _ context: SegmentContext) {
        let slot = Int(flow.slot)
        if slot >= 0 {
            while kinds.count <= slot {
                kinds.append(.plain)
                flows.append(nil)
                openings.append(nil)
            }
            kinds[slot] = .undecided
            flows[slot] = nil
            openings[slot] = Opening(flow: flow, description: description, context: context)
        }
        sink.open(flow, description, context)
    }

    /// Ordered bytes. For a plain flow one byte is looked at before they go on.
    @inlinable
    public mutating func bytes(
        _ flow: FlowHandle, _ half: HalfConnection, _ bytes: RawSpan, at offset: UInt64, isSegmentStart: Bool,
        _ context: SegmentContext
    ) {
        let slot = Int(flow.slot)
        if slot >= 0, slot < kinds.count, kinds[slot] != .plain {
            take(flow, half, bytes, at: offset, isSegmentStart: isSegmentStart, context)
        } else {
            sink.bytes(flow, half, bytes, at: offset, isSegmentStart: isSegmentStart, context)
        }
    }

    /// Bytes of a flow that is not known to be plain.
    @usableFromInline
    mutating func take(
        _ handle: FlowHandle, _ half: HalfConnection, _ bytes: RawSpan, at offset: UInt64, isSegmentStart: Bool,
        _ context: SegmentContext
    ) {
        let slot = Int(handle.slot)
        guard bytes.byteCount > 0 else { return }
        if kinds[slot] == .undecided, !RecordHeader.isPossible(bytes, at: 0),
            openings[slot]?.description.startedMidStream != true
        {
            kinds[slot] = .plain
            openings[slot] = nil
            return sink.bytes(handle, half, bytes, at: offset, isSegmentStart: isSegmentStart, context)
        }
        guard let flow = flow(in: slot) else { return }
        switch kinds[slot] {
        case .plain: break
        case .undecided:
            if RecordHeader.isPossible(bytes, at: 0) {
                kinds[slot] = .tls
                desk.counters.flows += 1
                flow.half(half).next = offset
                return read(flow, slot, half, bytes, at: offset, isSegmentStart, context)
            }
            kinds[slot] = .watched
            sink.bytes(handle, half, bytes, at: offset, isSegmentStart: isSegmentStart, context)
            flow.half(half).next = offset &+ UInt64(bytes.byteCount)
        case .watched:
            if isSegmentStart, flow.beginsRecord(bytes) {
                beginRecords(flow, slot, half, at: offset)
                return read(flow, slot, half, bytes, at: offset, isSegmentStart, context)
            }
            if let position = flow.findRecord(half, bytes, at: offset) {
                // A record begins in the segment's middle: what stands before it is the end of another.
                if position > 0 {
                    let before = bytes.extracting(0..<position)
                    sink.bytes(handle, half, before, at: offset, isSegmentStart: isSegmentStart, context)
                }
                let start = offset &+ UInt64(position)
                beginRecords(flow, slot, half, at: start)
                return read(flow, slot, half, bytes.extracting(position...), at: start, position == 0, context)
            }
            flow.half(half).next = offset &+ UInt64(bytes.byteCount)
            flow.watchedSegments += 1
            if flow.watchedSegments >= TLSFlow.watchedSegmentsMax {
                kinds[slot] = .plain
                flows[slot] = nil
            }
            sink.bytes(handle, half, bytes, at: offset, isSegmentStart: isSegmentStart, context)
        case .tls: read(flow, slot, half, bytes, at: offset, isSegmentStart, context)
        }
    }

    /// A watched flow carries records from here on.
    private mutating func beginRecords(_ flow: TLSFlow, _ slot: Int, _ half: HalfConnection, at offset: UInt64) {
        kinds[slot] = .tls
        desk.counters.flows += 1
        flow.isConfirmed = true
        flow.half(half).next = offset
        flow.initiator.beginClear()
        flow.responder.beginClear()
    }

    /// The flow's state, made when it is asked for first.
    private mutating func flow(in slot: Int) -> TLSFlow? {
        if let opening = openings[slot] {
            flows[slot] = TLSFlow(opening.flow, opening.description, opening.context)
            openings[slot] = nil
        }
        return flows[slot]
    }

    private mutating func read(
        _ flow: TLSFlow, _ slot: Int, _ half: HalfConnection, _ bytes: RawSpan, at offset: UInt64,
        _ isSegmentStart: Bool, _ context: SegmentContext
    ) {
        let used = flow.receive(half, bytes, at: offset, context, &sink, &desk)
        guard flow.isPlain else { return settle(flow, at: context.time) }
        // What looked like a record's first bytes was none.
        kinds[slot] = .plain
        flows[slot] = nil
        desk.counters.flows -= 1
        for side in [flow.initiator, flow.responder] where !side.partial.isEmpty {
            sink.bytes(
                flow.handle, side.half, unsafe side.partial.span.bytes, at: side.partialStart, isSegmentStart: true,
                side.origins.first?.context ?? context)
        }
        guard used < bytes.byteCount else { return }
        sink.bytes(
            flow.handle, half, bytes.extracting(used..<bytes.byteCount), at: offset &+ UInt64(used),
            isSegmentStart: isSegmentStart && used == 0, context)
    }

    /// Bytes that will never come.
    public mutating func gap(
        _ handle: FlowHandle, _ half: HalfConnection, at offset: UInt64, length: UInt64, cause: GapCause,
        _ context: SegmentContext
    ) {
        let slot = Int(handle.slot)
        guard slot >= 0, slot < kinds.count, kinds[slot] != .plain, let flow = flow(in: slot) else {
            return sink.gap(handle, half, at: offset, length: length, cause: cause, context)
        }
        guard kinds[slot] == .tls else {
            kinds[slot] = .watched
            flow.half(half).next = offset &+ length
            return sink.gap(handle, half, at: offset, length: length, cause: cause, context)
        }
        flow.miss(half, at: offset, length: length, cause, context, &sink, &desk)
        settle(flow, at: context.time)
    }

    /// The half-connection ended.
    public mutating func end(
        _ handle: FlowHandle, _ half: HalfConnection, _ reason: StreamEnd, _ context: SegmentContext
    ) {
        let slot = Int(handle.slot)
        guard slot >= 0, slot < kinds.count, kinds[slot] == .tls, let flow = flows[slot] else {
            return sink.end(handle, half, reason, context)
        }
        flow.end(half, reason, context, &sink, &desk)
        settle(flow, at: context.time)
    }

    /// The flow ended. One that still waits for its key keeps waiting.
    public mutating func close(_ handle: FlowHandle, _ context: SegmentContext) {
        let slot = Int(handle.slot)
        guard slot >= 0, slot < kinds.count else { return sink.close(handle, context) }
        if kinds[slot] == .tls, let flow = flows[slot] {
            if flow.awaitsKey, flow.reason == nil, !flow.hasDelivered {
                for half in [flow.initiator, flow.responder] where !half.isClosed {
                    sink.end(handle, half.half, .finished, context)
                }
                flow.isOrphan = true
            } else if flow.isWaiting {
                giveUp(flow, context)
            }
        }
        if let flow = flows[slot] {
            if !flow.isOrphan { flow.closeExport(&desk) }
            desk.releaseRoom(of: flow.initiator)
            desk.releaseRoom(of: flow.responder)
        }
        kinds[slot] = .plain
        flows[slot] = nil
        openings[slot] = nil
        sink.close(handle, context)
    }
}

/// What a flow opened with.
struct Opening {
    var flow: FlowHandle
    var description: FlowDescription
    var context: SegmentContext
}

/// What is known of a flow.
@usableFromInline
enum FlowKind: UInt8 {
    /// Not TLS, and handed on unread.
    case plain
    /// No byte was seen yet.
    case undecided
    /// Handed on as it is, but its beginning was not seen: records may still begin in it.
    case watched
    /// TLS.
    case tls
}

extension TLSFlow {
    /// Segments of a flow whose beginning was not seen that are looked at for the beginning of a record.
    static var watchedSegmentsMax: Int { 64 }

    /// The place of a record's header that stands where another header said that it would; nil when there is none. Two
    /// headers in the right distance are no chance, so that a flow is recognised in the middle of a long transfer, where
    /// records and segments begin at different places.
    func findRecord(_ side: HalfConnection, _ bytes: RawSpan, at offset: UInt64) -> Int? {
        let half = half(side)
        var position = 0
        while true {
            if let expected = half.headerExpected {
                guard expected < offset &+ UInt64(bytes.byteCount) else { return nil }
                half.headerExpected = nil
                if expected >= offset, Self.hasDataHeader(bytes, at: Int(expected &- offset)) {
                    return Int(expected &- offset)
                }
            }
            while position < bytes.byteCount, !Self.hasDataHeader(bytes, at: position) { position += 1 }
            guard position < bytes.byteCount, let header = RecordHeader(bytes, at: position) else { return nil }
            half.headerExpected = offset &+ UInt64(position + header.recordLength)
            position += 1
        }
    }

    private static func hasDataHeader(_ bytes: RawSpan, at offset: Int) -> Bool {
        guard offset + RecordHeader.length <= bytes.byteCount, bytes.octet(offset) == RecordHeader.Kind.applicationData,
            bytes.octet(offset + 1) == 3, bytes.octet(offset + 2) == 3
        else { return false }
        return (17...16_384 + 256).contains(bytes.network16(offset + 3))
    }

    /// True when a segment can only be the beginning of a record: stricter than within a flow known to be TLS, since any
    /// bytes may stand here.
    func beginsRecord(_ bytes: RawSpan) -> Bool {
        guard bytes.byteCount > RecordHeader.length, let header = RecordHeader(bytes, at: 0), bytes.octet(1) == 3
        else { return false }
        switch header.type {
        case RecordHeader.Kind.applicationData:
            return bytes.octet(2) == 3 && header.bodyLength >= 17 && header.bodyLength <= 16_384 + 256
        case RecordHeader.Kind.handshake:
            return bytes.octet(5) == HandshakeType.clientHello || bytes.octet(5) == HandshakeType.serverHello
        default: return false
        }
    }
}

extension TLSHalf {
    /// Bytes up to here were handed on as they were: cleartext has offsets behind them.
    func beginClear() {
        clearBase = next
        clearNext = next
    }
}
