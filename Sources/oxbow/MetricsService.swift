import ArgumentParser
import Foundation
import Pipeline
import Synchronization
import Telemetry

/// Where `tap` serves metrics.
struct MetricsArguments: ParsableArguments {
    @Option(
        name: .customLong("metrics-port"),
        help: ArgumentHelp(
            "Serve /metrics for Prometheus and /healthz on this TCP port; 0 for any that is free.", valueName: "port"))
    var port: UInt16?

    @Option(
        name: .customLong("metrics-address"),
        help: ArgumentHelp(
            "Serve them at this address (default: 127.0.0.1, this machine alone).", valueName: "address"))
    var address: String?

    /// Takes the port, if one was asked for. Ports below 1024 need privileges that are dropped later.
    func listen(_ configured: Configuration) throws -> ListeningSocket? {
        let address = address ?? configured.metricsAddress
        guard let port = port ?? configured.metricsPort else {
            if address != nil { throw ValidationError("--metrics-address needs a --metrics-port") }
            return nil
        }
        do {
            return try ListeningSocket(address: address ?? "127.0.0.1", port: port)
        } catch {
            throw CommandFailure(description: error.description)
        }
    }
}

/// What a tap serves to Prometheus and to whoever asks for its health.
final class MetricsService {
    /// A tap whose main thread says nothing for so long is not healthy, in seconds.
    private static let patience = 10.0

    private let registry: PrometheusRegistry
    private let server: MetricsServer
    private let health: HealthBoard
    private var tap: TapMetrics
    private var process: ProcessMetrics
    private var takenAt = -Double.infinity

    /// Answers from now on.
    init(_ socket: consuming ListeningSocket) throws {
        registry = PrometheusRegistry(Self.definitions)
        tap = TapMetrics(factory: registry, version: Oxbow.configuration.version)
        process = ProcessMetrics(factory: registry)
        let board = HealthBoard(patience: Self.patience)
        health = board
        let place = "\(socket.address):\(socket.port)"
        process.take()
        do {
            server = try MetricsServer(socket, registry: registry) { board.status }
        } catch {
            throw CommandFailure(description: error.description)
        }
        Terminal.note("oxbow: metrics at http://\(place)/metrics")
    }

    /// Copies how the tap is doing, once a second; `isLast` at once.
    func take(_ status: TapStatus, isLast: Bool = false) {
        health.take(status)
        // Durations are told once, so a status that has some is taken.
        guard isLast || status.seconds - takenAt >= 1 || !status.store.commitDurations.isEmpty else { return }
        takenAt = status.seconds
        tap.take(status)
        process.take()
    }

    /// Closes the port.
    func stop() { server.stop() }

    /// Everything that is exported.
    static let definitions: [MetricDefinition] =
        TapMetrics.all.map { metric in
            let kind: MetricDefinition.Kind =
                switch metric.kind {
                case .counter: .counter
                case .gauge: .gauge
                case .histogram: .histogram(bounds: metric.bounds)
                }
            return MetricDefinition(metric.name, kind, metric.help)
        } + ProcessMetrics.definitions
}

/// What `/healthz` says. Written by the tap's main thread, read by the server's.
private final class HealthBoard: Sendable {
    private struct State {
        var heardAt = ContinuousClock.now
        var lines: [String] = []
    }

    private let state = Mutex(State())
    private let patience: Double

    init(patience: Double) { self.patience = patience }

    func take(_ status: TapStatus) {
        var lines: [String] = []
        for interface in status.interfaces {
            if !interface.isUp { lines.append("interface \(interface.name) is away") }
            if interface.isShedding { lines.append("interface \(interface.name): connections are left out") }
            if interface.isSpoolFaulty { lines.append("interface \(interface.name): the spool cannot be written") }
        }
        state.withLock { $0 = State(heardAt: .now, lines: lines) }
    }

    /// Healthy is a tap that goes on, whatever its surroundings do: what a restart would not mend is said in the lines.
    var status: HealthStatus {
        let state = state.withLock { $0 }
        if Interruption.wasRequested { return HealthStatus(isHealthy: true, lines: ["ending"]) }
        let silent = (ContinuousClock.now - state.heardAt) / .seconds(1)
        if silent > patience {
            return HealthStatus(isHealthy: false, lines: ["nothing was heard of the tap for \(Int(silent)) s"])
        }
        return HealthStatus(isHealthy: true, lines: state.lines)
    }
}
