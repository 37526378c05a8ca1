import Foundation
import Objects
import Pipeline
import Synchronization
import Vaults

/// Says what a running tap does: statistics, new endpoints, problems.
struct TapMonitor {
    /// Seconds between two lines of statistics; nil for none.
    var interval: Double?
    private let json: Bool
    private let vault: String
    private let hook: String?
    private var printedAt = 0.0
    /// True while nothing is stored for want of room.
    private var isShort = false
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
        if (status.store.shortage == nil) == isShort {
            isShort.toggle()
            let shortage = status.store.shortage.map { "nothing more is acknowledged: \($0)" }
            Terminal.note("oxbow: warning: \(shortage ?? "there is room again, and storing goes on")")
        }
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
                    + (interface.loopbackCopies > 0 ? ", \(interface.loopbackCopies) loopback copies left out" : "")
                    + (interface.isShedding ? " (leaving flows out now)" : ""))
        }
        let spooled = status.interfaces.reduce(0) { $0 + $1.spooledBytes }
        if spooled > 0 { parts.append("\(ByteText.text(spooled)) spooled so far") }
        let waiting = status.interfaces.reduce(0) { $0 + $1.queueBytes + $1.spoolBytes }
        if waiting > 4 << 20 { parts.append("\(ByteText.text(waiting)) waiting") }
        let vault = status.report.vault
        parts.append("\(status.openFlows) connections, \(ByteText.text(status.gapBytes)) missing")
        parts.append(
            "\(vault.newBlocks) blocks new, \(vault.blocks - min(vault.blocks, vault.newBlocks)) known, \(ByteText.text(vault.newBlockBytes)) stored"
        )
        if let objects = objects(status) { parts.append(objects) }
        return "oxbow: \(Int(status.seconds)) s: \(parts.joined(separator: "; "))"
    }

    /// `12 objects verified, 1 partial`; nil before the first count.
    private func objects(_ status: TapStatus) -> String? {
        let counts = status.holdings.objects.map { ($0.key.rawValue, $0.value) }.sorted { $0.0 > $1.0 }
        guard !counts.isEmpty else { return nil }
        let texts = counts.filter { $0.1 > 0 }.map { "\($0.1) \($0.0)" }
        return "objects: " + (texts.isEmpty ? "none" : texts.joined(separator: ", "))
    }

    /// The report as of now, with what only a running tap has.
    private struct StatisticsJSON: Encodable {
        var status: TapStatus

        enum CodingKeys: String, CodingKey {
            case kind, openFlows, deliveredBytes, gapBytes, interfaces, objects, objectBytes, endpoints, problemCount
            case bufferBytes, bufferBytesMax, waitsForRoom
        }

        func encode(to encoder: any Encoder) throws {
            try status.report.encode(to: encoder)
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode("statistics", forKey: .kind)
            try container.encode(status.openFlows, forKey: .openFlows)
            try container.encode(status.deliveredBytes, forKey: .deliveredBytes)
            try container.encode(status.gapBytes, forKey: .gapBytes)
            try container.encode(status.interfaces, forKey: .interfaces)
            try container.encode(status.store.bufferBytes, forKey: .bufferBytes)
            try container.encode(status.store.bufferBytesMax, forKey: .bufferBytesMax)
            try container.encode(status.store.shortage != nil, forKey: .waitsForRoom)
            try container.encode(status.endpoints.count, forKey: .endpoints)
            try container.encode(status.problemCount, forKey: .problemCount)
            try container.encode(byWord(status.holdings.objects), forKey: .objects)
            try container.encode(byWord(status.holdings.bytes), forKey: .objectBytes)
        }

        private func byWord(_ counts: [ObjectState: UInt64]) -> [String: UInt64] {
            Dictionary(uniqueKeysWithValues: counts.map { ($0.key.rawValue, $0.value) })
        }
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
        printLine(StatisticsJSON(status: status))
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
    /// Seconds in `500ms`, `10s`, `5m`, `1h`, `30d` or `10`; nil when it is none.
    static func seconds(_ text: String) -> Double? {
        let digits = text.prefix { $0.isNumber || $0 == "." }
        guard let number = Double(digits), number >= 0 else { return nil }
        switch text[digits.endIndex...] {
        case "ms": return number / 1000
        case "", "s": return number
        case "m": return number * 60
        case "h": return number * 3600
        case "d": return number * 86_400
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
