internal import Exchanges
internal import Objects

/// Plain HTTP and WebDAV: what a server gives out under a path is an object (RFC 9110, RFC 4918).
enum PlainHTTPDialect: Dialect {
    static let cloud = Cloud.http

    static func recognise(
        _ request: RequestReading, at endpoint: EndpointKnowledge.Endpoint?, _ knowledge: inout DialectKnowledge
    ) -> Recognition {
        OtherCloud.looksLike(request, at: endpoint?.authority) == nil ? .possible : .impossible
    }

    static func operation(
        of request: RequestReading, at endpoint: EndpointKnowledge.Endpoint?, _ knowledge: inout DialectKnowledge
    ) -> HTTPOperation? {
        endpoint.map { HTTPOperation(request, at: $0.authority) }
    }

    static func label(_ operation: HTTPOperation) -> String { operation.action.rawValue }

    static func name(_ operation: HTTPOperation) -> ObjectName? {
        switch operation.action {
        // Copies are about two objects, which the scope judges one by one.
        case .copy, .move, .collection, .other: nil
        case .get, .head, .put, .delete, .partialPut, .patch: operation.name
        }
    }

    static func useOfRequest(
        _ operation: HTTPOperation, _ record: ExchangeRecord, _ options: DialectOptions,
        _ knowledge: inout DialectKnowledge
    ) -> BodyUse {
        guard operation.action == .put else { return .ignored }
        let length = Representation.length(record.requestBody.framing)
        return .payload(TransferPlan(expectedLength: length, mayHaveMD5: hasMD5(record.request.fields)))
    }

    static func useOfResponse(
        _ operation: HTTPOperation, _ record: ExchangeRecord, _ options: DialectOptions
    ) -> BodyUse {
        guard operation.action == .get, let response = record.response else { return .ignored }
        let framing = record.responseBody.framing
        switch Representation(response, framing, variesByCoding: true) {
        case .whole:
            let length = Representation.length(framing)
            return .payload(TransferPlan(expectedLength: length, mayHaveMD5: hasMD5(response.fields)))
        case .range(let range):
            return .payload(
                TransferPlan(
                    objectOffset: range.first, expectedLength: range.length,
                    mayHaveMD5: range.isWhole && hasMD5(response.fields)))
        case .ranges(let boundary): return .byteRanges(boundary: boundary)
        case .coded, .contradictory, .none: return .ignored
        }
    }

    /// True when the head of a whole object states an MD5 of it; one that a trailer states is left to the verifier.
    private static func hasMD5(_ fields: HeadFields) -> Bool {
        HTTPDigests.read(fields, trailers: HeadFields(), isWhole: true).contains { $0.algorithm == .md5 }
    }

    static func conclude(
        _ operation: HTTPOperation, _ record: ExchangeRecord, _ options: DialectOptions,
        _ knowledge: inout DialectKnowledge, _ conclusion: inout Conclusion
    ) {
        let exchange = HTTPExchange(operation: operation, record: record, options: options)
        switch operation.action {
        case .get: exchange.get(&conclusion)
        case .head: exchange.head(&conclusion)
        case .put: exchange.put(&conclusion)
        case .delete: exchange.delete(&conclusion)
        case .copy, .move: exchange.copy(&conclusion)
        case .other: break
        case .partialPut, .patch, .collection: conclusion.unsupported(operation.action.rawValue)
        }
    }
}
