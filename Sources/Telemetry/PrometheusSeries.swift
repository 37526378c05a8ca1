internal import CoreMetrics
internal import Synchronization

/// One series: a name with one set of label values, and what was counted under it.
///
/// It is every kind of handler at once, since a facade's counter, meter and recorder are the same to Prometheus: numbers
/// that are set or added to. Any thread may call it.
final class PrometheusSeries: CounterHandler, FloatingPointCounterHandler, MeterHandler, RecorderHandler, TimerHandler {
    /// What a histogram gathered.
    struct Observations: Sendable {
        /// Observations in each bucket, not yet summed up; the last is that of `+Inf`.
        var counts: [UInt64]
        var sum = 0.0
    }

    private struct State {
        /// Whole numbers are kept apart, so that a count stays exact beyond 2^53.
        var whole: Int64 = 0
        var fraction = 0.0
        var observations: Observations
    }

    /// The inside of the braces.
    let labels: String
    private let bounds: [Double]
    private let state: Mutex<State>

    init(labels: String, kind: MetricDefinition.Kind) {
        self.labels = labels
        if case .histogram(let bounds) = kind { self.bounds = bounds } else { bounds = [] }
        state = Mutex(State(observations: Observations(counts: Array(repeating: 0, count: bounds.count + 1))))
    }

    // MARK: Counters and meters

    func increment(by amount: Int64) {
        state.withLock { state in
            let (sum, overflow) = state.whole.addingReportingOverflow(amount)
            // A counter that wraps is read as one that began anew.
            state.whole = overflow ? 0 : sum
        }
    }

    func increment(by amount: Double) { state.withLock { $0.fraction += amount } }

    func decrement(by amount: Double) { state.withLock { $0.fraction -= amount } }

    func reset() {
        state.withLock { state in
            state.whole = 0
            state.fraction = 0
        }
    }

    func set(_ value: Int64) {
        state.withLock { state in
            state.whole = value
            state.fraction = 0
        }
    }

    func set(_ value: Double) {
        state.withLock { state in
            state.whole = 0
            state.fraction = value
        }
    }

    // MARK: Recorders and timers

    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        guard !bounds.isEmpty else { return set(value) }
        let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
        state.withLock { state in
            state.observations.counts[bucket] += 1
            state.observations.sum += value
        }
    }

    /// Prometheus' base unit of time is the second.
    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }

    // MARK: Reading

    /// Appends the series' lines.
    func write(name: String, to text: inout String) {
        let state = state.withLock { $0 }
        guard !bounds.isEmpty else {
            let value =
                state.fraction == 0 ? String(state.whole) : PrometheusText.value(Double(state.whole) + state.fraction)
            PrometheusText.writeSample(name, labels: labels, value, to: &text)
            return
        }
        var count: UInt64 = 0
        for (index, own) in state.observations.counts.enumerated() {
            count += own
            let bound = index < bounds.count ? PrometheusText.value(bounds[index]) : "+Inf"
            let separator = labels.isEmpty ? "" : ","
            PrometheusText.writeSample(
                "\(name)_bucket", labels: "\(labels)\(separator)le=\"\(bound)\"", String(count), to: &text)
        }
        PrometheusText.writeSample(
            "\(name)_sum", labels: labels, PrometheusText.value(state.observations.sum), to: &text)
        PrometheusText.writeSample("\(name)_count", labels: labels, String(count), to: &text)
    }
}
