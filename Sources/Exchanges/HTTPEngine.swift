public import Flows
public import Objects

/// Turns the ordered bytes of flows into exchanges of HTTP/1.1 and HTTP/2 (RFC 9110, RFC 9112, RFC 9113) and pushes them
/// into its sink.
///
/// One thread owns the engine and its sink. It does no I/O and reads no clock. Bodies are handed on as slices of the
/// spans that arrive; memory is bounded by ``ExchangeLimits``.
public struct HTTPEngine<Sink: ExchangeSink & ~Copyable>: ~Copyable, StreamSink {
    var flows: [FlowState] = []
    /// HTTP/2 connections, in slots that are used again.
    var connections: [HTTP2Connection?] = []
    var freeConnections: [Int32] = []
    var desk: Desk
    /// Where the exchanges go.
    public var sink: Sink

    /// An engine that has seen nothing.
    public init(limits: ExchangeLimits = ExchangeLimits(), sink: consuming Sink) {
        desk = Desk(limits)
        self.sink = sink
    }

    /// What was done so far.
    public var counters: ExchangeCounters { desk.counters }

    /// True when no flow is open and nothing is taken from any budget: what is reserved for a flow goes back when it
    /// closes.
    public var isIdle: Bool {
        flows.allSatisfy { $0.number == 0 } && desk.openTotal == 0 && desk.partialBytes == 0
            && desk.tailBytes == 0
            && desk.headerTableBytes == 0
    }

    /// The limits in force.
    public var limits: ExchangeLimits { desk.limits }

    /// Gives up the engine for its sink.
    public consuming func takeSink() -> Sink { sink }

    /// A flow begins; the slot's former flow, should it be open, ends.
    public mutating func open(_ flow: FlowHandle, _ description: FlowDescription, _ context: SegmentContext) {
        let slot = Int(flow.slot)
        guard slot >= 0, slot < desk.limits.flows else {
            desk.counters.flowLimit += 1
            desk.counters[opaque: .overFlowLimit].flows += 1
            return
        }
        while flows.count <= slot { flows.append(FlowState()) }
        if flows[slot].number != 0 {
            end(slot, context)
            sink.closed(FlowHandle(slot: flow.slot, number: flows[slot].number))
        }
        flows[slot] = FlowState(flow, startedMidStream: description.startedMidStream)
        sink.opened(flow, description)
    }

    /// Ordered bytes.
    public mutating func bytes(
        _ flow: FlowHandle, _ half: HalfConnection, _ bytes: RawSpan, at offset: UInt64, isSegmentStart: Bool,
        _ context: SegmentContext
    ) {
        let slot = Int(flow.slot)
        guard slot >= 0, slot < flows.count, flows[slot].number == flow.number else {
            desk.counters[opaque: .overFlowLimit].bytes += UInt64(bytes.byteCount)
            return
        }
        let run = Run(half: half, offset: offset, isSegmentStart: isSegmentStart, context: context)
        if flows[slot].continueBody(bytes, run, &sink, &desk) { return }
        if flows[slot].connection >= 0 { return receiveFrames(slot, bytes, run) }
        let used = flows[slot].receive(bytes, run, &sink, &desk)
        if flows[slot].isHandedOver { beginFrames(slot, bytes, used, run) }
    }

    /// Bytes that will never come.
    public mutating func gap(
        _ flow: FlowHandle, _ half: HalfConnection, at offset: UInt64, length: UInt64, cause: GapCause,
        _ context: SegmentContext
    ) {
        guard let slot = slot(of: flow) else { return }
        if flows[slot].connection >= 0 { return missFrames(slot, half, at: offset, length: length, cause, context) }
        flows[slot].miss(half, at: offset, length: length, cause: cause, context, &sink, &desk)
    }

    /// Bytes of unknown number that will never come.
    public mutating func gapOfUnknownLength(
        _ flow: FlowHandle, _ half: HalfConnection, at offset: UInt64, next: UInt64, cause: GapCause,
        _ context: SegmentContext
    ) {
        guard let slot = slot(of: flow) else { return }
        if flows[slot].connection >= 0 { return missUnknownFrames(slot, half, next: next, cause, context) }
        flows[slot].missUnknown(half, at: offset, next: next, cause: cause, context, &sink, &desk)
    }

    /// The half-connection ended.
    public mutating func end(
        _ flow: FlowHandle, _ half: HalfConnection, _ reason: StreamEnd, _ context: SegmentContext
    ) {
        guard let slot = slot(of: flow) else { return }
        if flows[slot].connection >= 0 { return finishFrames(slot, half, reason, context) }
        flows[slot].finish(half, reason, context, &sink, &desk)
    }

    /// The flow ended: its exchanges are finished and its slot is free.
    public mutating func close(_ flow: FlowHandle, _ context: SegmentContext) {
        guard let slot = slot(of: flow) else { return }
        end(slot, context)
        flows[slot] = FlowState()
        sink.closed(flow)
    }

    private mutating func end(_ slot: Int, _ context: SegmentContext) {
        if flows[slot].connection >= 0 { closeFrames(slot, context) }
        flows[slot].close(context, &sink, &desk)
    }

    private func slot(of flow: FlowHandle) -> Int? {
        let slot = Int(flow.slot)
        return slot >= 0 && slot < flows.count && flows[slot].number == flow.number ? slot : nil
    }
}

extension FlowState {
    /// The hot path: a run that lies inside a body of known length or inside a chunk is handed on as it is. False when
    /// it is anything else.
    @inline(__always)
    fileprivate mutating func continueBody<Sink: ExchangeSink & ~Copyable>(
        _ bytes: RawSpan, _ run: Run, _ sink: inout Sink, _ desk: inout Desk
    ) -> Bool {
        let count = UInt64(bytes.byteCount)
        let isClient = run.half == clientHalf
        guard opaque == nil, let payload = self[run.half].takePayload(count, run) else { return false }
        lastSpeaker = run.half
        if isClient {
            sink.requestBody(payload.exchange, bytes, at: payload.offset, run.context)
        } else {
            sink.responseBody(payload.exchange, bytes, at: payload.offset, run.context)
        }
        return true
    }
}

extension HalfState {
    /// Takes `count` bytes as payload when the body goes on behind them; nil, and nothing happened, when not.
    @inline(__always)
    fileprivate mutating func takePayload(_ count: UInt64, _ run: Run) -> (exchange: ExchangeID, offset: UInt64)? {
        // The first bytes of a body tell more than payload: see `noteLostInterim`.
        guard phase == .length || phase == .chunkData, run.offset == next, count < remaining, count > 0, bodyOffset > 0
        else { return nil }
        let offset = bodyOffset
        remaining -= count
        bodyOffset += count
        next += count
        acknowledged = run.context.acknowledged
        if let acknowledged { acknowledgedMax = max(acknowledgedMax, acknowledged) }
        return (exchange, offset)
    }
}
