internal import Capture
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

    init() {}

    init(
        stream: borrowing CaptureStream, front: FrontReport, writer: WriterThread.Outcome, seconds: Duration,
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
    init(front: FrontReport, writer: WriterThread.Outcome, seconds: Duration, wasStopped: Bool) {
        frameFaults = front.frameFaults
        encapsulations = front.encapsulations
        decapsulation = front.decapsulation
        flows = front.flows
        cleartext = front.cleartext
        undecryptable = front.undecryptable
        exchanges = front.exchanges
        dialects = front.dialects
        take(writer)
        self.seconds = Double(seconds.components.seconds) + Double(seconds.components.attoseconds) / 1e18
        self.wasStopped = wasStopped
    }

    /// What the writer did.
    mutating func take(_ writer: WriterThread.Outcome) {
        vault = writer.counters
        problems += writer.checkFailures + writer.damage
    }
}
