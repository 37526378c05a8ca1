public import Exchanges
public import Flows
public import HTTPTypes
public import Objects

/// Stands between the HTTP engine and its sink, and holds every call against the promises of ``ExchangeSink``: the order
/// of calls, body offsets that ascend without holes, and one finish for each exchange.
public struct ExchangeCheck<Inner: ExchangeSink & ~Copyable>: ExchangeSink, ~Copyable {
    private struct Body {
        /// Offset of what comes next; nil behind a gap without length.
        var next: UInt64? = 0
        var length: UInt64?
        var end: BodyEnd?

        init(_ framing: BodyFraming) {
            switch framing {
            case .none: length = 0
            case .length(let stated): length = stated
            case .chunked, .untilClose: length = nil
            }
        }
    }

    private enum Part { case request, response }

    private struct Exchange {
        var request: Body?
        var response: Body?

        subscript(part: Part) -> Body? {
            get { part == .request ? request : response }
            _modify { if part == .request { yield &request } else { yield &response } }
        }
    }

    /// Where the calls go on to.
    public var inner: Inner
    private var open: [UInt64: Exchange] = [:]
    private var lastNumber: UInt64 = 0

    /// A check that hands every call on.
    public init(_ inner: consuming Inner) { self.inner = inner }

    /// Exchanges that began and were not finished.
    public var openExchanges: Int { open.count }

    private func known(_ exchange: ExchangeID) -> Exchange {
        guard let known = open[exchange.number] else { breach("exchange \(exchange.number) is not open") }
        return known
    }

    private mutating func advance(
        _ exchange: ExchangeID, _ part: Part, _ offset: UInt64, _ length: UInt64?
    ) {
        guard let body = known(exchange)[part] else { breach("a body before its head") }
        require(body.end == nil, "more after the end of the body")
        require(length != 0, "nothing, at \(offset)")
        require(body.next == offset, "body: \(offset) where \(body.next.map(String.init) ?? "nothing") is next")
        let next = length.map { offset + $0 }
        if let stated = body.length { require(next ?? 0 <= stated, "more than the stated \(stated) bytes") }
        open[exchange.number]?[part]?.next = next
    }

    private mutating func ended(_ exchange: ExchangeID, _ part: Part, _ end: BodyEnd) {
        guard let body = known(exchange)[part] else { breach("the end of a body before its head") }
        require(body.end == nil, "a body ended twice")
        if end == .framed, let length = body.length, let next = body.next {
            require(next == length, "framed at \(next) of \(length)")
        }
        open[exchange.number]?[part]?.end = end
    }

    /// Hands on.
    public mutating func opened(_ flow: FlowHandle, _ description: FlowDescription) { inner.opened(flow, description) }

    /// Hands on.
    public mutating func closed(_ flow: FlowHandle) { inner.closed(flow) }

    /// The next number.
    public mutating func request(
        _ exchange: ExchangeID, _ flow: FlowHandle, _ head: RequestHead, _ framing: BodyFraming,
        _ context: SegmentContext
    ) {
        require(exchange.number == lastNumber + 1, "exchange \(exchange.number) after \(lastNumber)")
        lastNumber = exchange.number
        open[exchange.number] = Exchange(request: Body(framing))
        inner.request(exchange, flow, head, framing, context)
    }

    /// Payload at the body's next offset.
    public mutating func requestBody(
        _ exchange: ExchangeID, _ bytes: RawSpan, at offset: UInt64, _ context: SegmentContext
    ) {
        advance(exchange, .request, offset, UInt64(bytes.byteCount))
        inner.requestBody(exchange, bytes, at: offset, context)
    }

    /// A gap at the body's next offset.
    public mutating func requestGap(
        _ exchange: ExchangeID, at offset: UInt64, length: UInt64?, cause: GapCause, _ context: SegmentContext
    ) {
        advance(exchange, .request, offset, length)
        inner.requestGap(exchange, at: offset, length: length, cause: cause, context)
    }

    /// The body's only end.
    public mutating func requestEnd(
        _ exchange: ExchangeID, _ end: BodyEnd, trailers: HTTPFields?, _ context: SegmentContext
    ) {
        ended(exchange, .request, end)
        inner.requestEnd(exchange, end, trailers: trailers, context)
    }

    /// The only response.
    public mutating func response(
        _ exchange: ExchangeID, _ head: ResponseHead, _ framing: BodyFraming, _ context: SegmentContext
    ) {
        require(known(exchange).response == nil, "exchange \(exchange.number) answered twice")
        open[exchange.number]?.response = Body(framing)
        inner.response(exchange, head, framing, context)
    }

    /// Payload at the body's next offset.
    public mutating func responseBody(
        _ exchange: ExchangeID, _ bytes: RawSpan, at offset: UInt64, _ context: SegmentContext
    ) {
        advance(exchange, .response, offset, UInt64(bytes.byteCount))
        inner.responseBody(exchange, bytes, at: offset, context)
    }

    /// A gap at the body's next offset.
    public mutating func responseGap(
        _ exchange: ExchangeID, at offset: UInt64, length: UInt64?, cause: GapCause, _ context: SegmentContext
    ) {
        advance(exchange, .response, offset, length)
        inner.responseGap(exchange, at: offset, length: length, cause: cause, context)
    }

    /// The body's only end.
    public mutating func responseEnd(
        _ exchange: ExchangeID, _ end: BodyEnd, trailers: HTTPFields?, _ context: SegmentContext
    ) {
        ended(exchange, .response, end)
        inner.responseEnd(exchange, end, trailers: trailers, context)
    }

    /// The exchange's only finish, after both bodies ended.
    public mutating func finish(_ exchange: ExchangeID, cause: GapCause?, _ context: SegmentContext) {
        let known = known(exchange)
        require(known.request?.end != nil, "finished before the request ended")
        require(known.response == nil || known.response?.end != nil, "finished before the response ended")
        let isFramed = known.request?.end == .framed && known.response?.end == .framed
        require((cause == nil) == isFramed, "cause \(cause.map { "\($0)" } ?? "nil") where framed is \(isFramed)")
        open[exchange.number] = nil
        inner.finish(exchange, cause: cause, context)
    }
}
