/// One metric of a tap: what it is called, and how it is read from a status.
public struct TapMetric: Sendable {
    /// What may be done with its value.
    public enum Kind: String, Sendable {
        /// It only grows while the tap runs.
        case counter
        /// It goes up and down.
        case gauge
        /// Observations by size.
        case histogram
    }

    /// A value, and those of the labels in the order of ``TapMetric/labels``.
    struct Sample {
        var labels: [String]
        var value: Value
    }

    /// Whole numbers stay exact.
    enum Value {
        case whole(UInt64)
        case real(Double)
    }

    /// The full name.
    public let name: String
    /// What may be done with it.
    public let kind: Kind
    /// The names of its labels.
    public let labels: [String]
    /// One sentence.
    public let help: String
    /// The bounds of a histogram's buckets.
    public let bounds: [Double]
    let read: @Sendable (TapStatus) -> [Sample]

    init(
        _ name: String, _ kind: Kind, _ labels: [String], bounds: [Double] = [], _ help: String,
        _ read: @escaping @Sendable (TapStatus) -> [Sample]
    ) {
        self.name = "oxbow_\(name)"
        self.kind = kind
        self.labels = labels
        self.help = help
        self.bounds = bounds
        self.read = read
    }

    /// A metric of one whole number.
    static func number(
        _ name: String, _ kind: Kind, _ help: String, _ read: @escaping @Sendable (TapStatus) -> UInt64
    ) -> TapMetric {
        TapMetric(name, kind, [], help) { [Sample(labels: [], value: .whole(read($0)))] }
    }

    /// A metric of one whole number for each interface.
    static func interface(
        _ name: String, _ kind: Kind, _ help: String, _ read: @escaping @Sendable (InterfaceReport) -> UInt64
    ) -> TapMetric {
        TapMetric(name, kind, ["interface"], help) { status in
            status.interfaces.map { Sample(labels: [$0.name], value: .whole(read($0))) }
        }
    }

    /// A metric with one label, whose values are those of a dictionary.
    static func each(
        _ name: String, _ kind: Kind, _ label: String, _ help: String,
        _ read: @escaping @Sendable (TapStatus) -> [String: UInt64]
    ) -> TapMetric {
        TapMetric(name, kind, [label], help) { status in
            read(status).map { Sample(labels: [$0.key], value: .whole($0.value)) }
        }
    }
}
