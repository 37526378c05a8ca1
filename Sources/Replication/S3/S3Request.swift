internal import NIOCore
internal import NIOHTTP1
internal import Objects

/// One request of the S3 REST API, before it is signed.
struct S3Request: Sendable {
    enum Body: Sendable {
        case none
        case bytes([UInt8])
        case payload(Payload)
    }

    var kind: RequestKind
    var method: HTTPMethod
    var bucket: String
    var key: ObjectKey?
    var query: [(name: String, value: String)] = []
    var headers: [(name: String, value: String)] = []
    var body: Body = .none
    /// Longest answer body that is taken.
    var answerBytesMax = 1 << 20
    /// True for requests that may answer 200 and an error in the body, because they answer before they are done.
    var mayFailInsideSuccess = false

    /// Length of the body in bytes.
    var bodyLength: UInt64 {
        switch body {
        case .none: 0
        case .bytes(let bytes): UInt64(bytes.count)
        case .payload(let payload): payload.length
        }
    }
}

/// The answer to a request, its body whole.
struct S3Answer: Sendable {
    var status: Int
    var headers: HTTPHeaders
    var body: ByteBuffer
    /// How many attempts it took.
    var attempts = 1

    /// The ETag without quotes.
    var etag: String? { headers.first(name: "etag").map(Self.unquoted) }

    /// The body as XML; nil when it is none.
    var xml: S3XML? { S3XML.parse(Array(body.readableBytesView)) }

    /// `text` without the quotes that ETags stand in.
    static func unquoted(_ text: String) -> String {
        var text = text[...]
        if text.hasPrefix("W/") { text = text.dropFirst(2) }
        if text.count >= 2, text.first == "\"", text.last == "\"" { text = text.dropFirst().dropLast() }
        return String(text)
    }
}
