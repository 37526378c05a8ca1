public import Packets

/// Decides what each segment means: the state of all flows, without the sink.
///
/// It is not generic on purpose. The assembler around it is, and a generic type of another module runs unspecialised
/// unless all of it is inlinable; so everything that costs time is here, in concrete code, and what is to be told to
/// the sink leaves as values: an `InOrderPayload` on the fast path, a list of `Delivery` otherwise.
///
/// Invariants, between two calls:
/// - The pieces of a half-connection are disjoint and none begins before `next`.
/// - A flow is `waiting` when, and only when, a half has pieces, or a slack runs, or a reset or rival SYN is undecided.
/// - A half that lacks acknowledged bytes has a slack running (`evidenceOffset` is not 0).
@usableFromInline
struct FlowTracker: ~Copyable, Sendable {
    let limits: FlowLimits
    let checksumPolicy: ChecksumPolicy
    let seed: FlowHashSeed
    @usableFromInline var counters = FlowCounters()

    var table = FlowTable()
    var flows = Slab<FlowState>(capacity: 256)
    /// Two per flow: from the initiator at twice the flow's slot, from the responder behind it.
    var halves = Slab<HalfStream>(capacity: 512)
    var buffer = ReorderBuffer()
    var closed = ClosedFlows()

    /// Flows by last activity, to about a second: those that idle out late, and early.
    var busy = SlotList()
    var brief = SlotList()
    /// Flows that wait, about in the order in which their oldest hole opened.
    var waiting = SlotList()

    var clock = CaptureClock()
    var lastNumber: UInt64 = 0
    /// Context of the call being handled.
    var time: UInt64 = 0
    var packet: UInt64 = 0

    /// What the sink is to be told, in order.
    @usableFromInline var deliveries: [Delivery] = []
    /// Pieces among them, to be discarded afterwards.
    var spent: [Int32] = []
    /// Pieces of this segment whose bytes are still in the frame.
    var fresh: [Int32] = []

    /// What the capture is known to have lost.
    var losses = CaptureLosses()

    var nextExpiry: UInt64 = 0
    var expiryCursor: Int32 = -1
    var expiryRemaining = 0

    /// Empty, but written out: without it the optimiser of Swift 6.3.1 stops at the destruction of the parts, which it
    /// tries to inline into the assembler's inlinable accessors.
    @usableFromInline @inline(never)
    deinit {}

    @usableFromInline
    init(limits: FlowLimits, checksumPolicy: ChecksumPolicy, seed: FlowHashSeed) {
        self.limits = limits
        self.checksumPolicy = checksumPolicy
        self.seed = seed
    }

    /// What time alone decides is dated by this packet.
    @usableFromInline mutating func note(packet: UInt64) { self.packet = packet }

    /// Flows open now.
    @usableFromInline var openFlows: Int { flows.count }

    /// Takes a segment. What it returns goes to the sink first, then `deliveries`; at most one of the two is not empty.
    @usableFromInline
    mutating func admit(
        _ header: SegmentHeader, _ frame: RawSpan, time: UInt64, packet: UInt64, tenant: UInt32
    ) -> InOrderPayload {
        counters.segments &+= 1
        clock.advance(to: time)
        self.time = time
        self.packet = packet
        let start = header.payloadOffset
        let captured = header.capturedPayloadLength
        let length = header.payloadLength
        var sourceIsFirst = false
        // The three are below 2^48 when the first test holds, so the sums of the others cannot overflow.
        guard (start | captured | length) >> 48 == 0, captured <= length, start &+ captured <= frame.byteCount,
            let key = FlowKey(header, tenant: tenant, sourceIsFirst: &sourceIsFirst)
        else {
            counters.malformed &+= 1
            return .none
        }
        counters.payloadBytes &+= UInt64(length)
        if header.checksum != .valid, !acceptsChecksum(header.checksum) { return .none }

        let hash = seed.hash(key)
        let reference = find(key, hash)
        if reference.flow >= 0 {
            let slot = reference.flow
            let half = flows[slot].half(sourceIsFirst: sourceIsFirst)
            if let payload = admitInOrder(slot, half, header) { return payload }
            admitOutOfTurn(slot, half, header, frame)
        } else {
            admitUnknown(reference, key, hash, sourceIsFirst, header, frame)
        }
        return .none
    }

    /// Index of a flow's half.
    @inline(__always)
    func index(_ slot: Int32, _ half: HalfConnection) -> Int32 { slot &* 2 &+ Int32(half.rawValue) }

    /// The flow as the sink knows it.
    @inline(__always)
    func handle(_ slot: Int32) -> FlowHandle { FlowHandle(slot: slot, number: flows[slot].number) }

    /// Context of what is not a segment's own: gaps and ends are dated by the segment that made them certain.
    var context: SegmentContext { SegmentContext(time: time, packet: packet, acknowledged: nil) }

    /// Counts a checksum that is not valid; false when the segment is to be dropped.
    private mutating func acceptsChecksum(_ verdict: ChecksumVerdict) -> Bool {
        switch verdict {
        case .valid, .notChecked: return true
        case .offloaded:
            counters.offloadedChecksums &+= 1
            return true
        case .wrong:
            if checksumPolicy == .ignore { return true }
            counters.wrongChecksums &+= 1
            guard checksumPolicy == .verify else { return true }
            counters.checksumDrops &+= 1
            return false
        }
    }

    @inline(__always)
    private func find(_ key: FlowKey, _ hash: UInt32) -> FlowReference {
        var position = table.position(of: hash)
        while true {
            let entry = table[position]
            if entry.reference == .none { return .none }
            if entry.hash == hash {
                if entry.reference.flow >= 0 {
                    if flows[entry.reference.flow].key == key { return entry.reference }
                } else if closed[entry.reference.closed].key == key {
                    return entry.reference
                }
            }
            position = table.position(after: position)
        }
    }

    /// The fast path: a segment without SYN, FIN or RST, whole and trusted, whose payload is next, and which
    /// acknowledges nothing that is missing, on a flow where nothing waits. Nil: it is not one, and nothing was
    /// changed.
    @inline(__always)
    private mutating func admitInOrder(
        _ slot: Int32, _ half: HalfConnection, _ header: SegmentHeader
    ) -> InOrderPayload? {
        let special: TCPFlags = [.syn, .fin, .rst]
        guard header.flags.isDisjoint(with: special), header.flags.contains(.ack), header.checksum != .wrong,
            header.capturedPayloadLength == header.payloadLength
        else { return nil }
        let length = UInt64(truncatingIfNeeded: header.payloadLength)
        let flowFlags = flows[slot].flags
        guard !flowFlags.contains(.waiting), flowFlags.contains(.hasPayload) || length == 0 else { return nil }
        let own = index(slot, half)
        let opposite = own ^ 1
        let ownFlags = halves[own].flags
        guard ownFlags.contains(.firm), ownFlags.isDisjoint(with: [.ended, .finAssumed]),
            header.sequence.rawValue == halves[own].nextSequence
        else { return nil }

        let acknowledgement = header.acknowledgement.rawValue
        var acknowledged: UInt64?
        if halves[opposite].flags.contains(.firm) {
            let next = halves[opposite].next
            let ahead = Int32(bitPattern: acknowledgement &- halves[opposite].nextSequence)
            // One ahead of a half that has ended is its FIN.
            guard ahead <= 0 || (ahead == 1 && halves[opposite].flags.contains(.ended)) else { return nil }
            let behind = ahead > 0 ? 0 : UInt64(-Int64(ahead))
            let offset = behind > next ? 0 : next &- behind
            if offset > halves[opposite].acked { halves[opposite].acked = offset }
            acknowledged = offset
        } else {
            guard halves[opposite].flags.contains(.placed) else { return nil }
            acknowledged = guessedAcknowledgement(opposite, acknowledgement)
        }

        if header.checksum == .valid, !ownFlags.contains(.doubtfulChecksums) {
            halves[own].flags.insert(.provenChecksums)
        }
        touch(slot)
        let offset = halves[own].next
        halves[own].next = offset &+ length
        counters.deliveredBytes &+= length
        return InOrderPayload(
            flow: handle(slot), half: half, isPresent: length != 0, offset: offset, acknowledged: acknowledged)
    }

    /// Notes a segment of a flow.
    @inline(__always)
    mutating func touch(_ slot: Int32) {
        flows[slot].segments &+= 1
        flows[slot].lastActive = clock.now
        // Moving a flow in its list touches its neighbours' memory: once in about a second (2^30 ns) is enough.
        let coarse = UInt16(truncatingIfNeeded: clock.now >> 30)
        if flows[slot].linkedAt != coarse { relink(slot, coarse) }
    }

    private mutating func relink(_ slot: Int32, _ coarse: UInt16) {
        flows[slot].linkedAt = coarse
        if flows[slot].flags.contains(.brief) { brief.moveToEnd(slot) } else { busy.moveToEnd(slot) }
    }

    /// Frees what the deliveries held. The assembler calls it when it has performed them.
    @usableFromInline
    mutating func forgetDeliveries() {
        deliveries.removeAll(keepingCapacity: deliveries.count <= 4_096)
        for piece in spent { buffer.discard(piece) }
        spent.removeAll(keepingCapacity: spent.count <= 4_096)
    }

    /// Calls `body` with the bytes of a `bufferedBytes` delivery.
    @usableFromInline
    func withBytes(of piece: Int32, _ body: (RawSpan) -> Void) { buffer.withBytes(of: piece, body) }
}
