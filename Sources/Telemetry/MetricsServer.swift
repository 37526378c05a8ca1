internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import Synchronization

/// How a program feels, for `/healthz`.
public struct HealthStatus: Sendable, Hashable {
    /// False when it does not do its work any more.
    public var isHealthy: Bool
    /// Lines for a person.
    public var lines: [String]

    /// A status of its parts.
    public init(isHealthy: Bool, lines: [String] = []) {
        self.isHealthy = isHealthy
        self.lines = lines
    }
}

/// Serves `/metrics` and `/healthz` over HTTP/1.1, on one thread of its own.
///
/// Connections are bounded in number and in idle time, so that whoever reaches the port cannot take the program's memory.
public final class MetricsServer: Sendable {
    /// What a server bears.
    public struct Limits: Sendable, Hashable {
        /// Connections open at once; one more is closed at once.
        public var connectionsMax = 32
        /// A connection that sends nothing for so long is closed, in seconds.
        public var idleSeconds: Int64 = 30

        /// The defaults.
        public init() {}
    }

    private let group: MultiThreadedEventLoopGroup
    private let channel: any Channel

    /// Answers at the socket from now on. `health` is called on the server's thread and must not wait.
    public init(
        _ socket: consuming ListeningSocket, registry: PrometheusRegistry, limits: Limits = Limits(),
        health: @escaping @Sendable () -> HealthStatus
    ) throws(ListeningError) {
        let place = "\(socket.address):\(socket.port)"
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let open = ConnectionCount(max: limits.connectionsMax)
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(ChannelOptions.backlog, value: 16)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard open.add() else { throw ChannelError.operationUnsupported }
                    channel.closeFuture.whenComplete { _ in open.remove() }
                    try channel.pipeline.syncOperations.addHandler(
                        IdleStateHandler(readTimeout: .seconds(limits.idleSeconds)))
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
                    try channel.pipeline.syncOperations.addHandler(MetricsHandler(registry: registry, health: health))
                }
            }
        do {
            channel = try bootstrap.withBoundSocket(socket.take()).wait()
        } catch {
            group.shutdownGracefully { _ in }
            throw ListeningError(place: place, reason: "\(error)", remedy: "choose another address or port")
        }
        self.group = group
    }

    /// Closes the port and every connection, and ends the thread.
    public func stop() {
        // Closing fails only when it is closed already; ending the thread fails never for a group of one's own.
        try? channel.close().wait()
        try? group.syncShutdownGracefully()
    }
}

/// Connections that are open. Used on the server's one thread, but owned by closures that must be `Sendable`.
private final class ConnectionCount: Sendable {
    private let count = Atomic<Int>(0)
    private let max: Int

    init(max: Int) { self.max = max }

    /// True when there is room for one more, which then counts.
    func add() -> Bool {
        if count.add(1, ordering: .relaxed).newValue <= max { return true }
        remove()
        return false
    }

    func remove() { count.subtract(1, ordering: .relaxed) }
}
