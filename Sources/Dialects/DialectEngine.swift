public import Exchanges
public import Flows
public import HTTPTypes
public import Objects

/// Turns exchanges into transfers of object bytes and object events.
///
/// A pure state machine over the calls of ``ExchangeSink``, owned by one thread. At a request's head it decides what is
/// asked and opens a transfer when the body is an object's; slices of bodies pass through without a copy; at an
/// exchange's end it concludes what happened. What the answer alone can decide (the dialect of an anonymous request,
/// the outcome of a write) waits for it; a write without a success is an attempt, and its transfer is discarded.
///
/// Memory is bounded by ``DialectLimits``.
public struct DialectEngine<Sink: ObjectSink & ~Copyable>: ~Copyable, ExchangeSink {
    /// Where transfers and events go.
    public var sink: Sink
    /// What happened so far.
    public internal(set) var counters = DialectCounters()

    private(set) var options: DialectOptions
    var knowledge: DialectKnowledge
    var table = ExchangeTable()
    var records = Slab<ExchangeRecord>()
    /// Two lanes for each record: the request's body, the answer's body.
    var lanes: [BodyLane] = []
    var captures = Slab<BodyCapture>()
    var chunked = Slab<AwsChunkedDecoder>()
    var byteRanges = Slab<ByteRangesDecoder>()
    /// Bytes held by captures, finished ones included, until their exchange ends.
    var capturedBytes = 0
    private var flows: [FlowFacts?] = []
    /// Number of the next transfer, and how far the one after it is from it.
    private var nextTransfer: UInt64
    private let transferStep: UInt64
    private var asksForAddresses: Bool

    private struct FlowFacts {
        var number: UInt64
        var text: String
        var addresses: (NetworkAddress?, NetworkAddress?)
    }

    /// An engine that has seen nothing, alone or as number `share` (from 0) of `shares`: then its transfers have numbers
    /// that no other engine of the run gives out, and `peers` bring what the others learnt.
    public init(
        options: DialectOptions, sink: consuming Sink, share: Int = 0, of shares: Int = 1,
        peers: (any DialectPeers)? = nil
    ) {
        self.options = options
        self.sink = sink
        nextTransfer = UInt64(share) + 1
        transferStep = UInt64(shares)
        knowledge = DialectKnowledge(options, peers: peers)
        asksForAddresses = options.scope.asksForAddresses
    }

    /// Judges requests by this scope from now on; what was kept stays. Connections that are open already have addresses to
    /// be judged by only if the scope before asked for them.
    public mutating func use(_ scope: Scope) {
        options.scope = scope
        asksForAddresses = scope.asksForAddresses
    }

    /// Takes what the peers learnt from packets before the one at hand: now and then, so that it does not gather.
    public mutating func learn() { knowledge.hear(waits: false) }

    /// Number of exchanges that have begun and not ended, of those that are followed.
    public var openExchanges: Int { table.count }

    /// Remembers the connection's text for ``Observation/flow``, and its addresses where a scope rule asks for them.
    public mutating func opened(_ flow: FlowHandle, _ description: FlowDescription) {
        guard flow.slot >= 0 else { return }
        let slot = Int(flow.slot)
        while flows.count <= slot { flows.append(nil) }
        let addresses =
            asksForAddresses
            ? (NetworkAddress(description.initiatorAddress), NetworkAddress(description.responderAddress))
            : (nil, nil)
        flows[slot] = FlowFacts(number: flow.number, text: description.text, addresses: addresses)
    }

    /// Forgets the connection.
    public mutating func closed(_ flow: FlowHandle) {
        let slot = Int(flow.slot)
        if flows.indices.contains(slot), flows[slot]?.number == flow.number { flows[slot] = nil }
    }

    /// Understands the request, judges its scope, and opens a transfer when its body is an object's.
    public mutating func request(
        _ exchange: ExchangeID, _ flow: FlowHandle, _ head: RequestHead, _ framing: BodyFraming,
        _ context: SegmentContext
    ) {
        guard exchange.number != 0, table.slot(of: exchange.number) == nil else { return }
        let facts = flows.indices.contains(Int(flow.slot)) ? flows[Int(flow.slot)] : nil
        let known = facts.flatMap { $0.number == flow.number ? $0 : nil }
        var record = ExchangeRecord(
            exchange: exchange, request: RequestReading(head),
            endpoint: knowledge.endpoint(of: head.authority),
            flow: known?.text ?? "flow \(flow.number)", requested: context)
        record.requestBody.framing = framing
        record.connection = ScopeConnection(host: record.authority?.host, addresses: known?.addresses ?? (nil, nil))
        guard classify(&record) else { return }
        guard table.count < options.limits.openExchanges else { return refuse(&record, context) }
        let use = useOfRequest(record)
        let slot = records.insert(record)
        while lanes.count < records.places.count * 2 { lanes.append(BodyLane()) }
        lanes[slot * 2] = BodyLane()
        lanes[slot * 2 + 1] = BodyLane()
        table.insert(exchange.number, slot: slot)
        begin(slot * 2, use)
    }

    /// Hands a slice of the request's body on.
    public mutating func requestBody(
        _ exchange: ExchangeID, _ bytes: RawSpan, at offset: UInt64, _ context: SegmentContext
    ) {
        guard let slot = table.slot(of: exchange.number) else { return }
        deliver(slot * 2, bytes, at: offset)
    }

    /// Hands a gap of the request's body on.
    public mutating func requestGap(
        _ exchange: ExchangeID, at offset: UInt64, length: UInt64?, cause: GapCause, _ context: SegmentContext
    ) {
        guard let slot = table.slot(of: exchange.number) else { return }
        miss(slot * 2, at: offset, length: length, cause: cause)
    }

    /// Closes the transfer of the request's body.
    public mutating func requestEnd(
        _ exchange: ExchangeID, _ end: BodyEnd, trailers: HTTPFields?, _ context: SegmentContext
    ) {
        guard let slot = table.slot(of: exchange.number) else { return }
        self.end(slot * 2, end, trailers)
    }

    /// Settles which dialect an undecided exchange is of, and opens a transfer when the answer's body is an object's.
    public mutating func response(
        _ exchange: ExchangeID, _ head: ResponseHead, _ framing: BodyFraming, _ context: SegmentContext
    ) {
        guard let slot = table.slot(of: exchange.number), var record = records.places[slot], record.response == nil
        else { return }
        record.response = AnswerReading(head)
        record.responseBody.framing = framing
        record.answered = context
        settle(&record)
        revise(&record)
        let operation = record.candidates.first
        let isWanted = operation.map { options.dialects.contains($0.cloud) } ?? false
        let use = isWanted && !record.isOutOfScope ? operation?.useOfResponse(record, options) : nil
        records.places[slot] = record
        begin(slot * 2 + 1, use ?? .ignored)
    }

    /// Hands a slice of the answer's body on.
    public mutating func responseBody(
        _ exchange: ExchangeID, _ bytes: RawSpan, at offset: UInt64, _ context: SegmentContext
    ) {
        guard let slot = table.slot(of: exchange.number) else { return }
        deliver(slot * 2 + 1, bytes, at: offset)
    }

    /// Hands a gap of the answer's body on.
    public mutating func responseGap(
        _ exchange: ExchangeID, at offset: UInt64, length: UInt64?, cause: GapCause, _ context: SegmentContext
    ) {
        guard let slot = table.slot(of: exchange.number) else { return }
        miss(slot * 2 + 1, at: offset, length: length, cause: cause)
    }

    /// Closes the transfer of the answer's body.
    public mutating func responseEnd(
        _ exchange: ExchangeID, _ end: BodyEnd, trailers: HTTPFields?, _ context: SegmentContext
    ) {
        guard let slot = table.slot(of: exchange.number) else { return }
        self.end(slot * 2 + 1, end, trailers)
    }

    /// Concludes what happened: events, and the discarding of transfers that none of them uses.
    public mutating func finish(_ exchange: ExchangeID, cause: GapCause?, _ context: SegmentContext) {
        guard let slot = table.slot(of: exchange.number) else { return }
        // A body that was never ended ends here: nothing more comes of it.
        let cut = BodyEnd.cut(cause ?? .captureEnded)
        if records.places[slot]?.requestBody.end == nil { end(slot * 2, cut, nil) }
        if records.places[slot]?.response != nil, records.places[slot]?.responseBody.end == nil {
            end(slot * 2 + 1, cut, nil)
        }
        table.remove(exchange.number)
        guard var record = records.remove(slot) else { return }
        record.cause = cause
        record.finished = context
        settle(&record)
        conclude(record, bodyBytes: lanes[slot * 2].bodyBytes + lanes[slot * 2 + 1].bodyBytes)
        for capture in [record.requestBody.capture, record.responseBody.capture] {
            capturedBytes -= capture?.bytes.count ?? 0
        }
    }

    /// Opens the next transfer.
    mutating func openTransfer(_ plan: TransferPlan) -> TransferID {
        counters.transfers += 1
        let transfer = TransferID(nextTransfer)
        nextTransfer += transferStep
        sink.open(transfer, plan: plan)
        return transfer
    }
}
