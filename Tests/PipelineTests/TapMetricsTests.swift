import CoreMetrics
import Foundation
import Objects
import Telemetry
import Testing

@testable import Flows
@testable import Pipeline

@Suite struct `The metrics of a tap` {
    @Test func `are what the status says, however often it is taken`() throws {
        let registry = PrometheusRegistry(definitions)
        var metrics = TapMetrics(factory: registry, version: "1.2.3")
        var status = TapStatus.empty
        var interface = InterfaceReport(name: "eth0")
        (interface.received, interface.droppedByKernel, interface.droppedByOverload) = (100, 7, 5)
        (interface.droppedByOverrun, interface.outageSeconds, interface.isUp) = (2, 1.5, false)
        status.interfaces = [interface]
        (status.report.vault.blocks, status.report.vault.newBlocks) = (10, 4)
        status.report.flows = ["gapBytesOverload": 30, "keepAlives": 3]
        status.report.frameFaults = ["not-tcp": 9]
        status.holdings.objects = [.verified: 6, .partial: 1]
        status.store.commitDurations = [2_000_000, 700_000_000]
        metrics.take(status)
        status.store.commitDurations = []
        metrics.take(status)
        status.interfaces[0].received = 150
        metrics.take(status)
        let text = registry.exposition()
        for line in [
            #"oxbow_received_packets_total{interface="eth0"} 150"#,
            #"oxbow_dropped_packets_total{cause="kernel",interface="eth0"} 7"#,
            #"oxbow_dropped_packets_total{cause="shed",interface="eth0"} 3"#,
            #"oxbow_dropped_packets_total{cause="overrun",interface="eth0"} 2"#,
            #"oxbow_interface_outage_seconds_total{interface="eth0"} 1.5"#,
            #"oxbow_interface_up{interface="eth0"} 0"#, #"oxbow_blocks_total{state="new"} 4"#,
            #"oxbow_blocks_total{state="known"} 6"#, #"oxbow_tcp_gap_bytes_total{cause="overload"} 30"#,
            #"oxbow_tcp_events_total{event="keepAlives"} 3"#, #"oxbow_frame_faults_total{reason="not-tcp"} 9"#,
            #"oxbow_objects{state="verified"} 6"#, #"oxbow_build_info{version="1.2.3"} 1"#,
            #"oxbow_commit_duration_seconds_bucket{le="0.0025"} 1"#, "oxbow_commit_duration_seconds_count 2",
            "oxbow_commit_duration_seconds_sum 0.702",
        ] {
            #expect(text.contains("\n\(line)\n"), "\(line)")
        }
        #expect(registry.refusedSeries == 0)
    }

    @Test func `tell the first hundred hosts apart, and sum up the rest`() {
        let registry = PrometheusRegistry(definitions)
        var metrics = TapMetrics(factory: registry, version: "1")
        var status = TapStatus.empty
        for number in 0..<150 {
            status.report.undecryptable.append(
                UndecryptableLine(host: "host-\(number)", reason: "key-missing", flows: 1, bytes: 10))
        }
        metrics.take(status)
        metrics.take(status)
        let lines = registry.exposition().split(separator: "\n").filter {
            $0.hasPrefix("oxbow_undecryptable_bytes_total{")
        }
        #expect(lines.count == 101)
        #expect(lines.contains(#"oxbow_undecryptable_bytes_total{host="other",reason="key-missing"} 500"#))
        #expect(registry.refusedSeries == 0)
    }

    @Test func `leave out no counter of the reassembly`() {
        let registry = PrometheusRegistry(definitions)
        var metrics = TapMetrics(factory: registry, version: "1")
        var status = TapStatus.empty
        let names = Mirror(reflecting: FlowCounters()).children.compactMap(\.label)
        for (index, name) in names.enumerated() { status.report.flows[name] = 1_000_003 + UInt64(index) }
        metrics.take(status)
        let text = registry.exposition()
        for (index, name) in names.enumerated() where name != "flowsClosed" {
            #expect(text.contains(" \(1_000_003 + index)\n"), "\(name)")
        }
    }

    @Test(arguments: TapMetrics.all.map(\.name))
    func `keep to Prometheus' conventions`(_ name: String) throws {
        let metric = try #require(TapMetrics.all.first { $0.name == name })
        #expect(PrometheusText.isMetricName(name) && metric.labels.allSatisfy(PrometheusText.isLabelName))
        #expect(name.hasSuffix("_total") == (metric.kind == .counter))
        #expect(TapMetrics.all.filter { $0.name == name }.count == 1)
        #expect(!name.contains("millisecond") && !name.contains("kib"))
        #expect(metric.help.hasSuffix("."))
    }

    /// With OXBOW_WRITE_DOCUMENTS=1 the table is written anew.
    @Test func `stand in docs/metrics.md, all and with the same words`() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let file = root.deletingLastPathComponent().appending(path: "docs/metrics.md")
        var table = "| metric | kind | labels | meaning |\n|---|---|---|---|\n"
        for metric in TapMetrics.all {
            let labels = metric.labels.map { "`\($0)`" }.joined(separator: ", ")
            table += "| `\(metric.name)` | \(metric.kind.rawValue) | \(labels) | \(metric.help) |\n"
        }
        for metric in ProcessMetrics.definitions {
            table += "| `\(metric.name)` | \(metric.kind.word) |  | \(metric.help) |\n"
        }
        let (begin, end) = ("<!-- table -->\n", "<!-- end of table -->\n")
        var text = try String(contentsOf: file, encoding: .utf8)
        let start = try #require(text.range(of: begin)).upperBound
        let stop = try #require(text.range(of: end)).lowerBound
        if ProcessInfo.processInfo.environment["OXBOW_WRITE_DOCUMENTS"] != nil {
            text.replaceSubrange(start..<stop, with: table)
            try text.write(to: file, atomically: true, encoding: .utf8)
        } else {
            #expect(text[start..<stop] == table, "write it anew with OXBOW_WRITE_DOCUMENTS=1")
        }
    }

    private var definitions: [MetricDefinition] {
        TapMetrics.all.map { metric in
            switch metric.kind {
            case .counter: MetricDefinition(metric.name, .counter, metric.help)
            case .gauge: MetricDefinition(metric.name, .gauge, metric.help)
            case .histogram: MetricDefinition(metric.name, .histogram(bounds: metric.bounds), metric.help)
            }
        }
    }
}

extension TapStatus {
    /// A tap that has just begun.
    fileprivate static var empty: TapStatus {
        TapStatus(
            seconds: 0, packets: 0, openFlows: 0, deliveredBytes: 0, gapBytes: 0, interfaces: [],
            report: ReplayReport(), store: StoreStatus(), holdings: Holdings(), endpoints: [], problemCount: 0,
            newEndpoints: [], leftOut: [], problems: [])
    }
}
