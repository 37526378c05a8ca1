internal import Cleartext
internal import Dialects
internal import Exchanges
internal import Flows
internal import Packets

/// What a front end, or one of several workers, saw and did: the counters of its layers that are not zero, by name.
struct FrontReport: Sendable {
    var frameFaults: [String: UInt64] = [:]
    var encapsulations: [String: UInt64] = [:]
    var decapsulation: [String: UInt64] = [:]
    var flows: [String: UInt64] = [:]
    var cleartext: [String: UInt64] = [:]
    var undecryptable: [UndecryptableLine] = []
    var exchanges: [String: UInt64] = [:]
    var dialects: [String: UInt64] = [:]

    /// What a decapsulator counted.
    init(_ decapsulator: borrowing Decapsulator) {
        for (fault, count) in decapsulator.faults.occurred { frameFaults[fault.name] = count }
        for (kind, count) in decapsulator.encapsulations.occurred { encapsulations[kind.name] = count }
        let decapsulated = [
            "reassembledDatagrams": decapsulator.reassembledDatagrams,
            "reassembledFragments": decapsulator.reassembledFragments,
            "tenants": UInt64(decapsulator.tenantCount),
        ]
        decapsulation = decapsulated.filter { $0.value > 0 }
    }

    /// What the engines behind it counted.
    init(_ chain: borrowing FrontEnd.Chain) {
        flows = Self.nonZero(chain.counters)
        cleartext = Self.nonZero(chain.sink.counters)
        if chain.sink.secretsTaken > 0 { cleartext["secrets"] = chain.sink.secretsTaken }
        undecryptable = chain.sink.undecryptable.map {
            UndecryptableLine(host: $0.host, reason: $0.reason.rawValue, flows: $0.flows, bytes: $0.bytes)
        }
        exchanges = Self.nonZero(chain.sink.sink.counters)
        for (name, count) in Self.nonZero(chain.sink.sink.counters.http2) { exchanges["http2.\(name)"] = count }
        for kind in OpaqueKind.allCases {
            let count = chain.sink.sink.counters[opaque: kind]
            if count.flows > 0 { exchanges["opaqueFlows.\(kind)"] = count.flows }
            if count.bytes > 0 { exchanges["opaqueBytes.\(kind)"] = count.bytes }
        }
        dialects = chain.sink.sink.sink.counters.report
    }

    /// Adds what another worker counted. Secrets go to every worker: each counts all of them.
    mutating func add(_ other: FrontReport) {
        let secrets = max(cleartext["secrets"] ?? 0, other.cleartext["secrets"] ?? 0)
        frameFaults.merge(other.frameFaults, uniquingKeysWith: &+)
        encapsulations.merge(other.encapsulations, uniquingKeysWith: &+)
        decapsulation.merge(other.decapsulation, uniquingKeysWith: &+)
        flows.merge(other.flows, uniquingKeysWith: &+)
        cleartext.merge(other.cleartext, uniquingKeysWith: &+)
        exchanges.merge(other.exchanges, uniquingKeysWith: &+)
        dialects.merge(other.dialects, uniquingKeysWith: &+)
        if secrets > 0 { cleartext["secrets"] = secrets }
        for line in other.undecryptable {
            if let index = undecryptable.firstIndex(where: { $0.host == line.host && $0.reason == line.reason }) {
                undecryptable[index].flows &+= line.flows
                undecryptable[index].bytes &+= line.bytes
            } else {
                undecryptable.append(line)
            }
        }
        undecryptable.sort { ($0.bytes, $1.host, $1.reason) > ($1.bytes, $0.host, $0.reason) }
    }

    /// The counters of a plain struct of counters, by name. Once per run.
    private static func nonZero(_ counters: some Any) -> [String: UInt64] {
        var values: [String: UInt64] = [:]
        for child in Mirror(reflecting: counters).children {
            if let name = child.label, let value = child.value as? UInt64, value > 0 { values[name] = value }
        }
        return values
    }
}
