public import CoreMetrics

/// Copies what a tap counts to a metrics facade: whoever watches the tap calls it about once a second.
///
/// The data plane counts in its own plain numbers, and knows nothing of this.
public struct TapMetrics {
    /// Every metric, in the order of the documentation.
    public static let all = TapMetric.capture + TapMetric.traffic + TapMetric.storing + TapMetric.sending + [buildInfo]
    private static let buildInfo = TapMetric("build_info", .gauge, ["version"], "1; the version is the label's.") { _ in
        []
    }

    /// Hosts with a series of their own; the rest is `other`.
    static let hostsMax = 100

    private let factory: any MetricsFactory
    private var counters: [Key: Counted] = [:]
    private var meters: [Key: Meter] = [:]
    private var recorders: [Key: Recorder] = [:]
    private var hosts: Set<String> = []

    private struct Key: Hashable {
        var metric: Int
        var labels: [String]
    }

    /// A facade's counter takes increments, and the tap has totals.
    private struct Counted {
        enum Handle {
            case whole(Counter, last: UInt64)
            case real(FloatingPointCounter, last: Double)
        }
        var handle: Handle
    }

    /// Counts for this factory; says the program's version.
    public init(factory: any MetricsFactory, version: String) {
        self.factory = factory
        set(.whole(1), Key(metric: Self.all.count - 1, labels: [version]), Self.buildInfo)
        // There from the beginning: a series that appears with its first observation hides that from rates.
        for (index, metric) in Self.all.enumerated() where metric.kind == .histogram && metric.labels.isEmpty {
            recorders[Key(metric: index, labels: [])] = Recorder(label: metric.name, factory: factory)
        }
    }

    /// Copies a status.
    public mutating func take(_ status: TapStatus) {
        for (index, metric) in Self.all.enumerated() {
            var samples = metric.read(status)
            if metric.labels.first == "host" { samples = bounded(samples) }
            for sample in samples {
                let key = Key(metric: index, labels: sample.labels)
                switch metric.kind {
                case .counter: count(sample.value, key, metric)
                case .gauge: set(sample.value, key, metric)
                case .histogram: record(sample.value, key, metric)
                }
            }
        }
    }

    private func dimensions(_ key: Key, _ metric: TapMetric) -> [(String, String)] {
        Array(zip(metric.labels, key.labels))
    }

    private mutating func count(_ value: TapMetric.Value, _ key: Key, _ metric: TapMetric) {
        let dimensions = dimensions(key, metric)
        switch value {
        case .whole(let total):
            if counters[key] == nil {
                let made = Counter(label: metric.name, dimensions: dimensions, factory: factory)
                counters[key] = Counted(handle: .whole(made, last: 0))
            }
            guard case .whole(let counter, let last)? = counters[key]?.handle, total > last else { return }
            counter.increment(by: total - last)
            counters[key] = Counted(handle: .whole(counter, last: total))
        case .real(let total):
            if counters[key] == nil {
                let made = FloatingPointCounter(label: metric.name, dimensions: dimensions, factory: factory)
                counters[key] = Counted(handle: .real(made, last: 0))
            }
            guard case .real(let counter, let last)? = counters[key]?.handle, total > last else { return }
            counter.increment(by: total - last)
            counters[key] = Counted(handle: .real(counter, last: total))
        }
    }

    private mutating func set(_ value: TapMetric.Value, _ key: Key, _ metric: TapMetric) {
        let meter = meters[key] ?? Meter(label: metric.name, dimensions: dimensions(key, metric), factory: factory)
        meters[key] = meter
        switch value {
        case .whole(let number): meter.set(number)
        case .real(let number): meter.set(number)
        }
    }

    private mutating func record(_ value: TapMetric.Value, _ key: Key, _ metric: TapMetric) {
        let recorder =
            recorders[key] ?? Recorder(label: metric.name, dimensions: dimensions(key, metric), factory: factory)
        recorders[key] = recorder
        switch value {
        case .whole(let number): recorder.record(number)
        case .real(let number): recorder.record(number)
        }
    }

    /// Hosts come from the traffic, so there may be any number of them: the first are told apart, the rest is summed up.
    private mutating func bounded(_ samples: [TapMetric.Sample]) -> [TapMetric.Sample] {
        var bounded: [TapMetric.Sample] = []
        var others: [[String]: UInt64] = [:]
        for sample in samples {
            if hosts.contains(sample.labels[0]) || hosts.count < Self.hostsMax {
                hosts.insert(sample.labels[0])
                bounded.append(sample)
            } else if case .whole(let number) = sample.value {
                others[["other"] + sample.labels.dropFirst(), default: 0] &+= number
            }
        }
        for (labels, number) in others { bounded.append(TapMetric.Sample(labels: labels, value: .whole(number))) }
        return bounded
    }
}
