import Exchanges
import Flows
import HTTPTypes
import Objects

@testable import Dialects

/// An answer as a script gives it.
struct Answer {
    var status: Int
    var fields: [(String, String)] = []
    var body: [UInt8] = []
    var framing: BodyFraming?
    var trailers: [(String, String)] = []

    init(_ status: Int, _ fields: [(String, String)] = [], _ body: String = "", framing: BodyFraming? = nil) {
        self.init(status, fields, bytes: Array(body.utf8), framing: framing)
    }

    init(_ status: Int, _ fields: [(String, String)] = [], bytes: [UInt8], framing: BodyFraming? = nil) {
        self.status = status
        self.fields = fields
        self.body = bytes
        self.framing = framing
    }
}

/// A request as a script gives it: `target` is the path as sent, with its query.
struct Request {
    var method: String
    var target: String
    var host: String? = "10.0.0.9"
    var fields: [(String, String)] = []
    var body: [UInt8] = []
    var framing: BodyFraming?
    var trailers: [(String, String)] = []
    var credentials: CredentialScheme? = .awsSignatureV4
    var hasCustomerKey = false

    init(
        _ method: String, _ target: String, host: String? = "10.0.0.9", _ fields: [(String, String)] = [],
        _ body: String = "", framing: BodyFraming? = nil, credentials: CredentialScheme? = .awsSignatureV4,
        hasCustomerKey: Bool = false
    ) {
        self.method = method
        self.target = target
        self.host = host
        self.fields = fields
        self.body = Array(body.utf8)
        self.framing = framing
        self.credentials = credentials
        self.hasCustomerKey = hasCustomerKey
    }

    func anonymous() -> Request {
        var copy = self
        copy.credentials = nil
        return copy
    }

    func with(bytes: [UInt8]) -> Request {
        var copy = self
        copy.body = bytes
        return copy
    }

    var head: RequestHead {
        let halves = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var query: [QueryItem] = []
        for pair in halves.count == 2 ? halves[1].split(separator: "&") : [] {
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map {
                String(decoding: PercentEncoding.decode($0.utf8), as: UTF8.self)
            }
            query.append(QueryItem(name: sides[0], value: sides.count == 2 ? sides[1] : nil))
        }
        return RequestHead(
            method: method, rawPath: Array(halves[0].utf8), query: query, authority: host, fields: makeFields(fields),
            credentials: credentials, hasCustomerKey: hasCustomerKey)
    }
}

func makeFields(_ pairs: [(String, String)]) -> HTTPFields {
    var fields = HTTPFields()
    for (name, value) in pairs {
        guard let name = HTTPField.Name(name) else { continue }
        fields.append(HTTPField(name: name, value: value))
    }
    return fields
}

/// Plays exchanges into an engine.
struct Script: ~Copyable {
    var engine: DialectEngine<RecordingSink>
    private var exchanges: UInt64 = 0
    private var clock: UInt64 = 1_000
    let flow = FlowHandle(slot: 0, number: 1)

    init(_ options: DialectOptions = DialectOptions()) {
        engine = DialectEngine(options: options, sink: RecordingSink())
        engine.opened(
            flow,
            FlowDescription(
                text: "10.0.0.1:4000 > 10.0.0.9:80", initiatorAddress: "10.0.0.1", responderAddress: "10.0.0.9",
                initiatorPort: 4000, responderPort: 80, startedMidStream: false))
    }

    var sink: RecordingSink { engine.sink }
    var counters: DialectCounters { engine.counters }

    mutating func tick() -> SegmentContext {
        clock += 1
        return SegmentContext(time: clock, packet: clock - 1_000, acknowledged: nil)
    }

    /// Plays a request's head and gives its exchange.
    mutating func begin(_ request: Request) -> ExchangeID {
        exchanges += 1
        let framing = request.framing ?? (request.body.isEmpty ? .none : .length(UInt64(request.body.count)))
        engine.request(ExchangeID(exchanges), flow, request.head, framing, tick())
        return ExchangeID(exchanges)
    }

    /// Plays a slice of the request's body.
    mutating func send(_ exchange: ExchangeID, _ bytes: [UInt8], at offset: Int) {
        let context = tick()
        engine.requestBody(exchange, bytes.span.bytes, at: UInt64(offset), context)
    }

    mutating func answer(_ exchange: ExchangeID, _ answer: Answer, slices: Int = 1_000_000) {
        let framing = answer.framing ?? .length(UInt64(answer.body.count))
        engine.response(
            exchange, ResponseHead(status: answer.status, fields: makeFields(answer.fields)), framing, tick())
        var offset = 0
        while offset < answer.body.count {
            let slice = Array(answer.body[offset..<min(offset + slices, answer.body.count)])
            let context = tick()
            engine.responseBody(exchange, slice.span.bytes, at: UInt64(offset), context)
            offset += slice.count
        }
        let trailers = answer.trailers.isEmpty ? nil : makeFields(answer.trailers)
        engine.responseEnd(exchange, .framed, trailers: trailers, tick())
    }

    /// Plays a whole exchange, bodies in slices of this size; without an answer it ends with the connection.
    mutating func play(_ request: Request, _ answer: Answer?, slices: Int = 1_000_000) {
        let exchange = begin(request)
        var offset = 0
        while offset < request.body.count {
            let slice = Array(request.body[offset..<min(offset + slices, request.body.count)])
            send(exchange, slice, at: offset)
            offset += slice.count
        }
        let trailers = request.trailers.isEmpty ? nil : makeFields(request.trailers)
        engine.requestEnd(exchange, .framed, trailers: trailers, tick())
        if let answer { self.answer(exchange, answer, slices: slices) }
        engine.finish(exchange, cause: answer == nil ? .connectionEnded : nil, tick())
    }
}

func s3Name(_ bucket: String, _ key: String, endpoint: String = "10.0.0.9") -> ObjectName {
    ObjectName(cloud: .s3, endpoint: endpoint, bucket: bucket, key: ObjectKey(key))
}

func httpName(_ host: String, _ key: String) -> ObjectName {
    ObjectName(cloud: .http, endpoint: host, bucket: host, key: ObjectKey(key))
}
