internal import Objects

/// AWS Signature Version 4 as S3 wants it ("Authenticating Requests: Using the Authorization Header", Amazon S3 API
/// Reference): paths are encoded once and not normalised, and the payload's hash is a header.
package struct SignatureV4: Sendable {
    /// The parts of a request that are signed.
    struct Request: Sendable {
        var method: String
        /// The path as it is sent: every byte but unreserved characters and `/` percent-encoded.
        var path: String
        /// Query items, not encoded.
        var query: [(name: String, value: String)]
        /// Header fields; names in any case. All of them are signed.
        var headers: [(name: String, value: String)]
        /// Lower-case hexadecimal SHA-256 of the body, or `UNSIGNED-PAYLOAD`.
        var payloadHash: String
    }

    static let algorithm = "AWS4-HMAC-SHA256"
    static let unsignedPayload = "UNSIGNED-PAYLOAD"

    let credentials: S3Credentials
    let region: String
    let service: String

    init(credentials: S3Credentials, region: String, service: String = "s3") {
        self.credentials = credentials
        self.region = region
        self.service = service
    }

    /// The value of the `Authorization` header. `request.headers` must hold `host` and `x-amz-date` of the same time.
    func authorization(for request: Request, at time: UTCTime) -> String {
        let canonical = Self.canonicalRequest(request)
        let scope = "\(time.day8)/\(region)/\(service)/aws4_request"
        let toSign = Self.stringToSign(canonical.text, scope: scope, at: time)
        let signature = ByteText.hex(hmacSHA256(key: signingKey(on: time), Array(toSign.utf8)))
        return "\(Self.algorithm) Credential=\(credentials.accessKeyID)/\(scope), "
            + "SignedHeaders=\(canonical.signedHeaders), Signature=\(signature)"
    }

    /// The canonical request and the list of signed headers.
    static func canonicalRequest(_ request: Request) -> (text: String, signedHeaders: String) {
        let headers = canonicalHeaders(request.headers)
        let names = headers.map(\.name).joined(separator: ";")
        var text = "\(request.method)\n\(request.path)\n\(queryString(request.query, isSorted: true))\n"
        for header in headers { text += "\(header.name):\(header.value)\n" }
        text += "\n\(names)\n\(request.payloadHash)"
        return (text, names)
    }

    static func stringToSign(_ canonicalRequest: String, scope: String, at time: UTCTime) -> String {
        let digest = ByteText.hex(RunningDigest.of(Array(canonicalRequest.utf8), .sha256))
        return "\(algorithm)\n\(time.compact)\n\(scope)\n\(digest)"
    }

    /// Encoded `name=value` pairs; sorted by encoded name, then value, as the signature wants them.
    package static func queryString(_ query: [(name: String, value: String)], isSorted: Bool) -> String {
        var pairs = query.map { (encode($0.name), encode($0.value)) }
        if isSorted { pairs.sort { $0.0 == $1.0 ? bytesPrecede($0.1, $1.1) : bytesPrecede($0.0, $1.0) } }
        return pairs.map { "\($0.0)=\($0.1)" }.joined(separator: "&")
    }

    private func signingKey(on time: UTCTime) -> [UInt8] {
        var key = Array("AWS4\(credentials.secretAccessKey)".utf8)
        for step in [time.day8, region, service, "aws4_request"] { key = hmacSHA256(key: key, Array(step.utf8)) }
        return key
    }

    /// Lower-case names in order; values trimmed, inner runs of spaces folded; values of one name joined by commas.
    private static func canonicalHeaders(_ headers: [(name: String, value: String)]) -> [(name: String, value: String)]
    {
        var values: [String: [String]] = [:]
        for header in headers { values[header.name.lowercased(), default: []].append(fold(header.value)) }
        return values.sorted { bytesPrecede($0.key, $1.key) }.map { ($0.key, $0.value.joined(separator: ",")) }
    }

    private static func fold(_ value: String) -> String {
        value.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\n" }).joined(separator: " ")
    }

    private static func encode(_ text: String) -> String {
        PercentEncoding.encode(text.utf8, keeping: PercentEncoding.isUnreserved)
    }

    private static func bytesPrecede(_ earlier: String, _ later: String) -> Bool {
        earlier.utf8.lexicographicallyPrecedes(later.utf8)
    }
}
