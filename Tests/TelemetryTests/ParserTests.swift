import CoreMetrics
import Foundation
import Testing

@testable import Telemetry

/// What Prometheus' own Python client reads of our text.
@Suite(.enabled(if: PythonParser.isThere, "needs python3 with prometheus-client"))
struct `The text of a registry, read by another's parser` {
    @Test func `says the same values, meanings, kinds and labels`() throws {
        let registry = PrometheusRegistry([
            MetricDefinition("t_packets_total", .counter, "Packets \\ with a \"quote\" and\na second line."),
            MetricDefinition("t_open", .gauge, "Open."),
            MetricDefinition("t_commit_seconds", .histogram(bounds: [0.001, 0.5, 10]), "Commits."),
        ])
        let odd = ["eth0", "", "a\"b", "c\\d", "e\nf", "ü ☃ {},=#", "\\n"]
        for (number, name) in odd.enumerated() {
            Counter(label: "t_packets_total", dimensions: [("interface", name), ("cause", "x")], factory: registry)
                .increment(by: number * 1_000_003)
        }
        Meter(label: "t_open", factory: registry).set(0.1 + 0.2)
        let recorder = Recorder(label: "t_commit_seconds", factory: registry)
        for value in [0.001, 0.002, 20, 0.5] { recorder.record(value) }
        let families = try PythonParser.read(registry.exposition())
        let packets = try #require(families["t_packets"])
        #expect(packets.type == "counter")
        #expect(packets.help == "Packets \\ with a \"quote\" and\na second line.")
        for (number, name) in odd.enumerated() {
            let found = packets.samples.filter { $0.labels == ["interface": name, "cause": "x"] }
            #expect(found.map(\.value) == [Double(number * 1_000_003)], "\(name)")
        }
        #expect(families["t_open"]?.samples.map(\.value) == [0.1 + 0.2])
        let commits = try #require(families["t_commit_seconds"])
        #expect(commits.type == "histogram")
        let buckets = commits.samples.filter { $0.name == "t_commit_seconds_bucket" }
        #expect(buckets.map { $0.labels["le"] } == ["0.001", "0.5", "10", "+Inf"])
        #expect(buckets.map(\.value) == [1, 3, 3, 4])
        #expect(commits.samples.last { $0.name == "t_commit_seconds_sum" }?.value == 20.503)
        #expect(commits.samples.last { $0.name == "t_commit_seconds_count" }?.value == 4)
    }
}

/// `prometheus_client.parser` in a Python of its own.
enum PythonParser {
    struct Family: Decodable {
        var type: String
        var help: String
        var samples: [Sample]
    }

    struct Sample: Decodable {
        var name: String
        var labels: [String: String]
        var value: Double
    }

    static let isThere: Bool = (try? run("import prometheus_client.parser", "")) != nil

    static func read(_ text: String) throws -> [String: Family] {
        let script = """
            import json, sys
            from prometheus_client.parser import text_string_to_metric_families
            text = sys.stdin.buffer.read().decode()
            print(json.dumps({f.name: {"type": f.type, "help": f.documentation, "samples": [
                {"name": s.name, "labels": s.labels, "value": s.value} for s in f.samples]}
                for f in text_string_to_metric_families(text)}))
            """
        return try JSONDecoder().decode([String: Family].self, from: run(script, text))
    }

    private static func run(_ script: String, _ input: String) throws -> Data {
        let process = Process()
        let (output, source) = (Pipe(), Pipe())
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-c", script]
        process.standardInput = source
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        // What is asked here fits a pipe.
        source.fileHandleForWriting.write(Data(input.utf8))
        try source.fileHandleForWriting.close()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw CocoaError(.executableLoad) }
        return data
    }
}
