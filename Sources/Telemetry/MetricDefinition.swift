/// What a metric is called and what it means, by Prometheus' rules.
public struct MetricDefinition: Sendable, Hashable {
    /// What may be done with its value.
    public enum Kind: Sendable, Hashable {
        /// It only grows while the program runs; its name ends with `_total`.
        case counter
        /// It goes up and down.
        case gauge
        /// How many observations were at most as large as each bound. Bounds ascend; `+Inf` is added.
        case histogram(bounds: [Double])

        /// The word of the `# TYPE` line.
        public var word: String {
            switch self {
            case .counter: "counter"
            case .gauge: "gauge"
            case .histogram: "histogram"
            }
        }
    }

    /// The full name, with the unit: `oxbow_received_packets_total`.
    public var name: String
    /// One sentence for whoever reads the exposition.
    public var help: String
    /// What may be done with its value.
    public var kind: Kind

    /// A definition of its parts. The name must be one that Prometheus takes.
    public init(_ name: String, _ kind: Kind, _ help: String) {
        precondition(PrometheusText.isMetricName(name), "\(name) is no name of a metric")
        if case .histogram(let bounds) = kind {
            precondition(
                bounds.allSatisfy(\.isFinite) && zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 },
                "the bounds of \(name) do not ascend")
        }
        self.name = name
        self.kind = kind
        self.help = help
    }
}
