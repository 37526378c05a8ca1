internal import Exchanges
internal import Flows
internal import Objects

/// What a dialect wants done with a body.
enum BodyUse {
    /// Nothing: its bytes are not looked at.
    case ignored
    /// It is payload of an object.
    case payload(TransferPlan)
    /// It is payload inside aws-chunked framing.
    case awsChunked(TransferPlan)
    /// It is read whole, up to so many bytes.
    case captured(limit: Int)
    /// It is several ranges of an object between boundaries.
    case byteRanges(boundary: [UInt8])
}

/// One body of an exchange, as far as it was read.
struct BodyRecord {
    /// How its end is known.
    var framing = BodyFraming.none
    /// How it ended; nil as long as it has not.
    var end: BodyEnd?
    /// The transfer that carries it; nil when it is no payload.
    var transfer: TransferID?
    /// The payload's length when it is sure: announced, or framed to its end.
    var length: UInt64?
    /// Offset in the body after the last byte or gap.
    var reached: UInt64 = 0
    /// Payload bytes received.
    var received: UInt64 = 0
    /// The body as it was read whole; nil when it was not asked for.
    var capture: BodyCapture?
    /// Trailer fields, of HTTP or of aws-chunked, digests only.
    var trailers = HeadFields()
    /// The transfers of a multipart/byteranges answer.
    var ranges: [(transfer: TransferID, place: ContentRange)] = []

    /// True when the body was followed to its end.
    var isFramed: Bool { end == .framed }

    /// True when the body is not what an answer of this range announced.
    func contradicts(_ range: ContentRange) -> Bool {
        if reached > range.length { return true }
        return isFramed && length.map { $0 != range.length } ?? false
    }

    /// Changes the record in place.
    mutating func apply(_ change: (inout BodyRecord) -> Void) { change(&self) }

    /// The body as an XML document; nil when it was not captured or is none.
    func document(_ limits: DialectLimits) -> XMLDocument? {
        capture.flatMap {
            XMLDocument($0.bytes, elementLimit: limits.xmlElements, depthLimit: limits.xmlDepth)
        }
    }
}

/// An exchange between its request's head and its end: everything that a dialect concludes from.
struct ExchangeRecord {
    /// Its number.
    var exchange: ExchangeID
    /// The request's head.
    var request: RequestReading
    /// The host it names; nil when it names none that a name could carry.
    var endpoint: EndpointKnowledge.Endpoint?
    /// The host and port.
    var authority: Authority? { endpoint?.authority }
    /// What the request asks, in the dialects that it may be of; one of them once the answer has begun.
    var candidates: [DialectOperation] = []
    /// True when the scope excludes it.
    var isOutOfScope = false
    /// The request's body.
    var requestBody = BodyRecord()
    /// The answer's head; nil until it was seen.
    var response: AnswerReading?
    /// The answer's body.
    var responseBody = BodyRecord()
    /// What scope rules ask for.
    var connection = ScopeConnection()
    /// The connection's text.
    var flow: String
    /// When the request's head was seen.
    var requested: SegmentContext
    /// When the answer's head was seen.
    var answered: SegmentContext?
    /// When the exchange ended.
    var finished: SegmentContext?
    /// Why the answer is missing or cut.
    var cause: GapCause?

    /// The status; nil without an answer.
    var status: Int? { response?.status }

    /// True for an answer of 200 to 299.
    var hasSucceeded: Bool { status.map { (200...299).contains($0) } ?? false }

    /// Where and when it was decided: at the answer's head, or for outcomes that only the answer's body tells
    /// (`inBody`), at its end; without an answer at the exchange's end.
    func seen(inBody: Bool = false) -> Observation {
        let head = inBody ? nil : answered
        let decisive = head ?? finished ?? answered ?? requested
        return Observation(time: decisive.time, firstTime: requested.time, packet: decisive.packet, flow: flow)
    }

    /// Why nothing came of it, in words for a person.
    func failure(code: String?) -> String {
        if let status {
            switch status {
            case 202: return "accepted, but not done when answered"
            case 207: return "answered in parts"
            case 304: return "not modified"
            case 412: return "precondition failed"
            case 416: return "range not satisfiable"
            default: return code.map { "refused: \($0)" } ?? "refused"
            }
        }
        let lost = requestBody.end.flatMap { if case .cut(let cause) = $0 { cause } else { nil } } ?? cause
        switch lost {
        case .connectionEnded:
            guard !requestBody.isFramed else { return "connection ended before the answer" }
            let announced = requestBody.length.map { " of \($0)" } ?? ""
            return "client aborted after \(requestBody.received)\(announced) bytes"
        case .captureEnded: return "capture ended before the answer"
        case .some(let lost): return "answer not seen: \(lost.rawValue)"
        case nil: return "answer not seen"
        }
    }
}
