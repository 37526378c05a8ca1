internal import AsyncHTTPClient
internal import Foundation
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import Objects
internal import Synchronization

/// Signs, sends and repeats requests of the S3 REST API over a bounded pool of connections.
///
/// It knows nothing of objects or migrations, and it hands no request to the HTTP client's log, where signatures would
/// appear.
package final class S3Client: Sendable {
    private let http: HTTPClient
    private let credentials: S3Credentials
    private let settings: S3Settings
    private let endpoint: S3Endpoint
    /// Endpoints of buckets that turned out to be in another region.
    private let moved = Mutex<[String: S3Endpoint]>([:])
    private let clockOffset = Mutex<Int64>(0)
    private let now: @Sendable () -> Int64
    package let counters: RequestCounters

    package init(
        endpoint: S3Endpoint, credentials: S3Credentials, settings: S3Settings, counters: RequestCounters,
        now: @escaping @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970) }
    ) {
        self.endpoint = endpoint
        self.credentials = credentials
        self.settings = settings
        self.counters = counters
        self.now = now
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.httpVersion = .http1Only
        configuration.timeout = .init(
            connect: Self.amount(settings.connectSeconds), read: Self.amount(settings.idleSeconds),
            write: Self.amount(settings.idleSeconds))
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = max(1, settings.connectionsMax)
        // Retries are ours: the pool's own would go on until the deadline and hide a refused connection behind it.
        configuration.connectionPool.retryConnectionEstablishment = false
        // Below the 20 s after which Amazon closes an idle connection, so that we seldom write into a closed one.
        configuration.connectionPool.idleTimeout = .seconds(15)
        http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// The HTTP client ends the process when it goes without being shut down; a caller that was stopped by an error
    /// before it could close must not have that effect. A second shutdown does nothing.
    deinit { http.shutdown { _ in } }

    package func close() async { try? await http.shutdown() }

    /// The endpoint that serves a bucket.
    package func endpoint(of bucket: String) -> S3Endpoint { moved.withLock { $0[bucket] } ?? endpoint }

    /// Uses another region for a bucket from now on.
    package func move(_ bucket: String, to region: String) {
        var other = endpoint
        if endpoint.isAmazon { other = .amazon(region: region, addressing: endpoint.addressing) }
        other.region = region
        moved.withLock { $0[bucket] = other }
    }

    /// The target's clock now, in seconds since 1970 UTC, as far as its `Date` headers tell.
    package var targetSeconds: Int64 { now() + clockOffset.withLock { $0 } }

    /// Sends a request until it is answered 2xx, at most as often as the policy says.
    ///
    /// Every request this is used for may be repeated: a repetition has the same effect, or a harmless one that the
    /// caller looks for. `attemptsMax` tightens the policy.
    package func send(_ request: S3Request, attemptsMax: Int? = nil) async throws -> S3Answer {
        let limit = min(settings.retry.attemptsMax, attemptsMax ?? .max)
        var attempt = 1
        while true {
            try Task.checkCancellation()
            counters.attempted(request.kind, isRetry: attempt > 1)
            var failed: S3Failure
            do {
                var answer = try await sendOnce(request)
                answer.attempts = attempt
                if isSuccess(answer, of: request) { return answer }
                failed = S3Failure(
                    answer, of: request, at: endpoint(of: request.bucket), localSeconds: now())
                if failed.failure.kind == .throttled { counters.wasThrottled() }
            } catch {
                failed = try transportFailure(error, of: request)
            }
            failed.failure.attempts = attempt
            guard failed.isRetryable, attempt < limit else { throw failed.failure }
            let pause = settings.retry.pause(after: attempt, retryAfterSeconds: failed.retryAfterSeconds)
            if pause > 0 { try await Task.sleep(for: .seconds(pause)) }
            attempt += 1
        }
    }

    private func isSuccess(_ answer: S3Answer, of request: S3Request) -> Bool {
        guard (200..<300).contains(answer.status) else { return false }
        // "CompleteMultipartUpload", Amazon S3 API Reference: a 200 may carry an error; so may copies.
        return !(request.mayFailInsideSuccess && answer.xml?.name == "Error")
    }

    private func sendOnce(_ request: S3Request) async throws -> S3Answer {
        let prepared = prepare(request)
        // Idle timeouts catch stalls; this catches a peer that drips a byte now and then.
        let seconds = settings.idleSeconds * 2 + Double(request.bodyLength) / 1_024
        let response = try await http.execute(prepared, deadline: .now() + Self.amount(seconds))
        if let date = response.headers.first(name: "date").flatMap(UTCTime.init(httpDate:)) {
            let offset = date.seconds - now()
            clockOffset.withLock { $0 = offset }
        }
        // A refusal says why in more bytes than a short range has.
        let isRefusal = !(200..<300).contains(response.status.code)
        let limit = isRefusal ? max(request.answerBytesMax, Self.refusalBytesMax) : request.answerBytesMax
        let body = try await response.body.collect(upTo: limit)
        return S3Answer(status: Int(response.status.code), headers: response.headers, body: body)
    }

    /// Most bytes of an answer that refuses.
    private static let refusalBytesMax = 64 << 10

    /// The signed request.
    private func prepare(_ request: S3Request) -> HTTPClientRequest {
        let endpoint = endpoint(of: request.bucket)
        let address = endpoint.address(bucket: request.bucket, key: request.key)
        let time = UTCTime(seconds: now())
        var headers = request.headers
        let digests: PayloadDigests
        var prepared = HTTPClientRequest(url: address.url)
        switch request.body {
        case .none: digests = PayloadDigests(of: [])
        case .bytes(let bytes):
            digests = PayloadDigests(of: bytes)
            prepared.body = .bytes(ByteBuffer(bytes: bytes))
        case .stream(let payload):
            digests = payload.digests
            prepared.body = Self.body(of: payload)
        }
        if request.method == .PUT || request.method == .POST {
            headers.append(("content-md5", Data(digests.md5).base64EncodedString()))
        }
        let payloadHash = ByteText.hex(digests.sha256)
        headers += [("host", address.host), ("x-amz-date", time.compact), ("x-amz-content-sha256", payloadHash)]
        if let token = credentials.sessionToken { headers.append(("x-amz-security-token", token)) }
        let toSign = SignatureV4.Request(
            method: request.method.rawValue, path: address.path, query: request.query, headers: headers,
            payloadHash: payloadHash)
        let signature = SignatureV4(credentials: credentials, region: endpoint.region)
        headers.append(("authorization", signature.authorization(for: toSign, at: time)))
        if !request.query.isEmpty {
            prepared.url += "?" + SignatureV4.queryString(request.query, isSorted: true)
        }
        prepared.method = request.method
        prepared.headers = HTTPHeaders(headers.map { ($0.name, $0.value) })
        return prepared
    }

    private static func body(of payload: some RequestBody) -> HTTPClientRequest.Body {
        // A small body in one piece saves the hand-over of a stream; it is most of the cost of a small object.
        if let whole = payload.whole() { return .bytes(whole) }
        return .stream(payload, length: .known(Int64(payload.length)))
    }

    /// What a failed attempt without an answer means; throws what another attempt cannot change.
    private func transportFailure(_ error: any Error, of request: S3Request) throws -> S3Failure {
        if let read = error as? RequestBodyFailure { throw read.cause }
        if error is CancellationError || Task.isCancelled { throw CancellationError() }
        let endpoint = endpoint(of: request.bucket)
        return S3Failure(transport: Self.words(for: error), of: request, at: endpoint)
    }

    private static func words(for error: any Error) -> String {
        switch error {
        case let error as HTTPClientError: words(for: error)
        case let error as NIOConnectionError where !error.connectionErrors.isEmpty:
            error.connectionErrors.map { "\($0.target): \($0.error)" }.joined(separator: "; ")
        case let error as NIOConnectionError: "\(error.host) has no address"
        default: String(describing: error)
        }
    }

    private static func words(for error: HTTPClientError) -> String {
        switch error {
        case .connectTimeout: "no connection in time"
        case .readTimeout: "no answer in time"
        case .writeTimeout: "the target stopped taking bytes"
        case .deadlineExceeded: "the request took too long"
        case .remoteConnectionClosed: "the connection was closed before the answer was whole"
        default: String(describing: error)
        }
    }

    private static func amount(_ seconds: Double) -> TimeAmount { .milliseconds(Int64(seconds * 1_000)) }
}

extension S3Failure {
    /// A failure without an answer. Worth another attempt: the target may be starting, or a proxy cut the connection.
    init(transport words: String, of request: S3Request, at endpoint: S3Endpoint) {
        isRetryable = true
        failure = TargetFailure(
            kind: .unreachable, operation: request.kind.rawValue, subject: Self.subject(request, endpoint),
            message: words,
            remedy: "Check that \(endpoint.url) is the endpoint, that it runs, and that a firewall lets this machine "
                + "through; the journal continues where this run stopped")
    }
}
