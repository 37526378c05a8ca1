public import Flows
public import HTTPTypes
public import Objects

/// One request and its response; numbers count up from 1 in the order in which requests begin.
public struct ExchangeID: Hashable, Sendable {
    /// The number.
    public var number: UInt64

    /// The exchange of this number.
    public init(_ number: UInt64) { self.number = number }
}

/// How a body's end is known (RFC 9112 §6.3, RFC 9113 §8.1).
public enum BodyFraming: Sendable, Hashable {
    /// There is no body.
    case none
    /// `Content-Length`.
    case length(UInt64)
    /// Piece by piece up to a last one: `Transfer-Encoding: chunked`, or DATA frames without `Content-Length`.
    case chunked
    /// The response ends with the connection.
    case untilClose
}

/// How a body ended.
public enum BodyEnd: Sendable, Hashable {
    /// The framing was followed to its end (gaps inside may have been reported).
    case framed
    /// The end was not seen; what follows the last byte or gap reported is missing.
    case cut(GapCause)
}

/// Where the parser sends exchanges.
///
/// Per exchange the order is: `request`, its body calls, `requestEnd`; `response`, its body calls, `responseEnd`; and
/// last `finish`. A response may begin before its request has ended. Interim responses (1xx but 101) are not reported.
/// Body offsets count the payload after transfer coding was removed. Spans are valid for the call only.
public protocol ExchangeSink: ~Copyable {
    /// A flow began. Called once, before the flow's first `request`, so that a sink can name the connection and judge
    /// its addresses. Sinks that need neither keep the default, which does nothing.
    mutating func opened(_ flow: FlowHandle, _ description: FlowDescription)
    /// Both halves of the flow ended and every exchange of it was finished: the slot is free after this call. The
    /// default does nothing.
    mutating func closed(_ flow: FlowHandle)
    /// A request's head was read.
    mutating func request(
        _ exchange: ExchangeID, _ flow: FlowHandle, _ head: RequestHead, _ framing: BodyFraming,
        _ context: SegmentContext)
    /// Bytes of the request's body.
    mutating func requestBody(
        _ exchange: ExchangeID, _ bytes: RawSpan, at offset: UInt64, _ context: SegmentContext)
    /// Bytes of the request's body that are missing; `length` nil: from here to the body's end, wherever that is.
    mutating func requestGap(
        _ exchange: ExchangeID, at offset: UInt64, length: UInt64?, cause: GapCause, _ context: SegmentContext)
    /// The request's body ended; trailers if there were any.
    mutating func requestEnd(
        _ exchange: ExchangeID, _ end: BodyEnd, trailers: HTTPFields?, _ context: SegmentContext)
    /// A final response's head was read and belongs to this request.
    mutating func response(
        _ exchange: ExchangeID, _ head: ResponseHead, _ framing: BodyFraming, _ context: SegmentContext)
    /// Bytes of the response's body.
    mutating func responseBody(
        _ exchange: ExchangeID, _ bytes: RawSpan, at offset: UInt64, _ context: SegmentContext)
    /// Bytes of the response's body that are missing; `length` nil: from here to the body's end, wherever that is.
    mutating func responseGap(
        _ exchange: ExchangeID, at offset: UInt64, length: UInt64?, cause: GapCause, _ context: SegmentContext)
    /// The response's body ended.
    mutating func responseEnd(
        _ exchange: ExchangeID, _ end: BodyEnd, trailers: HTTPFields?, _ context: SegmentContext)
    /// Nothing more comes of this exchange. `cause` says why a response is missing or cut; nil when both ended framed.
    mutating func finish(_ exchange: ExchangeID, cause: GapCause?, _ context: SegmentContext)
}

extension ExchangeSink where Self: ~Copyable {
    /// Ignores the flow.
    public mutating func opened(_ flow: FlowHandle, _ description: FlowDescription) {}
    /// Ignores the flow.
    public mutating func closed(_ flow: FlowHandle) {}
}
