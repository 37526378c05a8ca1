public import CoreMetrics
internal import Synchronization

/// Keeps what a program counts through the facade, as families of series, for scrapers to read.
///
/// A metric that was defined has the meaning and kind of its definition; any other is taken as what it is made as, so that
/// libraries may count too. A name or label that Prometheus does not take, a metric made as another kind than it is, and a
/// series beyond the limits are refused: the caller gets a handler that does nothing, and ``refusedSeries`` counts it.
public final class PrometheusRegistry: MetricsFactory {
    /// How much a registry holds.
    public struct Limits: Sendable, Hashable {
        /// Series of all metrics together.
        public var seriesMax = 10_000
        /// Series of one metric: its sets of label values.
        public var seriesPerMetricMax = 1_000

        /// The defaults.
        public init() {}
    }

    private struct Family {
        var definition: MetricDefinition
        /// By labels as they are written.
        var series: [String: PrometheusSeries] = [:]
    }

    private struct State {
        var families: [String: Family] = [:]
        var seriesCount = 0
        var refused: UInt64 = 0
    }

    private let limits: Limits
    private let state: Mutex<State>

    /// A registry that knows these metrics.
    public init(_ definitions: [MetricDefinition] = [], limits: Limits = Limits()) {
        self.limits = limits
        let families = definitions.map { ($0.name, Family(definition: $0)) }
        state = Mutex(State(families: Dictionary(families) { _, later in later }))
    }

    /// Series that were refused.
    public var refusedSeries: UInt64 { state.withLock { $0.refused } }

    /// All series as text, in the order of their names. A metric without a series is left out.
    public func exposition() -> String {
        // Copies of the lists: formatting happens without the lock.
        let families = state.withLock { Array($0.families.values) }
        var text = ""
        for family in families.sorted(by: { $0.definition.name < $1.definition.name }) where !family.series.isEmpty {
            let definition = family.definition
            PrometheusText.writeHead(definition.name, help: definition.help, type: definition.kind.word, to: &text)
            for (_, series) in family.series.sorted(by: { $0.key < $1.key }) {
                series.write(name: definition.name, to: &text)
            }
        }
        return text
    }

    // MARK: MetricsFactory

    /// A counter of whole numbers.
    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(label, dimensions, made: .counter) ?? NOOPMetricsHandler.instance
    }

    /// A counter of fractions.
    public func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        series(label, dimensions, made: .counter) ?? NOOPMetricsHandler.instance
    }

    /// A gauge.
    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(label, dimensions, made: .gauge) ?? NOOPMetricsHandler.instance
    }

    /// A histogram, or a gauge of the last value when nothing is to be aggregated.
    public func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        series(label, dimensions, made: aggregate ? .histogram(bounds: Self.bounds) : .gauge)
            ?? NOOPMetricsHandler.instance
    }

    /// A histogram of seconds.
    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        series(label, dimensions, made: .histogram(bounds: Self.bounds)) ?? NOOPMetricsHandler.instance
    }

    /// Forgets the series.
    public func destroyCounter(_ handler: any CounterHandler) { forget(handler as? PrometheusSeries) }

    /// Forgets the series.
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {
        forget(handler as? PrometheusSeries)
    }

    /// Forgets the series.
    public func destroyMeter(_ handler: any MeterHandler) { forget(handler as? PrometheusSeries) }

    /// Forgets the series.
    public func destroyRecorder(_ handler: any RecorderHandler) { forget(handler as? PrometheusSeries) }

    /// Forgets the series.
    public func destroyTimer(_ handler: any TimerHandler) { forget(handler as? PrometheusSeries) }

    /// Bounds of histograms that nobody defined: those of Prometheus' own client libraries.
    private static let bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

    private func series(
        _ name: String, _ dimensions: [(String, String)], made kind: MetricDefinition.Kind
    ) -> PrometheusSeries? {
        let isProper =
            PrometheusText.isMetricName(name) && dimensions.allSatisfy { PrometheusText.isLabelName($0.0) }
            && Set(dimensions.map(\.0)).count == dimensions.count
            && !(kind.word == "histogram" && dimensions.contains { $0.0 == "le" })
        // In one order, so that the same labels are the same series whoever names them.
        let labels = PrometheusText.labels(dimensions.sorted { $0.0 < $1.0 })
        return state.withLock { state in
            let definition = state.families[name]?.definition ?? MetricDefinition.known(name, kind, isProper)
            guard isProper, let definition, definition.kind.word == kind.word else {
                state.refused += 1
                return nil
            }
            if let known = state.families[name]?.series[labels] { return known }
            guard state.seriesCount < limits.seriesMax,
                state.families[name]?.series.count ?? 0 < limits.seriesPerMetricMax
            else {
                state.refused += 1
                return nil
            }
            let made = PrometheusSeries(labels: labels, kind: definition.kind)
            state.families[name, default: Family(definition: definition)].series[labels] = made
            state.seriesCount += 1
            return made
        }
    }

    private func forget(_ series: PrometheusSeries?) {
        guard let series else { return }
        state.withLock { state in
            for name in state.families.keys where state.families[name]?.series[series.labels] === series {
                state.families[name]?.series[series.labels] = nil
                state.seriesCount -= 1
            }
        }
    }
}

extension MetricDefinition {
    /// The definition of a metric that nobody defined.
    fileprivate static func known(_ name: String, _ kind: Kind, _ isProper: Bool) -> MetricDefinition? {
        isProper ? MetricDefinition(name, kind, "") : nil
    }
}
