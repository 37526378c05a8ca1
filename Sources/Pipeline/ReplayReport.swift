internal import Capture
internal import Cleartext
internal import Dialects
internal import Exchanges
internal import Flows
internal import Packets
public import Vaults

/// TLS flows of one host that could not be read, for one reason.
public struct UndecryptableLine: Sendable, Codable {
    /// The name that the clients asked for (SNI), or the server's address.
    public var host: String
    /// `key-missing`, `capture-started-late`, `unsupported`, `framing-lost` or `malformed`.
    public var reason: String
    /// Number of flows.
    public var flows: UInt64
    /// Bytes of their records that were not read, both directions together.
    public var bytes: UInt64
}

/// What a replay saw, did and lost.
public struct ReplayReport: Sendable, Codable {
    /// Packets read.
    public var packets: UInt64 = 0
    /// Bytes of them that the captures hold.
    public var capturedBytes: UInt64 = 0
    /// Packets that the filter left out.
    public var filteredPackets: UInt64 = 0
    /// Frames that were no TCP segments, by reason.
    public var frameFaults: [String: UInt64] = [:]
    /// Headers of tags, labels and tunnels that were taken off, by kind, of frames that had any.
    public var encapsulations: [String: UInt64] = [:]
    /// Fragmented datagrams that were put together, the fragments in them, and the tenants told apart; those not zero.
    public var decapsulation: [String: UInt64] = [:]
    /// Where captures ended early: file, place and what was found.
    public var captureFaults: [String] = []
    /// Counters of the reassembly that are not zero.
    public var flows: [String: UInt64] = [:]
    /// Counters of the TLS layer that are not zero.
    public var cleartext: [String: UInt64] = [:]
    /// What could not be decrypted, by host and reason, the largest first.
    public var undecryptable: [UndecryptableLine] = []
    /// Counters of the HTTP parser that are not zero.
    public var exchanges: [String: UInt64] = [:]
    /// Counters of the dialects that are not zero.
    public var dialects: [String: UInt64] = [:]
    /// What the vault's writer did.
    public var vault = VaultCounters()
    /// Versions that could not be read back for their check, and damage that was met.
    public var problems: [String] = []
    /// Wall time in seconds.
    public var seconds: Double = 0
    /// True when the run was asked to stop before the end of the captures.
    public var wasStopped = false

    init(
        stream: borrowing CaptureStream, front: borrowing FrontEnd, writer: WriterThread.Outcome, seconds: Duration,
        wasStopped: Bool, unreadableKeyLogLines: UInt64, keySpool: KeySpoolStatus?,
        exportProblems: [String]
    ) {
        self.init(front: front, writer: writer, seconds: seconds, wasStopped: wasStopped)
        let statistics = stream.statistics
        packets = statistics.packets
        capturedBytes = statistics.capturedBytes
        filteredPackets = statistics.filteredPackets
        captureFaults = stream.faults.map { String(describing: $0) }
        note(unreadableKeyLogLines: unreadableKeyLogLines, keySpool)
        problems += exportProblems
    }

    /// What the key logs and the key spool say.
    mutating func note(unreadableKeyLogLines lines: UInt64, _ spool: KeySpoolStatus?) {
        if lines > 0 { cleartext["unreadableKeyLogLines"] = lines }
        guard let spool else { return }
        if spool.peakBytes > 0 { cleartext["spoolPeakBytes"] = spool.peakBytes }
        if let fault = spool.fault { problems.append("ciphertext could not wait on disk for its keys: \(fault)") }
    }

    /// What is known without the capture.
    init(front: borrowing FrontEnd, writer: WriterThread.Outcome, seconds: Duration, wasStopped: Bool) {
        for (fault, count) in front.decapsulator.faults.occurred { frameFaults[fault.name] = count }
        for (kind, count) in front.decapsulator.encapsulations.occurred { encapsulations[kind.name] = count }
        let decapsulated = [
            "reassembledDatagrams": front.decapsulator.reassembledDatagrams,
            "reassembledFragments": front.decapsulator.reassembledFragments,
            "tenants": UInt64(front.decapsulator.tenantCount),
        ]
        decapsulation = decapsulated.filter { $0.value > 0 }
        flows = Self.nonZero(front.flows.counters)
        cleartext = Self.nonZero(front.flows.sink.counters)
        if front.flows.sink.secretsTaken > 0 { cleartext["secrets"] = front.flows.sink.secretsTaken }
        undecryptable = front.flows.sink.undecryptable.map {
            UndecryptableLine(host: $0.host, reason: $0.reason.rawValue, flows: $0.flows, bytes: $0.bytes)
        }
        exchanges = Self.nonZero(front.flows.sink.sink.counters)
        for (name, count) in Self.nonZero(front.flows.sink.sink.counters.http2) { exchanges["http2.\(name)"] = count }
        for kind in OpaqueKind.allCases {
            let count = front.flows.sink.sink.counters[opaque: kind]
            if count.flows > 0 { exchanges["opaqueFlows.\(kind)"] = count.flows }
            if count.bytes > 0 { exchanges["opaqueBytes.\(kind)"] = count.bytes }
        }
        dialects = front.flows.sink.sink.sink.counters.report
        take(writer)
        self.seconds = Double(seconds.components.seconds) + Double(seconds.components.attoseconds) / 1e18
        self.wasStopped = wasStopped
    }

    /// What the writer did.
    mutating func take(_ writer: WriterThread.Outcome) {
        vault = writer.counters
        problems += writer.checkFailures + writer.damage
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
