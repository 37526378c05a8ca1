import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Replication
@testable import S3
import Synchronization

/// An S3 service on loopback that keeps objects in memory, counts what it accepts, and fails as the test wants.
///
/// It checks Content-MD5 and x-amz-content-sha256 of every body, as the real ones do, and knows just the requests that
/// the client makes.
final class ScriptedS3: Sendable {
    struct Request: Sendable {
        var method: String
        var bucket: String
        /// Percent-encoded, as it came.
        var key: String
        var query: [String: String]
        var headers: [String: String]
        var body: [UInt8]

        /// The S3 operation.
        var operation: String {
            switch method {
            case "PUT" where key.isEmpty: "CreateBucket"
            case "PUT" where query["partNumber"] != nil:
                headers["x-amz-copy-source"] == nil ? "UploadPart" : "UploadPartCopy"
            case "PUT": headers["x-amz-copy-source"] == nil ? "PutObject" : "CopyObject"
            case "POST" where query["uploads"] != nil: "CreateMultipartUpload"
            case "POST": "CompleteMultipartUpload"
            case "DELETE" where query["uploadId"] != nil: "AbortMultipartUpload"
            case "DELETE": "DeleteObject"
            case "HEAD": key.isEmpty ? "HeadBucket" : "HeadObject"
            case "GET" where query["uploadId"] != nil: "ListParts"
            case "GET" where query["uploads"] != nil: "ListMultipartUploads"
            case "GET" where query["location"] != nil: "GetBucketLocation"
            default: "GetObject"
            }
        }
    }

    struct Answer: Sendable {
        var status = 200
        var headers: [(String, String)] = []
        var body: [UInt8] = []

        static func error(_ status: Int, _ code: String, _ message: String = "scripted", extra: String = "") -> Answer {
            let xml =
                "<?xml version=\"1.0\"?><Error><Code>\(code)</Code><Message>\(message)</Message>\(extra)"
                + "<RequestId>REQ1</RequestId></Error>"
            return Answer(status: status, headers: [("content-type", "application/xml")], body: Array(xml.utf8))
        }
    }

    /// What happens to a request instead of, or after, its usual course.
    enum Fault: Sendable {
        /// The usual course.
        case none
        /// This answer; nothing is stored.
        case answer(Answer)
        /// The connection closes; nothing is stored.
        case dropBefore
        /// It is stored, then the connection closes without an answer.
        case dropAfter
        /// It is stored, and the answer breaks off in the middle of its body or head.
        case cutAnswer
        /// No answer ever.
        case hang
        /// It is stored, and the answer is changed.
        case change(@Sendable (Answer) -> Answer)
        /// One bit of the body changes on the way.
        case flipBit
        /// The bytes are stored with one bit changed, behind the checks.
        case rot
    }

    struct Object: Sendable {
        var bytes: [UInt8]
        var etag: String
        var headers: [String: String]
    }

    struct Upload: Sendable {
        var bucket: String
        var key: String
        var headers: [String: String]
        var parts: [Int: (bytes: [UInt8], etag: String)] = [:]
        var initiated: Int64
    }

    struct State: Sendable {
        var buckets: Set<String> = ["tgt"]
        var objects: [String: Object] = [:]
        var uploads: [String: Upload] = [:]
        /// How often each part of each upload was accepted.
        var acceptedParts: [String: Int] = [:]
        var acceptedBytes = 0
        var requests: [Request] = []
        var nextUpload = 1
        /// Connections, now and at most.
        var open = 0
        var openMost = 0
    }

    let state = Mutex(State())
    private let fault = Mutex<@Sendable (Request, Int) -> Fault>({ _, _ in .none })
    private let channel: any Channel

    /// Starts the service on a free port.
    init() async throws {
        let holder = Holder()
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Handler(holder))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        holder.server.withLock { $0 = self }
    }

    deinit { channel.close(promise: nil) }

    var port: Int { channel.localAddress?.port ?? 0 }

    /// Decides the fault of each request; the number counts requests of the same operation from 1.
    func script(_ decide: @escaping @Sendable (Request, Int) -> Fault) { fault.withLock { $0 = decide } }

    func count(_ operation: String) -> Int { state.withLock { $0.requests.filter { $0.operation == operation }.count } }

    func object(_ path: String) -> Object? { state.withLock { $0.objects[path] } }

    /// Closes the listening socket, so that the next connection is refused.
    func stop() async throws { try await channel.close() }

    /// Waits until everything is served that clients sent before, those too that were killed meanwhile.
    ///
    /// Connections are accepted in their order: once one of our own was served, the others have been accepted, and it
    /// remains to wait until they are closed.
    func settle() async throws {
        let served = count("HeadBucket")
        let own = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port).get()
        try await own.writeAndFlush(ByteBuffer(string: "HEAD /tgt HTTP/1.1\r\nHost: a\r\n\r\n"))
        while count("HeadBucket") == served { try await Task.sleep(for: .milliseconds(5)) }
        try await own.close()
        while state.withLock({ $0.open }) > 0 { try await Task.sleep(for: .milliseconds(5)) }
    }

    // MARK: The usual course

    private func decide(_ request: Request) -> Fault {
        let number = state.withLock { state in
            state.requests.append(request)
            return state.requests.count { $0.operation == request.operation }
        }
        return fault.withLock { $0 }(request, number)
    }

    private func handle(_ request: Request, rots: Bool = false) -> Answer {
        state.withLock { state in
            guard Self.digestsMatch(request) else { return .error(400, "BadDigest") }
            if request.operation == "CreateBucket" {
                state.buckets.insert(request.bucket)
                return Answer()
            }
            guard state.buckets.contains(request.bucket) else { return .error(404, "NoSuchBucket") }
            var request = request
            if rots, !request.body.isEmpty { request.body[0] ^= 1 }
            switch request.operation {
            case "HeadBucket", "GetBucketLocation": return Answer()
            case "PutObject": return Self.put(request, &state)
            case "CopyObject": return Self.copy(request, &state)
            case "HeadObject", "GetObject": return Self.get(request, &state)
            case "DeleteObject":
                state.objects["\(request.bucket)/\(request.key)"] = nil
                return Answer(status: 204)
            default: return Self.multipart(request, &state)
            }
        }
    }

    private static func digestsMatch(_ request: Request) -> Bool {
        let digests = PayloadDigests(of: request.body)
        if let md5 = request.headers["content-md5"], md5 != Data(digests.md5).base64EncodedString() { return false }
        if let checksum = request.headers["x-amz-checksum-sha256"],
            checksum != Data(digests.sha256).base64EncodedString()
        {
            return false
        }
        return request.headers["x-amz-content-sha256"] == hex(digests.sha256)
    }

    private static func put(_ request: Request, _ state: inout State) -> Answer {
        let etag = hex(PayloadDigests(of: request.body).md5)
        state.objects["\(request.bucket)/\(request.key)"] = Object(
            bytes: request.body, etag: etag, headers: request.headers)
        state.acceptedBytes += request.body.count
        return Answer(headers: [("etag", "\"\(etag)\"")])
    }

    private static func copy(_ request: Request, _ state: inout State) -> Answer {
        guard let origin = request.headers["x-amz-copy-source"],
            let object = state.objects[String(origin.dropFirst())]
        else { return .error(404, "NoSuchKey") }
        if let wanted = request.headers["x-amz-copy-source-if-match"], wanted != "\"\(object.etag)\"" {
            return .error(412, "PreconditionFailed")
        }
        let etag = hex(PayloadDigests(of: object.bytes).md5)
        state.objects["\(request.bucket)/\(request.key)"] = Object(
            bytes: object.bytes, etag: etag, headers: request.headers)
        return xml("<CopyObjectResult><ETag>&quot;\(etag)&quot;</ETag></CopyObjectResult>")
    }

    private static func get(_ request: Request, _ state: inout State) -> Answer {
        guard let object = state.objects["\(request.bucket)/\(request.key)"] else { return .error(404, "NoSuchKey") }
        var headers = [("etag", "\"\(object.etag)\"")]
        guard request.method == "GET" else {
            headers.append(("content-length", "\(object.bytes.count)"))
            return Answer(headers: headers)
        }
        guard let range = request.headers["range"]?.dropFirst(6).split(separator: "-").compactMap({ Int($0) }),
            range.count == 2, range[0] < object.bytes.count
        else { return Answer(headers: headers, body: object.bytes) }
        return Answer(
            status: 206, headers: headers, body: Array(object.bytes[range[0]..<min(range[1] + 1, object.bytes.count)]))
    }

    private static func multipart(_ request: Request, _ state: inout State) -> Answer {
        let path = "\(request.bucket)/\(request.key)"
        if request.operation == "CreateMultipartUpload" {
            let id = "upload-\(state.nextUpload)"
            state.nextUpload += 1
            state.uploads[id] = Upload(
                bucket: request.bucket, key: request.key, headers: request.headers,
                initiated: Int64(Date().timeIntervalSince1970))
            return xml("<InitiateMultipartUploadResult><UploadId>\(id)</UploadId></InitiateMultipartUploadResult>")
        }
        if request.operation == "ListMultipartUploads" {
            let rows = state.uploads.filter { $0.value.bucket == request.bucket }.sorted { $0.key < $1.key }.map {
                "<Upload><Key>\($0.value.key)</Key><UploadId>\($0.key)</UploadId></Upload>"
            }
            return xml("<ListMultipartUploadsResult>\(rows.joined())</ListMultipartUploadsResult>")
        }
        let id = request.query["uploadId"] ?? ""
        guard let upload = state.uploads[id] else { return .error(404, "NoSuchUpload") }
        switch request.operation {
        case "AbortMultipartUpload":
            state.uploads[id] = nil
            return Answer(status: 204)
        case "ListParts":
            let rows = upload.parts.sorted { $0.key < $1.key }.map {
                "<Part><PartNumber>\($0.key)</PartNumber><ETag>&quot;\($0.value.etag)&quot;</ETag>"
                    + "<Size>\($0.value.bytes.count)</Size></Part>"
            }
            return xml("<ListPartsResult>\(rows.joined())</ListPartsResult>")
        case "UploadPart", "UploadPartCopy":
            let number = Int(request.query["partNumber"] ?? "") ?? 0
            var bytes = request.body
            if let origin = request.headers["x-amz-copy-source"] {
                let bounds = (request.headers["x-amz-copy-source-range"] ?? "").dropFirst(6).split(separator: "-")
                    .compactMap { Int($0) }
                guard let object = state.objects[String(origin.dropFirst())], bounds.count == 2 else {
                    return .error(404, "NoSuchKey")
                }
                bytes = Array(object.bytes[bounds[0]...bounds[1]])
            } else {
                state.acceptedParts["\(path)#\(number)", default: 0] += 1
                state.acceptedBytes += bytes.count
            }
            let etag = hex(PayloadDigests(of: bytes).md5)
            state.uploads[id]?.parts[number] = (bytes, etag)
            if request.operation == "UploadPart" { return Answer(headers: [("etag", "\"\(etag)\"")]) }
            return xml("<CopyPartResult><ETag>&quot;\(etag)&quot;</ETag></CopyPartResult>")
        default: return complete(request, upload, id, &state)
        }
    }

    private static func complete(
        _ request: Request, _ upload: Upload, _ id: String, _ state: inout State
    ) -> Answer {
        let body = String(decoding: request.body, as: UTF8.self)
        let named = body.matches(of: /<PartNumber>(\d+)<\/PartNumber><ETag>"([^"]*)"/).map { ($0.1, $0.2) }
        var bytes: [UInt8] = []
        var digests: [UInt8] = []
        for (number, etag) in named {
            guard let part = upload.parts[Int(number) ?? 0], part.etag == etag else {
                return .error(400, "InvalidPart")
            }
            bytes += part.bytes
            digests += PayloadDigests(of: part.bytes).md5
        }
        let etag = "\(hex(PayloadDigests(of: digests).md5))-\(named.count)"
        state.objects["\(upload.bucket)/\(upload.key)"] = Object(bytes: bytes, etag: etag, headers: upload.headers)
        state.uploads[id] = nil
        return xml(
            "<CompleteMultipartUploadResult><ETag>&quot;\(etag)&quot;</ETag></CompleteMultipartUploadResult>")
    }

    private static func xml(_ text: String) -> Answer {
        Answer(
            headers: [("content-type", "application/xml")],
            body: Array("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\(text)".utf8))
    }

    static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    // MARK: The wire

    private final class Holder: Sendable {
        let server = Mutex<ScriptedS3?>(nil)
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let holder: Holder
        private var head: HTTPRequestHead?
        private var body: [UInt8] = []

        init(_ holder: Holder) { self.holder = holder }

        func channelActive(context: ChannelHandlerContext) { count(1) }

        func channelInactive(context: ChannelHandlerContext) { count(-1) }

        private func count(_ change: Int) {
            holder.server.withLock { $0 }?.state.withLock { state in
                state.open += change
                state.openMost = max(state.openMost, state.open)
            }
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head):
                self.head = head
                body = []
            case .body(let part): body.append(contentsOf: part.readableBytesView)
            case .end:
                guard let head, let server = holder.server.withLock({ $0 }) else { return }
                answer(context, server, Self.request(head, body))
            }
        }

        private static func request(_ head: HTTPRequestHead, _ body: [UInt8]) -> Request {
            let halves = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
            let path = halves[0].dropFirst().split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            var query: [String: String] = [:]
            for item in (halves.count == 2 ? halves[1] : "").split(separator: "&") {
                let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                query[String(pair[0])] = pair.count == 2 ? String(pair[1]).removingPercentEncoding : ""
            }
            let headers = Dictionary(head.headers.map { ($0.name.lowercased(), $0.value) }) { _, last in last }
            return Request(
                method: head.method.rawValue, bucket: String(path.first ?? ""),
                key: path.count == 2 ? String(path[1]) : "", query: query, headers: headers, body: body)
        }

        private func answer(_ context: ChannelHandlerContext, _ server: ScriptedS3, _ request: Request) {
            switch server.decide(request) {
            case .none: write(context, server.handle(request), request)
            case .answer(let answer): write(context, answer, request)
            case .dropBefore: context.close(promise: nil)
            case .dropAfter:
                _ = server.handle(request)
                context.close(promise: nil)
            case .cutAnswer:
                var answer = server.handle(request)
                answer.headers.append(("content-length", "100000"))
                write(context, answer, request, closes: true)
            case .hang: break
            case .change(let change): write(context, change(server.handle(request)), request)
            case .flipBit:
                var changed = request
                if !changed.body.isEmpty { changed.body[0] ^= 1 }
                write(context, server.handle(changed), request)
            case .rot:
                let answer = server.handle(request, rots: true)
                write(context, answer, request)
            }
        }

        private func write(
            _ context: ChannelHandlerContext, _ answer: Answer, _ request: Request, closes: Bool = false
        ) {
            var headers = HTTPHeaders(answer.headers)
            headers.add(name: "date", value: ScriptedS3.httpDate())
            if !headers.contains(name: "content-length") {
                headers.add(name: "content-length", value: "\(answer.body.count)")
            }
            let head = HTTPResponseHead(
                version: .http1_1, status: HTTPResponseStatus(statusCode: answer.status), headers: headers)
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            if request.method != "HEAD", !answer.body.isEmpty {
                context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: answer.body)))), promise: nil)
            }
            if closes {
                context.flush()
                context.close(promise: nil)
            } else {
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            }
        }
    }

    static func httpDate() -> String {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(secondsFromGMT: 0)
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        return formatter.string(from: Date())
    }
}
