package import NIOCore
package import NIOHTTP1
package import Objects

/// The bytes of a request that are not in memory as one array. Iterating again begins anew, for a repetition.
package protocol RequestBody: AsyncSequence, Sendable where Element == ByteBuffer {
    /// Length in bytes.
    var length: UInt64 { get }
    /// Digests of exactly these bytes, known before the first is sent.
    var digests: PayloadDigests { get }
    /// The bytes, when they are in memory in one piece and nothing stands against sending them as fast as they go.
    func whole() -> ByteBuffer?
}

/// What a request's body comes from failed while it was being sent: no fault of the target, and no reason to send again.
package struct RequestBodyFailure: Error {
    package let cause: any Error

    /// A failure for this reason, which is what the sender of the request gets to see.
    package init(cause: any Error) { self.cause = cause }
}

/// One request of the S3 REST API, before it is signed.
package struct S3Request: Sendable {
    /// What is sent.
    package enum Body: Sendable {
        case none
        case bytes([UInt8])
        case stream(any RequestBody)
    }

    package var kind: RequestKind
    package var method: HTTPMethod
    package var bucket: String
    package var key: ObjectKey?
    package var query: [(name: String, value: String)] = []
    package var headers: [(name: String, value: String)] = []
    package var body: Body = .none
    /// Longest answer body that is taken.
    package var answerBytesMax = 1 << 20
    /// True for requests that may answer 200 and an error in the body, because they answer before they are done.
    package var mayFailInsideSuccess = false

    /// A request of its parts.
    package init(
        kind: RequestKind, method: HTTPMethod, bucket: String, key: ObjectKey?,
        query: [(name: String, value: String)] = [], headers: [(name: String, value: String)] = [], body: Body = .none,
        answerBytesMax: Int = 1 << 20, mayFailInsideSuccess: Bool = false
    ) {
        self.kind = kind
        self.method = method
        self.bucket = bucket
        self.key = key
        self.query = query
        self.headers = headers
        self.body = body
        self.answerBytesMax = answerBytesMax
        self.mayFailInsideSuccess = mayFailInsideSuccess
    }

    /// Length of the body in bytes.
    var bodyLength: UInt64 {
        switch body {
        case .none: 0
        case .bytes(let bytes): UInt64(bytes.count)
        case .stream(let payload): payload.length
        }
    }
}

/// The answer to a request, its body whole.
package struct S3Answer: Sendable {
    package var status: Int
    package var headers: HTTPHeaders
    package var body: ByteBuffer
    /// How many attempts it took.
    package var attempts = 1

    /// The ETag without quotes.
    package var etag: String? { headers.first(name: "etag").map(Self.unquoted) }

    /// The body as XML; nil when it is none.
    package var xml: S3XML? { S3XML.parse(Array(body.readableBytesView)) }

    /// `text` without the quotes that ETags stand in.
    package static func unquoted(_ text: String) -> String {
        var text = text[...]
        if text.hasPrefix("W/") { text = text.dropFirst(2) }
        if text.count >= 2, text.first == "\"", text.last == "\"" { text = text.dropFirst().dropLast() }
        return String(text)
    }
}
