import CoreMetrics
import Testing

@testable import Telemetry

@Suite struct `A registry of metrics` {
    private let received = MetricDefinition("test_received_total", .counter, "Packets.")

    @Test func `writes counters, gauges and their labels as the format 0.0.4 has them`() {
        let registry = PrometheusRegistry([
            received, MetricDefinition("test_open", .gauge, "A backslash \\ and\na new line, but a \"quote\"."),
        ])
        Counter(label: "test_received_total", dimensions: [("interface", "eth0")], factory: registry).increment(by: 7)
        Counter(label: "test_received_total", dimensions: [("interface", "eth\"1\\\n")], factory: registry).increment()
        Meter(label: "test_open", factory: registry).set(-1.5)
        #expect(
            registry.exposition() == #"""
                # HELP test_open A backslash \\ and\na new line, but a "quote".
                # TYPE test_open gauge
                test_open -1.5
                # HELP test_received_total Packets.
                # TYPE test_received_total counter
                test_received_total{interface="eth0"} 7
                test_received_total{interface="eth\"1\\\n"} 1

                """#)
    }

    @Test func `takes the same labels in any order as one series`() {
        let registry = PrometheusRegistry()
        Counter(label: "a_total", dimensions: [("x", "1"), ("y", "2")], factory: registry).increment(by: 2)
        Counter(label: "a_total", dimensions: [("y", "2"), ("x", "1")], factory: registry).increment(by: 3)
        #expect(registry.exposition() == "# TYPE a_total counter\na_total{x=\"1\",y=\"2\"} 5\n")
    }

    @Test func `sums up the buckets of a histogram, with a value on a bound in that bucket`() {
        let registry = PrometheusRegistry([
            MetricDefinition("commit_seconds", .histogram(bounds: [0.1, 1]), "Commits.")
        ])
        let recorder = Recorder(label: "commit_seconds", dimensions: [("a", "b")], factory: registry)
        for value in [0.05, 0.1, 0.5, 3] { recorder.record(value) }
        Timer(label: "commit_seconds", dimensions: [("a", "b")], factory: registry).recordNanoseconds(250_000_000)
        #expect(
            registry.exposition() == """
                # HELP commit_seconds Commits.
                # TYPE commit_seconds histogram
                commit_seconds_bucket{a="b",le="0.1"} 2
                commit_seconds_bucket{a="b",le="1"} 4
                commit_seconds_bucket{a="b",le="+Inf"} 5
                commit_seconds_sum{a="b"} 3.9
                commit_seconds_count{a="b"} 5

                """)
    }

    @Test(arguments: [
        (0.0, "0"), (3, "3"), (0.1, "0.1"), (1e-9, "1e-09"), (1e300, "1e+300"), (.nan, "NaN"), (.infinity, "+Inf"),
        (-.infinity, "-Inf"), (9_007_199_254_740_991, "9007199254740991"), (1.7e9, "1700000000"),
    ])
    func `writes numbers that every reader takes`(value: Double, text: String) {
        #expect(PrometheusText.value(value) == text)
    }

    @Test func `keeps whole counts exact beyond 2^53, and begins anew instead of overflowing`() {
        let registry = PrometheusRegistry()
        let counter = Counter(label: "a_total", factory: registry)
        counter.increment(by: Int64(9_007_199_254_740_993))
        #expect(registry.exposition().contains("a_total 9007199254740993\n"))
        counter.increment(by: Int64.max)
        #expect(registry.exposition().contains("a_total 0\n"))
    }

    @Test func `refuses series beyond its limits, and counts them`() {
        var limits = PrometheusRegistry.Limits()
        limits.seriesMax = 3
        limits.seriesPerMetricMax = 2
        let registry = PrometheusRegistry([received], limits: limits)
        for number in 0..<5 {
            Counter(label: "test_received_total", dimensions: [("host", "\(number)")], factory: registry).increment()
        }
        for name in ["b_total", "c_total"] { Counter(label: name, factory: registry).increment() }
        #expect(registry.refusedSeries == 4)
        #expect(registry.exposition().split(separator: "\n").filter { !$0.hasPrefix("#") }.count == 3)
    }

    @Test func `gives the room of a destroyed series back`() {
        var limits = PrometheusRegistry.Limits()
        limits.seriesMax = 1
        let registry = PrometheusRegistry(limits: limits)
        for number in 0..<10 {
            let counter = Counter(label: "a_total", dimensions: [("host", "\(number)")], factory: registry)
            #expect(registry.exposition().contains("host=\"\(number)\""))
            counter.destroy()
        }
        #expect(registry.refusedSeries == 0)
        #expect(registry.exposition() == "")
    }

    @Test func `refuses names and labels that Prometheus does not take, and a second kind of the same name`() {
        let registry = PrometheusRegistry([received])
        Counter(label: "with-dash", factory: registry).increment()
        Counter(label: "9lives", factory: registry).increment()
        Counter(label: "", factory: registry).increment()
        Counter(label: "a_total", dimensions: [("__name__", "x")], factory: registry).increment()
        Counter(label: "a_total", dimensions: [("with space", "x")], factory: registry).increment()
        Counter(label: "a_total", dimensions: [("x", "1"), ("x", "2")], factory: registry).increment()
        Recorder(label: "seconds", dimensions: [("le", "1")], factory: registry).record(1)
        Meter(label: "test_received_total", factory: registry).set(1)
        #expect(registry.refusedSeries == 8)
        #expect(registry.exposition() == "")
    }

    @Test func `counts rightly while threads count and others read`() async {
        let registry = PrometheusRegistry([received])
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<8 {
                group.addTask {
                    for _ in 0..<1000 {
                        Counter(
                            label: "test_received_total", dimensions: [("number", "\(number % 4)")], factory: registry
                        ).increment()
                    }
                }
                group.addTask { for _ in 0..<50 { _ = registry.exposition() } }
            }
        }
        for number in 0..<4 { #expect(registry.exposition().contains("{number=\"\(number)\"} 2000\n")) }
    }
}
