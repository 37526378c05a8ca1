internal import Objects

/// A cloud's protocol over HTTP: it reads what a request asks, says which bodies carry objects, and concludes what
/// happened. All of it is pure; a dialect keeps nothing but what ``DialectKnowledge`` holds for it.
///
/// A new cloud is a folder with one conforming type, and a case in ``DialectOperation`` that leads to it. The engine
/// calls these once per head or exchange; body bytes never pass through a dialect.
protocol Dialect {
    /// A request, understood.
    associatedtype Operation

    /// The scheme of its names.
    static var cloud: Cloud { get }

    /// Whether a request speaks it, as far as the request tells.
    static func recognise(
        _ request: RequestReading, at endpoint: EndpointKnowledge.Endpoint?, _ knowledge: inout DialectKnowledge
    ) -> Recognition

    /// What a request asks; nil when it names nothing although it should.
    static func operation(
        of request: RequestReading, at endpoint: EndpointKnowledge.Endpoint?, _ knowledge: inout DialectKnowledge
    ) -> Operation?

    /// The operation's name in the cloud's own words, of a fixed set.
    static func label(_ operation: Operation) -> String

    /// The object; nil when the operation is about none or several.
    static func name(_ operation: Operation) -> ObjectName?

    /// The operation read again in the light of the answer's head; the same where that tells nothing new.
    static func revised(
        _ operation: Operation, _ record: ExchangeRecord, _ knowledge: inout DialectKnowledge
    ) -> Operation

    /// What to do with the request's body.
    static func useOfRequest(
        _ operation: Operation, _ record: ExchangeRecord, _ options: DialectOptions,
        _ knowledge: inout DialectKnowledge
    ) -> BodyUse

    /// What to do with the answer's body; the answer's head is in the record.
    static func useOfResponse(_ operation: Operation, _ record: ExchangeRecord, _ options: DialectOptions) -> BodyUse

    /// What happened, after both bodies ended.
    static func conclude(
        _ operation: Operation, _ record: ExchangeRecord, _ options: DialectOptions,
        _ knowledge: inout DialectKnowledge, _ conclusion: inout Conclusion)
}

extension Dialect {
    static func revised(
        _ operation: Operation, _ record: ExchangeRecord, _ knowledge: inout DialectKnowledge
    ) -> Operation { operation }
}

/// Whether a request speaks a dialect.
enum Recognition: Hashable {
    /// It does.
    case certain
    /// The answer will tell.
    case possible
    /// It does not.
    case impossible
}

/// What earlier exchanges taught, bounded.
struct DialectKnowledge {
    /// About hosts.
    var endpoints: EndpointKnowledge
    /// About multipart uploads.
    var uploads: UploadKnowledge
    /// The other engines of the run; nil for an engine alone.
    let peers: (any DialectPeers)?

    /// Knows nothing yet.
    init(_ options: DialectOptions, peers: (any DialectPeers)? = nil) {
        self.peers = peers
        endpoints = EndpointKnowledge(limit: options.limits.endpoints, configured: options.s3Authorities)
        uploads = UploadKnowledge(limit: options.limits.uploads)
        endpoints.peers = peers
        uploads.peers = peers
    }
}

extension DialectKnowledge {
    /// The endpoint that a `Host` field names, with all that was learnt of it from packets before.
    mutating func endpoint(of host: String?) -> EndpointKnowledge.Endpoint? {
        let known = endpoints.endpoint(of: host)
        guard peers != nil, let known, !known.isSettled else { return known }
        hear()
        return endpoints.endpoint(of: host)
    }

    /// Takes what the peers learnt from packets before; without `waits`, what is known of it by now.
    mutating func hear(waits: Bool = true) {
        guard let peers else { return }
        // What one of them told is known to all: it is not told again.
        endpoints.peers = nil
        uploads.peers = nil
        for fact in peers.news(waits: waits) {
            switch fact.kind {
            case .speaksS3(let authority): endpoints.learnSpeaksS3(authority)
            case .style(let style, let authority): endpoints.learn(style, of: authority)
            case .part(let number, let size, let upload):
                _ = uploads.offset(ofPart: number, size: size, upload: upload)
            case .uploadEnded(let upload): uploads.forget(upload)
            }
        }
        endpoints.peers = peers
        uploads.peers = peers
    }
}

/// A request as one of the dialects understood it.
enum DialectOperation {
    case s3(S3Operation)
    case http(HTTPOperation)

    /// The dialect's cloud.
    var cloud: Cloud {
        switch self {
        case .s3: S3Dialect.cloud
        case .http: PlainHTTPDialect.cloud
        }
    }

    /// See ``Dialect/label(_:)``.
    var label: String {
        switch self {
        case .s3(let operation): S3Dialect.label(operation)
        case .http(let operation): PlainHTTPDialect.label(operation)
        }
    }

    /// The word under which the operation is counted, as in `s3.PutObject`.
    var counter: String {
        switch self {
        case .s3(let operation): operation.action.counter
        case .http(let operation): operation.action.counter
        }
    }

    /// See ``Dialect/name(_:)``.
    var name: ObjectName? {
        switch self {
        case .s3(let operation): S3Dialect.name(operation)
        case .http(let operation): PlainHTTPDialect.name(operation)
        }
    }

    /// See ``Dialect/revised(_:_:_:)``.
    func revised(_ record: ExchangeRecord, _ knowledge: inout DialectKnowledge) -> DialectOperation {
        switch self {
        case .s3(let operation): .s3(S3Dialect.revised(operation, record, &knowledge))
        case .http(let operation): .http(PlainHTTPDialect.revised(operation, record, &knowledge))
        }
    }

    /// See ``Dialect/useOfRequest(_:_:_:_:)``.
    func useOfRequest(
        _ record: ExchangeRecord, _ options: DialectOptions, _ knowledge: inout DialectKnowledge
    ) -> BodyUse {
        switch self {
        case .s3(let operation): S3Dialect.useOfRequest(operation, record, options, &knowledge)
        case .http(let operation): PlainHTTPDialect.useOfRequest(operation, record, options, &knowledge)
        }
    }

    /// See ``Dialect/useOfResponse(_:_:_:)``.
    func useOfResponse(_ record: ExchangeRecord, _ options: DialectOptions) -> BodyUse {
        switch self {
        case .s3(let operation): S3Dialect.useOfResponse(operation, record, options)
        case .http(let operation): PlainHTTPDialect.useOfResponse(operation, record, options)
        }
    }

    /// See ``Dialect/conclude(_:_:_:_:_:)``.
    func conclude(
        _ record: ExchangeRecord, _ options: DialectOptions, _ knowledge: inout DialectKnowledge,
        _ conclusion: inout Conclusion
    ) {
        switch self {
        case .s3(let operation): S3Dialect.conclude(operation, record, options, &knowledge, &conclusion)
        case .http(let operation): PlainHTTPDialect.conclude(operation, record, options, &knowledge, &conclusion)
        }
    }
}
