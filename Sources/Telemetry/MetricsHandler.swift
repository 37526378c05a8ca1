internal import NIOCore
internal import NIOHTTP1

/// Answers the requests of one connection.
final class MetricsHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let registry: PrometheusRegistry
    private let health: @Sendable () -> HealthStatus
    private var head: HTTPRequestHead?

    init(registry: PrometheusRegistry, health: @escaping @Sendable () -> HealthStatus) {
        self.registry = registry
        self.health = health
    }

    /// What is said to a request.
    private struct Answer {
        var status: HTTPResponseStatus
        var contentType = "text/plain; charset=utf-8"
        var body: String
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: break
        case .end:
            guard let head else { return }
            self.head = nil
            send(answer(to: head), to: head, context)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent {
            context.close(promise: nil)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func answer(to head: HTTPRequestHead) -> Answer {
        let path = head.uri.prefix { $0 != "?" }
        guard path == "/metrics" || path == "/healthz" else {
            return Answer(status: .notFound, body: "there is /metrics and /healthz\n")
        }
        guard head.method == .GET || head.method == .HEAD else {
            return Answer(status: .methodNotAllowed, body: "only GET and HEAD\n")
        }
        if path == "/metrics" {
            return Answer(status: .ok, contentType: PrometheusText.contentType, body: registry.exposition())
        }
        let health = health()
        let lines = [health.isHealthy ? "ok" : "not healthy"] + health.lines
        return Answer(
            status: health.isHealthy ? .ok : .serviceUnavailable, body: lines.joined(separator: "\n") + "\n")
    }

    private func send(_ answer: Answer, to head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let body = ByteBuffer(string: answer.body)
        var headers = HTTPHeaders([
            ("content-type", answer.contentType), ("content-length", "\(body.readableBytes)"),
            ("cache-control", "no-store"), ("x-content-type-options", "nosniff"),
        ])
        if answer.status == .methodNotAllowed { headers.add(name: "allow", value: "GET, HEAD") }
        if !head.isKeepAlive { headers.add(name: "connection", value: "close") }
        let response = HTTPResponseHead(version: head.version, status: answer.status, headers: headers)
        context.write(wrapOutboundOut(.head(response)), promise: nil)
        if head.method != .HEAD { context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        let written = context.eventLoop.makePromise(of: Void.self)
        if !head.isKeepAlive {
            let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
            written.futureResult.whenComplete { _ in bound.value.close(promise: nil) }
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
    }
}
