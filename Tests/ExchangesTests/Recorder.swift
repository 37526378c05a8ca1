import Exchanges
import Flows
import HTTPTypes
import Objects
import Testing

/// One body as the sink got it.
struct RecordedBody: Equatable {
    struct Missing: Equatable {
        var offset: UInt64
        var length: UInt64?
        var cause: GapCause
    }

    /// Payload by offset; missing bytes are zero.
    var bytes: [UInt8] = []
    var missing: [Missing] = []
    var end: BodyEnd?
    var trailers: HTTPFields?

    var text: String { String(decoding: bytes, as: UTF8.self) }

    mutating func append(_ span: RawSpan, at offset: UInt64) {
        #expect(end == nil, "bytes after the end")
        #expect(offset == UInt64(bytes.count), "bytes out of place")
        span.withUnsafeBytes { bytes += $0 }
    }

    mutating func append(gapAt offset: UInt64, _ length: UInt64?, _ cause: GapCause) {
        #expect(end == nil, "gap after the end")
        #expect(offset == UInt64(bytes.count), "gap out of place")
        #expect(missing.last.map { $0.length != nil } ?? true, "something after a gap without length")
        missing.append(Missing(offset: offset, length: length, cause: cause))
        bytes += [UInt8](repeating: 0, count: Int(length ?? 0))
    }
}

/// One exchange as the sink got it.
struct RecordedExchange: Equatable {
    var head: RequestHead
    var framing: BodyFraming
    var request = RecordedBody()
    var responseHead: ResponseHead?
    var responseFraming: BodyFraming?
    var response = RecordedBody()
    var isFinished = false
    var cause: GapCause?

    /// The path that the response says it answers.
    var answers: String? { responseHead?.fields.first { $0.name.canonicalName == "x-answers" }?.value }
    var path: String { String(decoding: head.rawPath, as: UTF8.self) }
    /// True when both messages ended framed and nothing is missing.
    var isWhole: Bool {
        isFinished && cause == nil && request.missing.isEmpty && response.missing.isEmpty && responseHead != nil
    }
}

/// Keeps what it is told, and holds every call against the order the protocol promises.
struct Recorder: ExchangeSink, ~Copyable {
    var exchanges: [ExchangeID: RecordedExchange] = [:]
    var order: [ExchangeID] = []
    var calls = 0

    /// The exchanges in the order in which they began.
    var all: [RecordedExchange] { order.compactMap { exchanges[$0] } }

    mutating func request(
        _ exchange: ExchangeID, _ flow: FlowHandle, _ head: RequestHead, _ framing: BodyFraming,
        _ context: SegmentContext
    ) {
        calls += 1
        #expect(exchanges[exchange] == nil && exchange.number == UInt64(order.count + 1))
        order.append(exchange)
        exchanges[exchange] = RecordedExchange(head: head, framing: framing)
    }

    mutating func requestBody(
        _ exchange: ExchangeID, _ bytes: RawSpan, at offset: UInt64, _ context: SegmentContext
    ) {
        calls += 1
        check(exchange)
        exchanges[exchange]?.request.append(bytes, at: offset)
    }

    mutating func requestGap(
        _ exchange: ExchangeID, at offset: UInt64, length: UInt64?, cause: GapCause, _ context: SegmentContext
    ) {
        check(exchange)
        exchanges[exchange]?.request.append(gapAt: offset, length, cause)
    }

    mutating func requestEnd(
        _ exchange: ExchangeID, _ end: BodyEnd, trailers: HTTPFields?, _ context: SegmentContext
    ) {
        check(exchange)
        #expect(exchanges[exchange]?.request.end == nil)
        exchanges[exchange]?.request.end = end
        exchanges[exchange]?.request.trailers = trailers
    }

    mutating func response(
        _ exchange: ExchangeID, _ head: ResponseHead, _ framing: BodyFraming, _ context: SegmentContext
    ) {
        check(exchange)
        #expect(exchanges[exchange]?.responseHead == nil)
        exchanges[exchange]?.responseHead = head
        exchanges[exchange]?.responseFraming = framing
    }

    mutating func responseBody(
        _ exchange: ExchangeID, _ bytes: RawSpan, at offset: UInt64, _ context: SegmentContext
    ) {
        calls += 1
        check(exchange)
        #expect(exchanges[exchange]?.responseHead != nil)
        exchanges[exchange]?.response.append(bytes, at: offset)
    }

    mutating func responseGap(
        _ exchange: ExchangeID, at offset: UInt64, length: UInt64?, cause: GapCause, _ context: SegmentContext
    ) {
        check(exchange)
        #expect(exchanges[exchange]?.responseHead != nil)
        exchanges[exchange]?.response.append(gapAt: offset, length, cause)
    }

    mutating func responseEnd(
        _ exchange: ExchangeID, _ end: BodyEnd, trailers: HTTPFields?, _ context: SegmentContext
    ) {
        check(exchange)
        #expect(exchanges[exchange]?.responseHead != nil && exchanges[exchange]?.response.end == nil)
        exchanges[exchange]?.response.end = end
        exchanges[exchange]?.response.trailers = trailers
    }

    mutating func finish(_ exchange: ExchangeID, cause: GapCause?, _ context: SegmentContext) {
        check(exchange)
        let recorded = exchanges[exchange]
        #expect(recorded?.request.end != nil, "finished before the request ended")
        #expect(recorded?.responseHead == nil || recorded?.response.end != nil, "finished before the response ended")
        let isFramed =
            recorded?.request.end == .framed && recorded?.response.end == .framed && recorded?.responseHead != nil
        #expect((cause == nil) == isFramed, "nil exactly when both ended framed")
        exchanges[exchange]?.isFinished = true
        exchanges[exchange]?.cause = cause
    }

    private func check(_ exchange: ExchangeID) {
        #expect(exchanges[exchange]?.isFinished == false, "call for an exchange that is not open")
    }
}
