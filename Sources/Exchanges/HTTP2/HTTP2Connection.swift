import Flows
import Objects

/// One connection of HTTP/2 (RFC 9113): its two half-connections and its open streams.
///
/// Frames are read in place; DATA is handed on as slices of the spans that arrive. Flow control is not obeyed, since both
/// sides have done so, and only checked.
struct HTTP2Connection {
    /// The connection preface (RFC 9113 §3.4).
    static let preface: StaticString = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

    let handle: FlowHandle
    /// The half that sends requests: a guess until `rolesKnown`.
    var clientHalf: HalfConnection
    var rolesKnown: Bool
    var initiator: HTTP2Half
    var responder: HTTP2Half
    var streams = HTTP2StreamTable()
    /// The highest stream that the client opened.
    var lastStream: UInt32 = 0
    /// Bytes that arrived.
    var receivedBytes: UInt64 = 0
    /// True once a request was reported.
    var hasExchanges = false
    /// Why the connection is passed over from here on, if it is.
    var givenUp: GapCause?
    /// Bytes taken from the budget of header tables.
    var tableBytesReserved: Int
    /// Requests that were not reported and are not known to be answered: nothing says what their answers are.
    var unnamedStreams: Set<UInt32> = []
    /// True when the client lets nothing be pushed (RFC 9113 §6.5.2).
    var refusesPush = false
    /// True once the server sent an interim response of its own accord (RFC 8297).
    var sendsHints = false
    /// True while bodies may be in doubt.
    var hasTails = false
    /// When the second began in which resets are counted, and how many there were.
    var resetsSince: UInt64 = 0
    var resets = 0

    /// A connection whose first bytes are the next; nil when the budget of header tables is spent.
    init?(
        _ handle: FlowHandle, clientHalf: HalfConnection, rolesKnown: Bool, isWhole: Bool,
        next: (initiator: UInt64, responder: UInt64), _ desk: inout Desk
    ) {
        let table = min(4_096, desk.limits.headerTableBytes)
        guard desk.reserveTables(2 * table) else { return nil }
        self.handle = handle
        self.clientHalf = clientHalf
        self.rolesKnown = rolesKnown
        tableBytesReserved = 2 * table
        let decoder = HeaderDecoder(tableBytes: table, listBytes: desk.limits.headerBytes, isWhole: isWhole)
        initiator = HTTP2Half(next: next.initiator, decoder: decoder)
        responder = HTTP2Half(next: next.responder, decoder: decoder)
        desk.counters.http2.connections += 1
    }

    /// The state of one half.
    subscript(half: HalfConnection) -> HTTP2Half {
        // Lent, not copied: there are arrays and tables in it.
        _read {
            if half == .fromInitiator { yield initiator } else { yield responder }
        }
        _modify {
            if half == .fromInitiator { yield &initiator } else { yield &responder }
        }
    }

    var serverHalf: HalfConnection { clientHalf.opposite }

    /// Expects the client's preface.
    mutating func expectPreface() {
        self[clientHalf].phase = .preface
        self[clientHalf].remaining = Self.preface.utf8CodeUnitCount
    }

    /// Expects frames of any kind, since the first ones may have passed before the capture began. Of this half a frame
    /// comes next; where the other one stands is not known.
    mutating func beginInMiddle(_ half: HalfConnection) {
        for each in [half, half.opposite] {
            self[each].isFirstFrame = false
            self[each].hasLost = true
            self[each].frameLengthMax = FrameHeader.lengthMax
        }
        self[half.opposite].phase = .lost
    }

    /// Takes over the request that HTTP/1.1 was upgraded with: it is stream 1, and half closed (RFC 7540 §3.2).
    mutating func adopt(_ exchange: OpenExchange) {
        var stream = HTTP2Stream(id: 1, exchange: exchange.id, isBodiless: exchange.isHead)
        stream.request.phase = .ended
        stream.request.cause = exchange.requestCause
        _ = streams.insert(stream)
        lastStream = 1
        hasExchanges = true
    }

    /// Takes a run of ordered bytes. False when the connection is passed over from here on.
    mutating func receive<Sink: ExchangeSink & ~Copyable>(
        _ bytes: RawSpan, _ run: Run, _ sink: inout Sink, _ desk: inout Desk
    ) -> Bool {
        if continueData(bytes, run, &sink) { return true }
        var position = 0
        if !self[run.half].hasBegun {
            self[run.half].hasBegun = true
            self[run.half].next = run.offset
        }
        let due = self[run.half].next
        if run.offset > due {
            miss(run.half, at: due, length: run.offset - due, cause: .notCaptured, run.context, &sink, &desk)
        } else {
            guard due - run.offset < UInt64(bytes.byteCount) else { return givenUp == nil }
            position = Int(due - run.offset)
        }
        receivedBytes += UInt64(bytes.byteCount - position)
        while givenUp == nil, position < bytes.byteCount { step(bytes, &position, run, &sink, &desk) }
        self[run.half].next = run.offset(of: bytes.byteCount)
        return givenUp == nil
    }

    /// The hot path: a run that lies inside the data of a DATA frame is handed on as it is. False when it is anything
    /// else.
    @inline(__always)
    private mutating func continueData<Sink: ExchangeSink & ~Copyable>(
        _ bytes: RawSpan, _ run: Run, _ sink: inout Sink
    ) -> Bool {
        let count = bytes.byteCount
        let isInitiator = run.half == .fromInitiator
        let slot =
            isInitiator
            ? initiator.slotForData(count, at: run.offset) : responder.slotForData(count, at: run.offset)
        let isRequest = run.half == clientHalf
        guard slot >= 0, let place = streams.advance(slot, isRequest, UInt64(count)) else { return false }
        if isInitiator { initiator.passData(count) } else { responder.passData(count) }
        receivedBytes += UInt64(count)
        if isRequest {
            sink.requestBody(place.exchange, bytes, at: place.offset, run.context)
        } else {
            sink.responseBody(place.exchange, bytes, at: place.offset, run.context)
        }
        return true
    }

    /// Passes the connection over from here on: what is open is finished as cut.
    mutating func giveUp<Sink: ExchangeSink & ~Copyable>(
        _ cause: GapCause, _ context: SegmentContext, _ sink: inout Sink, _ desk: inout Desk
    ) {
        guard givenUp == nil else { return }
        givenUp = cause
        for slot in streams.openSlots { abandon(slot, cause, context, &sink, &desk) }
    }

    /// Gives back what the connection took from budgets. It is not used again.
    mutating func release(_ desk: inout Desk) {
        initiator.dropBlock(&desk)
        responder.dropBlock(&desk)
        initiator.held.removeAll(&desk)
        responder.held.removeAll(&desk)
        desk.releaseTables(tableBytesReserved)
        tableBytesReserved = 0
    }
}
