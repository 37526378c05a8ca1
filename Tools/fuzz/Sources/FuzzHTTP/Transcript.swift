import Exchanges
import Flows
import HTTPTypes
import Objects

/// Writes exchanges down so that two readings of the same bytes can be compared, and hands them on.
struct Transcript<Inner: ExchangeSink & ~Copyable>: ExchangeSink, ~Copyable {
    struct Body: Equatable {
        var framing: BodyFraming
        var bytes: [UInt8] = []
        var gaps: [[UInt64?]] = []
        var end: BodyEnd?
        var trailers: HTTPFields?

        init(_ framing: BodyFraming) { self.framing = framing }

        mutating func append(_ span: RawSpan) { span.withUnsafeBytes { bytes += $0 } }

        /// Notes a gap; one that comes in parts is one.
        mutating func miss(_ offset: UInt64, _ length: UInt64?) {
            if let last = gaps.last, let start = last[0], let count = last[1], start + count == offset {
                gaps[gaps.count - 1] = [start, length.map { count + $0 }]
            } else {
                gaps.append([offset, length])
            }
        }
    }

    struct Exchange: Equatable {
        var head: RequestHead
        var request: Body
        var responseHead: ResponseHead?
        var response: Body?
        var cause: GapCause?
    }

    var inner: Inner
    var exchanges: [Exchange] = []

    init(_ inner: consuming Inner) { self.inner = inner }

    private func index(_ exchange: ExchangeID) -> Int { Int(exchange.number) - 1 }

    mutating func opened(_ flow: FlowHandle, _ description: FlowDescription) { inner.opened(flow, description) }
    mutating func closed(_ flow: FlowHandle) { inner.closed(flow) }
    mutating func request(
        _ exchange: ExchangeID, _ flow: FlowHandle, _ head: RequestHead, _ framing: BodyFraming,
        _ context: SegmentContext
    ) {
        exchanges.append(Exchange(head: head, request: Body(framing)))
        inner.request(exchange, flow, head, framing, context)
    }
    mutating func requestBody(
        _ exchange: ExchangeID, _ bytes: RawSpan, at offset: UInt64, _ context: SegmentContext
    ) {
        exchanges[index(exchange)].request.append(bytes)
        inner.requestBody(exchange, bytes, at: offset, context)
    }
    mutating func requestGap(
        _ exchange: ExchangeID, at offset: UInt64, length: UInt64?, cause: GapCause, _ context: SegmentContext
    ) {
        exchanges[index(exchange)].request.miss(offset, length)
        inner.requestGap(exchange, at: offset, length: length, cause: cause, context)
    }
    mutating func requestEnd(
        _ exchange: ExchangeID, _ end: BodyEnd, trailers: HTTPFields?, _ context: SegmentContext
    ) {
        exchanges[index(exchange)].request.end = end
        exchanges[index(exchange)].request.trailers = trailers
        inner.requestEnd(exchange, end, trailers: trailers, context)
    }
    mutating func response(
        _ exchange: ExchangeID, _ head: ResponseHead, _ framing: BodyFraming, _ context: SegmentContext
    ) {
        exchanges[index(exchange)].responseHead = head
        exchanges[index(exchange)].response = Body(framing)
        inner.response(exchange, head, framing, context)
    }
    mutating func responseBody(
        _ exchange: ExchangeID, _ bytes: RawSpan, at offset: UInt64, _ context: SegmentContext
    ) {
        exchanges[index(exchange)].response?.append(bytes)
        inner.responseBody(exchange, bytes, at: offset, context)
    }
    mutating func responseGap(
        _ exchange: ExchangeID, at offset: UInt64, length: UInt64?, cause: GapCause, _ context: SegmentContext
    ) {
        exchanges[index(exchange)].response?.miss(offset, length)
        inner.responseGap(exchange, at: offset, length: length, cause: cause, context)
    }
    mutating func responseEnd(
        _ exchange: ExchangeID, _ end: BodyEnd, trailers: HTTPFields?, _ context: SegmentContext
    ) {
        exchanges[index(exchange)].response?.end = end
        exchanges[index(exchange)].response?.trailers = trailers
        inner.responseEnd(exchange, end, trailers: trailers, context)
    }
    mutating func finish(_ exchange: ExchangeID, cause: GapCause?, _ context: SegmentContext) {
        exchanges[index(exchange)].cause = cause
        inner.finish(exchange, cause: cause, context)
    }
}
