internal import NIOHTTP1
internal import Objects

/// Reads failures out of answers: which kind, and whether another attempt may go better.
struct S3Failure {
    var failure: TargetFailure
    var isRetryable: Bool
    /// The target's wish in seconds.
    var retryAfterSeconds: Double?
    /// The failure that an answer tells of.
    init(_ answer: S3Answer, of request: S3Request, at endpoint: S3Endpoint, localSeconds: Int64) {
        let error = answer.xml.flatMap { $0.name == "Error" ? $0 : $0["Error"] }
        let code = error?.value("Code")
        let region = answer.headers.first(name: "x-amz-bucket-region") ?? error?.value("Region")
        retryAfterSeconds = answer.headers.first(name: "retry-after").flatMap { text in
            Double(text) ?? UTCTime(httpDate: text).map { Double($0.seconds - localSeconds) }
        }
        let kind = Self.kind(status: answer.status, code: code, hasBody: request.method != .HEAD)
        isRetryable = Self.isRetryable(status: answer.status, code: code)
        var message = error?.value("Message") ?? Self.phrase(answer.status)
        if kind == .clockSkew, let theirs = answer.headers.first(name: "date") {
            message += " (the target's clock says \(theirs), ours \(UTCTime(seconds: localSeconds).iso8601))"
        }
        if kind == .redirected, let place = error?.value("Endpoint") ?? answer.headers.first(name: "location") {
            message += " (it names \(place.prefix(200)))"
        }
        failure = TargetFailure(
            kind: kind, operation: request.kind.rawValue, subject: Self.subject(request, endpoint),
            status: answer.status, code: code, message: message,
            requestID: error?.value("RequestId") ?? answer.headers.first(name: "x-amz-request-id"),
            remedy: Self.remedy(kind, request: request, endpoint: endpoint, region: region))
        failure.region = region
    }

    /// What a request was about, without query or headers, which may hold signatures.
    static func subject(_ request: S3Request, _ endpoint: S3Endpoint) -> String {
        let bucket = PercentEncoding.encode(request.bucket.utf8, keeping: PercentEncoding.isUnreserved)
        let place = request.key.map { "\(bucket)/\($0.escaped)" } ?? request.bucket
        return "\(place) at \(endpoint.url)"
    }

    private static func isRetryable(status: Int, code: String?) -> Bool {
        // "Error responses", Amazon S3 API Reference. A digest that does not match means the bytes changed on the way,
        // for ours were read verified: worth another attempt.
        switch code {
        case "InternalError", "SlowDown", "SlowDownRead", "SlowDownWrite", "ServiceUnavailable", "RequestTimeout",
            "Throttling", "ThrottlingException", "RequestLimitExceeded", "BandwidthLimitExceeded", "TooManyRequests",
            "OperationAborted", "BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch",
            "IncompleteBody":
            true
        case "NotImplemented": false
        default: status == 408 || status == 429 || status == 500 || (502...504).contains(status)
        }
    }

    private static func kind(status: Int, code: String?, hasBody: Bool) -> TargetFailure.Kind {
        switch code {
        case "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired",
            "InvalidClientTokenId", "MissingSecurityHeader":
            return .badCredentials
        case "AccessDenied", "AllAccessDisabled", "AccountProblem": return .accessDenied
        case "RequestTimeTooSkewed", "RequestExpired": return .clockSkew
        case "PermanentRedirect", "TemporaryRedirect", "Redirect", "AuthorizationHeaderMalformed",
            "IllegalLocationConstraintException":
            return .redirected
        case "NoSuchBucket": return .noSuchBucket
        case "NoSuchKey": return .noSuchObject
        case "NoSuchUpload": return .noSuchUpload
        case "PreconditionFailed": return .changed
        case "SlowDown", "SlowDownRead", "SlowDownWrite", "ServiceUnavailable", "Throttling", "ThrottlingException",
            "RequestLimitExceeded", "BandwidthLimitExceeded", "TooManyRequests":
            return .throttled
        case "NotImplemented", "MethodNotAllowed": return .unsupported
        case "InvalidStorageClass", "AccessControlListNotSupported", "InvalidTag", "MetadataTooLarge":
            return .metadataRefused
        case "BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "InvalidDigest",
            "IncompleteBody":
            return .corrupted
        case "QuotaExceeded", "XMinioStorageFull", "StorageFull": return .full
        default: break
        }
        switch status {
        case 300..<400: return .redirected
        case 401: return .badCredentials
        case 403: return .accessDenied
        case 404: return .noSuchObject
        case 412: return .changed
        case 429, 503: return .throttled
        case 501, 405: return .unsupported
        case 507: return .full
        case 500...599: return .serverFailure
        default: return .refused
        }
    }

    private static func remedy(
        _ kind: TargetFailure.Kind, request: S3Request, endpoint: S3Endpoint, region: String?
    ) -> String {
        switch kind {
        case .badCredentials:
            "Check the access key, the secret and the session token, and that they belong to \(endpoint.url)"
        case .accessDenied:
            "Give the account the right to \(request.kind.rawValue) on bucket \(request.bucket)"
        case .clockSkew: "Set this machine's clock (chronyc makestep, timedatectl)"
        case .redirected:
            if let region, region != endpoint.region {
                "The bucket is in region \(region): write region=\(region) in the target's URL"
            } else {
                "Write the bucket's own endpoint= and region= in the target's URL"
            }
        case .noSuchBucket: "Make bucket \(request.bucket) first, or allow it to be made (--create-buckets)"
        case .throttled: "Lower --parallel or --bandwidth and start again; the journal continues where this run stopped"
        case .full: "Make room at the target and start again; the journal continues where this run stopped"
        case .serverFailure: "Look at the target's health and start again"
        default: ""
        }
    }

    private static func phrase(_ status: Int) -> String { HTTPResponseStatus(statusCode: status).reasonPhrase }
}
