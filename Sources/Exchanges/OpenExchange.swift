import Flows
import Objects

/// A request that was reported and whose exchange is not finished.
struct OpenExchange {
    /// Its number.
    var id: ExchangeID
    /// Offset in the client's half behind its head.
    var headEnd: UInt64
    /// Offset in the client's half behind the request, once its framing was followed to the end.
    var end: UInt64?
    /// Offset in the server's half at which its answer begins, when the client waits for one response before it sends
    /// the next request; nil when unknown.
    var anchor: UInt64?
    /// How its body ends.
    var framing: BodyFraming
    /// See ``RequestMessage``.
    var isHead: Bool
    /// See ``RequestMessage``.
    var isConnect: Bool
    /// True while the client may still wait for `100 Continue`.
    var awaitsContinue: Bool
    /// True once the request's end was reported.
    var requestEnded = false
    /// True once the response was reported.
    var responseBegun = false
    /// Offset in the server's half behind the response, once its end was reported.
    var responseEnd: UInt64?
    /// Why the request was cut.
    var requestCause: GapCause?
    /// Why the response was cut.
    var responseCause: GapCause?
}

/// A whole request that stands where one may begin, though nothing proves yet that it is one: see the layer's README.
struct Probation {
    var message: RequestMessage
    var start: UInt64
    var headEnd: UInt64
    /// Behind the request, or behind its head when it waits for `100 Continue`.
    var end: UInt64
    /// Where its answer must begin.
    var anchor: UInt64
    /// Its body, held until it is believed.
    var body: [UInt8]
    var context: SegmentContext
}
