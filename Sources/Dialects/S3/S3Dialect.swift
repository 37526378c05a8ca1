internal import Exchanges
internal import Objects

/// Amazon S3's REST API, and every server that speaks it (S3 API reference).
enum S3Dialect: Dialect {
    static let cloud = Cloud.s3

    static func recognise(
        _ request: RequestReading, at endpoint: EndpointKnowledge.Endpoint?, _ knowledge: inout DialectKnowledge
    ) -> Recognition {
        let signs = signs(request)
        guard let endpoint else { return signs ? .certain : .impossible }
        if endpoint.s3 == .foreign || isOtherService(request) { return .impossible }
        if signs {
            knowledge.endpoints.learnSpeaksS3(endpoint.authority)
            return .certain
        }
        if endpoint.isNamedS3 || endpoint.speaksS3 { return .certain }
        switch request.credentials {
        case .azureSharedKey, .swiftToken: return .impossible
        case .awsSignatureV4, .awsSignatureV2, .bearer, .other, nil: return .possible
        }
    }

    /// True for an answer that only a server of S3 gives. CloudFront hands on its origin's fields under a name that is
    /// no S3 endpoint.
    static func isSpoken(by answer: AnswerReading) -> Bool {
        let fields = answer.fields
        guard !fields.families.contains(.cloudFront) else { return false }
        return fields.has(.amazonRequestID) || fields.has(.amazonID2) || fields[.server] == "AmazonS3"
    }

    static func operation(
        of request: RequestReading, at endpoint: EndpointKnowledge.Endpoint?, _ knowledge: inout DialectKnowledge
    ) -> S3Operation? {
        guard let endpoint else { return nil }
        var host = endpoint.s3
        if signs(request), let style = S3Addressing.proof(in: request) {
            knowledge.endpoints.learn(style, of: endpoint.authority)
            host = knowledge.endpoints.endpoint(of: endpoint.authority.text)?.s3 ?? host
        }
        return S3Location(host, rawPath: request.rawPath).map { S3Operation(request, at: $0) }
    }

    /// A listing has no ETag. What was read as one and has it is an object, and its host names the bucket.
    static func revised(
        _ operation: S3Operation, _ record: ExchangeRecord, _ knowledge: inout DialectKnowledge
    ) -> S3Operation {
        guard operation.action == .listObjects, operation.location.style == .path, record.status == 200,
            let answer = record.response, answer.fields.has(.etag), let authority = record.authority
        else { return operation }
        knowledge.endpoints.learn(.virtualHosted(bucket: nil), of: authority)
        guard let host = knowledge.endpoints.endpoint(of: authority.text)?.s3, case .bucket = host,
            let location = S3Location(host, rawPath: record.request.rawPath)
        else { return operation }
        return S3Operation(record.request, at: location)
    }

    static func label(_ operation: S3Operation) -> String { operation.action.rawValue }

    static func name(_ operation: S3Operation) -> ObjectName? { operation.name }

    static func useOfRequest(
        _ operation: S3Operation, _ record: ExchangeRecord, _ options: DialectOptions,
        _ knowledge: inout DialectKnowledge
    ) -> BodyUse {
        let isChunked = usesAwsChunked(record.request)
        let announced =
            isChunked
            ? record.request.fields[.amazonDecodedContentLength].flatMap { UInt64($0.trimmed) }
            : Representation.length(record.requestBody.framing)
        var plan = TransferPlan(objectOffset: 0, expectedLength: announced)
        switch operation.action {
        case .putObject: break
        case .uploadPart:
            guard let upload = uploadKey(operation), let number = operation.partNumber else { return .ignored }
            knowledge.hear()
            plan.mayHaveMD5 = false
            plan.objectOffset = knowledge.uploads.offset(ofPart: number, size: announced, upload: upload)
        case .deleteObjects, .completeMultipartUpload: return .captured(limit: options.limits.bodyBytes)
        default: return .ignored
        }
        return isChunked ? .awsChunked(plan) : .payload(plan)
    }

    static func useOfResponse(
        _ operation: S3Operation, _ record: ExchangeRecord, _ options: DialectOptions
    ) -> BodyUse {
        guard let response = record.response else { return .ignored }
        let framing = record.responseBody.framing
        guard record.hasSucceeded else {
            let tells = operation.name != nil && framing != .none
            return tells ? .captured(limit: options.limits.errorBodyBytes) : .ignored
        }
        switch operation.action {
        case .getObject:
            let announced = Representation.length(framing)
            switch Representation(response, framing, variesByCoding: false) {
            case .whole:
                return .payload(TransferPlan(expectedLength: announced, mayHaveMD5: hasMD5(response)))
            case .range(let range):
                return .payload(
                    TransferPlan(
                        objectOffset: range.first, expectedLength: range.length,
                        mayHaveMD5: range.isWhole && hasMD5(response)))
            case .ranges(let boundary): return .byteRanges(boundary: boundary)
            case .coded, .contradictory, .none: return .ignored
            }
        case .createMultipartUpload, .completeMultipartUpload, .copyObject, .uploadPartCopy, .deleteObjects:
            return .captured(limit: options.limits.bodyBytes)
        case .listObjects, .listObjectsV2, .listObjectVersions, .listBuckets:
            // What is no XML is no listing, and may be as large as an object.
            let type = response.fields[.contentType]?.lowercased()
            return type?.contains("xml") ?? true ? .captured(limit: options.limits.bodyBytes) : .ignored
        default: return .ignored
        }
    }

    /// True when the ETag of an answer has the form of an MD5 of all bytes.
    private static func hasMD5(_ response: AnswerReading) -> Bool {
        EntityTag(response.fields[.etag])?.digest?.scope == .whole
    }

    static func conclude(
        _ operation: S3Operation, _ record: ExchangeRecord, _ options: DialectOptions,
        _ knowledge: inout DialectKnowledge, _ conclusion: inout Conclusion
    ) {
        let exchange = S3Exchange(operation: operation, record: record, options: options)
        for document in [exchange.requestDocument, exchange.answerDocument] where document?.hitLimit ?? false {
            conclusion.count(\.xmlElementLimit)
        }
        switch operation.action {
        case .putObject: exchange.putObject(&conclusion)
        case .getObject: exchange.getObject(&conclusion)
        case .headObject: exchange.headObject(&conclusion)
        case .copyObject: exchange.copyObject(&conclusion)
        case .deleteObject: exchange.deleteObject(&conclusion)
        case .deleteObjects: exchange.deleteObjects(&conclusion)
        case .createMultipartUpload: exchange.createMultipartUpload(&knowledge, &conclusion)
        case .uploadPart: exchange.uploadPart(&conclusion)
        case .uploadPartCopy: exchange.uploadPartCopy(&conclusion)
        case .completeMultipartUpload: exchange.completeMultipartUpload(&knowledge, &conclusion)
        case .abortMultipartUpload: exchange.abortMultipartUpload(&knowledge, &conclusion)
        case .listObjects, .listObjectsV2, .listObjectVersions, .listBuckets:
            exchange.listObjects(&knowledge, &conclusion)
        case .listParts, .subresource, .bucket, .preflight, .selectObjectContent, .getObjectTorrent: break
        case .postObject, .appendObject, .renameObject, .unknown: conclusion.unsupported(operation.action.rawValue)
        }
    }

    /// The key of an upload in ``UploadKnowledge``: upload ids are the server's own, so the endpoint belongs to it.
    static func uploadKey(_ operation: S3Operation) -> String? {
        operation.uploadID.map { "\(operation.location.endpoint)/\(operation.location.bucket ?? "")?\($0)" }
    }

    /// True when the body is framed as aws-chunked: a streaming signature, or the coding together with a decoded
    /// length. The coding alone proves nothing: clients leave it out, or store it by mistake.
    static func usesAwsChunked(_ request: RequestReading) -> Bool {
        if request.fields[.amazonContentSHA256]?.hasPrefix("STREAMING-") ?? false { return true }
        guard request.fields.has(.amazonDecodedContentLength) else { return false }
        let codings = request.fields[.contentEncoding]?.lowercased() ?? ""
        return codings.split(separator: ",").contains { $0.trimmed == "aws-chunked" }
    }

    /// True when the request itself says S3: a signature, a field or a query item of Amazon's.
    private static func signs(_ request: RequestReading) -> Bool {
        if request.credentials == .awsSignatureV4 || request.credentials == .awsSignatureV2 { return true }
        if request.fields.families.contains(.amazon) { return true }
        return request.query.contains { $0.name.lowercased().hasPrefix("x-amz-") }
    }

    /// True for Amazon's other services, which sign alike: those of the JSON protocol name a target, those of the query
    /// protocol post a form.
    private static func isOtherService(_ request: RequestReading) -> Bool {
        if request.fields.has(.amazonTarget) { return true }
        guard request.method == "POST", let type = request.fields[.contentType]?.lowercased() else {
            return false
        }
        return type.hasPrefix("application/x-www-form-urlencoded") || type.hasPrefix("application/x-amz-json")
    }
}
