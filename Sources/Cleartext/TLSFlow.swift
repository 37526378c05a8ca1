import Flows
import Objects

/// One TLS connection: records in, cleartext out.
///
/// A class, since its halves own OpenSSL contexts and large buffers that must not move; one is made per connection, none
/// per record.
final class TLSFlow {
    /// The flow, as the sink knows it.
    var handle: FlowHandle
    /// What was known when it opened.
    let description: FlowDescription
    /// The segment that opened it.
    let opening: SegmentContext
    /// The half that sends the ClientHello: a guess until it does.
    var clientHalf = HalfConnection.fromInitiator
    /// What the handshake said.
    var session = TLSSession()
    /// The halves.
    let initiator = TLSHalf(.fromInitiator)
    let responder = TLSHalf(.fromResponder)
    /// What waits.
    var parked = ParkedLog()
    /// Bytes of memory that the desk charges it with while it waits.
    var parkedCharge = 0
    /// True once what waits goes to the spool, chunk by chunk.
    var spills = false
    /// While it waits: since when, and what its secrets are named by.
    var waitsSince: UInt64 = 0
    var waitsBy: (random: ClientRandom?, transcript: [UInt8]?) = (nil, nil)
    /// Why nothing more is read.
    var reason: UndecryptableReason?
    /// True once a record's header was believed: until then the flow may turn out to be none of TLS.
    var isConfirmed = false
    /// True once cleartext, or a gap in it, was handed on.
    var hasDelivered = false
    /// Set when the first bytes turn out to be no record.
    var isPlain = false
    /// Records that sessions were tried on for want of a handshake.
    var identifications = 0
    /// Segments that passed while it was watched whether records begin in one.
    var watchedSegments = 0
    /// The session's application secrets, for a flow whose handshake was not seen.
    var identified: (client: SecretBytes, server: SecretBytes)?
    /// How far it was shown to an export.
    var shown = ExportState()
    /// True while the flow is listed among those that wait.
    var isListed = false
    /// True once the flow had to wait.
    var hasWaited = false
    /// True when the flow's slot was given back while it waits.
    var isOrphan = false

    init(_ handle: FlowHandle, _ description: FlowDescription, _ opening: SegmentContext) {
        self.handle = handle
        self.description = description
        self.opening = opening
    }

    /// The state of a half.
    func half(_ half: HalfConnection) -> TLSHalf { half == .fromInitiator ? initiator : responder }

    /// True when the half sends what a client sends.
    func isClient(_ half: TLSHalf) -> Bool { half.half == clientHalf }

    /// The name that reports use.
    var host: String { session.serverName ?? description.responderAddress }

    /// True when a half waits for a secret.
    var awaitsKey: Bool { initiator.block == .key || responder.block == .key }

    // MARK: What comes

    /// Takes ordered bytes. Returns how many were used: fewer than there are only when the flow turns out to be plain.
    @discardableResult
    func receive<Sink: StreamSink & ~Copyable>(
        _ side: HalfConnection, _ bytes: RawSpan, at offset: UInt64, _ context: SegmentContext, _ sink: inout Sink,
        _ desk: inout CleartextDesk
    ) -> Int {
        if let reason {
            desk.account(host, reason, flows: 0, bytes: UInt64(bytes.byteCount))
            return bytes.byteCount
        }
        let half = half(side)
        guard !mustQueue(half) else {
            park(bytes, side, offset, context, &desk)
            return bytes.byteCount
        }
        let used = consume(half, bytes, at: offset, context, &sink, &desk)
        if isPlain { return used }
        if desk.export != nil { show(side, bytes.extracting(0..<used), at: offset, context, &desk) }
        if used < bytes.byteCount {
            if let reason {
                // Given up on the way: what stands behind is not read either.
                desk.account(host, reason, flows: 0, bytes: UInt64(bytes.byteCount - used))
            } else {
                park(bytes.extracting(used..<bytes.byteCount), side, offset &+ UInt64(used), context, &desk)
            }
        }
        goOn(&sink, &desk)
        return bytes.byteCount
    }

    /// Takes a gap.
    func miss<Sink: StreamSink & ~Copyable>(
        _ side: HalfConnection, at offset: UInt64, length: UInt64, _ cause: GapCause, _ context: SegmentContext,
        _ sink: inout Sink, _ desk: inout CleartextDesk
    ) {
        guard reason == nil else { return }
        let half = half(side)
        guard !mustQueue(half) else {
            parked.append(gap: length, cause, side, at: offset, context)
            return
        }
        lose(half, at: offset, length: length, cause, context, &sink, &desk)
        goOn(&sink, &desk)
    }

    /// Takes the end of a half.
    func end<Sink: StreamSink & ~Copyable>(
        _ side: HalfConnection, _ how: StreamEnd, _ context: SegmentContext, _ sink: inout Sink,
        _ desk: inout CleartextDesk
    ) {
        let half = half(side)
        if reason == nil, mustQueue(half) { return parked.append(end: how, side, at: half.next, context) }
        if reason == nil, half.phase == .searching {
            search(half, isLast: true, context, &sink, &desk)
            // What was found at last may lack its key.
            if reason == nil, mustQueue(half) { return parked.append(end: how, side, at: half.next, context) }
        }
        if !half.isClosed { sink.end(handle, side, how, translated(context, half)) }
        if desk.export != nil { showEnd(half, how, context, &desk) }
        half.isClosed = true
        half.phase = .over
    }

    // MARK: Records

    /// Reads bytes of a half. Returns how many were used: fewer than there are when a record is blocked.
    func consume<Sink: StreamSink & ~Copyable>(
        _ half: TLSHalf, _ bytes: RawSpan, at offset: UInt64, _ context: SegmentContext, _ sink: inout Sink,
        _ desk: inout CleartextDesk
    ) -> Int {
        var position = 0
        while position < bytes.byteCount, half.block == .none, reason == nil, !isPlain {
            let here = offset &+ UInt64(position)
            switch half.phase {
            case .over: position = bytes.byteCount
            case .skipping(let until):
                position += Int(min(until &- here, UInt64(bytes.byteCount - position)))
                if offset &+ UInt64(position) == until { half.phase = .records }
            case .searching:
                half.gather(bytes, position..<bytes.byteCount, at: here, context)
                position = bytes.byteCount
                search(half, isLast: false, context, &sink, &desk)
            case .records:
                readRecord(half, bytes, &position, at: offset, context, &sink, &desk)
            }
        }
        half.next = offset &+ UInt64(position)
        return position
    }

    /// Reads the record that begins or goes on at `position`, as far as it is there.
    @inline(__always)
    private func readRecord<Sink: StreamSink & ~Copyable>(
        _ half: TLSHalf, _ bytes: RawSpan, _ position: inout Int, at offset: UInt64, _ context: SegmentContext,
        _ sink: inout Sink, _ desk: inout CleartextDesk
    ) {
        let rest = bytes.byteCount - position
        let here = offset &+ UInt64(position)
        if half.partial.isEmpty {
            guard RecordHeader.isPossible(bytes, at: position) else {
                return breakFraming(half, bytes, &position, at: here, context, &sink, &desk)
            }
            half.wanted = RecordHeader.length
            if rest >= RecordHeader.length, let header = RecordHeader(bytes, at: position) {
                half.wanted = header.recordLength
                if rest >= header.recordLength {
                    let record = bytes.extracting(position..<position + header.recordLength)
                    position += header.recordLength
                    isConfirmed = true
                    let end = here &+ UInt64(header.recordLength)
                    let isRead = read(half, record, endsAt: end, context, context, &sink, &desk)
                    if !isRead { half.gather(record, 0..<record.byteCount, at: here, context) }
                    return
                }
            }
            half.gather(bytes, position..<bytes.byteCount, at: here, context)
            position = bytes.byteCount
            return
        }
        let count = min(half.wanted - half.partial.count, rest)
        half.gather(bytes, position..<position + count, at: here, context)
        position += count
        guard half.partial.count == half.wanted else {
            // Judged byte by byte, so that it does not matter how the header was cut.
            if half.wanted == RecordHeader.length, !RecordHeader.isPossible(unsafe half.partial.span.bytes, at: 0) {
                breakFraming(half, bytes, &position, at: here, context, &sink, &desk)
            }
            return
        }
        if half.wanted == RecordHeader.length {
            guard let header = RecordHeader(unsafe half.partial.span.bytes, at: 0) else {
                return breakFraming(half, bytes, &position, at: here, context, &sink, &desk)
            }
            half.wanted = header.recordLength
            guard header.bodyLength == 0 else { return }
        }
        isConfirmed = true
        readGathered(half, context, &sink, &desk)
    }

    /// Reads the whole record in `partial`. False when it is blocked: then it stays there.
    @discardableResult
    func readGathered<Sink: StreamSink & ~Copyable>(
        _ half: TLSHalf, _ context: SegmentContext, _ sink: inout Sink, _ desk: inout CleartextDesk
    ) -> Bool {
        // Taken out while it is read, so that reading may change the half.
        var record: [UInt8] = []
        swap(&record, &half.partial)
        let first = half.origins.first?.context ?? context
        let end = half.partialStart &+ UInt64(record.count)
        let isRead = read(half, unsafe record.span.bytes, endsAt: end, first, context, &sink, &desk)
        swap(&record, &half.partial)
        guard isRead else { return false }
        half.clearPartial()
        if half.keptRoom != half.partial.capacity { desk.settleRoom(of: half) }
        return true
    }

    /// What is there is no record. At the very start the flow is none of TLS; later the place among the records is lost.
    private func breakFraming<Sink: StreamSink & ~Copyable>(
        _ half: TLSHalf, _ bytes: RawSpan, _ position: inout Int, at here: UInt64, _ context: SegmentContext,
        _ sink: inout Sink, _ desk: inout CleartextDesk
    ) {
        guard isConfirmed else {
            isPlain = true
            return
        }
        desk.counters.failedRecords += 1
        beginSearch(half, from: half.partial.isEmpty ? here : half.partialStart, .framingLost)
    }

    // MARK: Handing on

    /// The segment's context in terms of the cleartext.
    func translated(_ context: SegmentContext, _ half: TLSHalf) -> SegmentContext {
        var result = context
        result.acknowledged = context.acknowledged.flatMap { self.half(half.half.opposite).clear(at: $0) }
        return result
    }

    /// Hands on the content of a record that lies in the desk's room.
    func deliver<Sink: StreamSink & ~Copyable>(
        _ half: TLSHalf, _ count: Int, _ first: SegmentContext, _ last: SegmentContext, _ sink: inout Sink,
        _ desk: inout CleartextDesk
    ) {
        half.hasData = true
        guard count > 0, !half.isClosed else { return }
        // When it was complete, in the words of who sent its first byte: what the sender had received by then.
        var context = translated(first, half)
        context.time = last.time
        context.packet = last.packet
        noteDelivery(&desk)
        desk.counters.cleartextBytes += UInt64(count)
        // Safe: the room holds as many bytes as a record, and nothing else writes to it during the call.
        let start = unsafe desk.room.start
        let content = unsafe RawSpan(_unsafeStart: start, byteCount: count)
        let offset = half.clearNext
        half.clearNext += UInt64(count)
        sink.bytes(handle, half.half, content, at: offset, isSegmentStart: true, context)
    }

    /// Counts the flow once something of it was read.
    func noteDelivery(_ desk: inout CleartextDesk) {
        if !hasDelivered { desk.counters.decryptedFlows += 1 }
        hasDelivered = true
    }

    /// Reads no more of the flow. What waits is given up, and what was not delivered is said to be missing.
    func giveUp<Sink: StreamSink & ~Copyable>(
        _ why: UndecryptableReason, _ context: SegmentContext, _ sink: inout Sink, _ desk: inout CleartextDesk
    ) {
        guard reason == nil else { return }
        reason = why
        let bytes = UInt64(initiator.partial.count + responder.partial.count) + parked.ciphertextBytes
        desk.account(host, why, flows: 1, bytes: bytes)
        let ends = parked.ends
        parked.removeAll(desk.spool)
        desk.charge(self)
        for half in [initiator, responder] {
            half.block = .none
            half.keys = nil
            half.partial = []
            half.origins = []
            if hasDelivered, !half.isClosed {
                let cause: GapCause = why == .keyMissing ? .keyMissing : .framingLost
                sink.gapOfUnknownLength(
                    handle, half.half, at: half.clearNext, next: half.clearNext + 1, cause: cause,
                    translated(context, half))
                half.clearNext += 1
            }
        }
        for event in ends where !isOrphan { end(event.half, event.how, event.context, &sink, &desk) }
    }
}
