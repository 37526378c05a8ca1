import Foundation
import Pipeline
import Synchronization

/// Says what a running tap does: statistics, new endpoints, problems.
struct TapMonitor {
    /// Seconds between two lines of statistics; nil for none.
    var interval: Double?
    private let json: Bool
    private let vault: String
    private let hook: String?
    private var printedAt = 0.0
    private var before: TapStatus?

    init(interval: Double?, json: Bool, vault: String, hook: String?) {
        self.interval = interval
        self.json = json
        self.vault = vault
        self.hook = hook
    }

    /// Takes how the tap is doing.
    mutating func take(_ status: TapStatus) {
        for problem in status.problems { Terminal.note("oxbow: warning: \(problem)") }
        for endpoint in status.newEndpoints { announce(endpoint) }
        if json { for flow in status.leftOut { printLine(LeftOutJSON(flow)) } }
        guard let interval, status.seconds - printedAt >= interval else { return }
        printedAt = status.seconds
        if json { printJSON(status) } else { Terminal.note(line(status)) }
        before = status
    }

    private func line(_ status: TapStatus) -> String {
        let seconds = max(0.001, status.seconds - (before?.seconds ?? 0))
        var parts: [String] = []
        for interface in status.interfaces {
            let earlier = before?.interfaces.first { $0.name == interface.name }
            let packets = Double(interface.processed - min(interface.processed, earlier?.processed ?? 0)) / seconds
            let bytes =
                Double(interface.capturedBytes - min(interface.capturedBytes, earlier?.capturedBytes ?? 0)) / seconds
            parts.append(
                "\(interface.name) \(Int(packets)) packets/s \(ByteText.text(UInt64(bytes)))/s, dropped \(interface.droppedByKernel) by kernel, \(interface.droppedByOverload) by overload"
                    + (interface.isShedding ? " (leaving flows out now)" : ""))
        }
        let spooled = status.interfaces.reduce(0) { $0 + $1.spooledBytes }
        if spooled > 0 { parts.append("\(ByteText.text(spooled)) spooled so far") }
        return
            "oxbow: \(Int(status.seconds)) s: \(parts.joined(separator: "; ")); \(status.openFlows) connections, \(ByteText.text(status.gapBytes)) missing"
    }

    private struct StatisticsJSON: Encodable {
        var kind = "statistics"
        var seconds: Double
        var packets: UInt64
        var openFlows: Int
        var deliveredBytes: UInt64
        var gapBytes: UInt64
        var interfaces: [InterfaceReport]
    }

    private struct EndpointJSON: Encodable {
        var kind = "endpoint"
        var cloud: String
        var host: String
        var firstSeen: String

        enum CodingKeys: String, CodingKey {
            case kind, cloud, host
            case firstSeen = "first_seen"
        }
    }

    private struct LeftOutJSON: Encodable {
        var kind = "left-out"
        var flow: String
        var since: String

        init(_ left: LeftOutFlow) {
            flow = left.text
            since = TimeText.text(left.since)
        }
    }

    private func printJSON(_ status: TapStatus) {
        printLine(
            StatisticsJSON(
                seconds: status.seconds, packets: status.packets, openFlows: status.openFlows,
                deliveredBytes: status.deliveredBytes, gapBytes: status.gapBytes, interfaces: status.interfaces))
    }

    /// A reader of standard output that fails must not end the tap: what it does for the vault goes on.
    private func printLine(_ value: some Encodable) {
        do { try JSONLine.print(value) } catch { Terminal.note("oxbow: warning: \(error)") }
    }

    private func announce(_ endpoint: EndpointSighting) {
        let time = TimeText.text(endpoint.firstSeen)
        Terminal.note("oxbow: new endpoint \(endpoint.cloud)://\(endpoint.host), first seen \(time)")
        if json { printLine(EndpointJSON(cloud: endpoint.cloud, host: endpoint.host, firstSeen: time)) }
        guard let hook else { return }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", hook]
        process.environment = ProcessInfo.processInfo.environment.merging([
            "OXBOW_ENDPOINT_CLOUD": endpoint.cloud, "OXBOW_ENDPOINT_HOST": endpoint.host,
            "OXBOW_ENDPOINT_FIRST_SEEN": time, "OXBOW_VAULT": vault,
        ]) { _, new in new }
        process.standardInput = FileHandle.nullDevice
        // Nobody waits for it: a hook that hangs must not hold the tap up.
        do { try process.run() } catch { Terminal.note("oxbow: warning: --on-new-endpoint cannot be run: \(error)") }
    }
}

/// Spans of time as people write them.
enum DurationText {
    /// Seconds in `500ms`, `10s`, `5m`, `1h` or `10`; nil when it is none.
    static func seconds(_ text: String) -> Double? {
        let digits = text.prefix { $0.isNumber || $0 == "." }
        guard let number = Double(digits), number >= 0 else { return nil }
        switch text[digits.endIndex...] {
        case "ms": return number / 1000
        case "", "s": return number
        case "m": return number * 60
        case "h": return number * 3600
        default: return nil
        }
    }
}

/// SIGHUP: asks a tap to read its configuration anew.
enum Reload {
    private static let isRequested = Atomic<Bool>(false)

    /// Sets the handler.
    static func install() {
        Interruption.unblock([SIGHUP])
        signal(SIGHUP) { _ in Reload.isRequested.store(true, ordering: .relaxed) }
    }

    /// True once for each request.
    static func takeRequest() -> Bool { isRequested.exchange(false, ordering: .relaxed) }
}
