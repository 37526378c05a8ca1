/// Why the cleartext of a flow, or of its rest, is not known. The raw value is the word that reports use.
public enum UndecryptableReason: String, Sendable, Hashable, CaseIterable {
    /// No secret for the session came in time.
    case keyMissing = "key-missing"
    /// The connection is older than the capture, and none of the known sessions fits it.
    case startedLate = "capture-started-late"
    /// A version before TLS 1.2, a cipher suite or a compression that Oxbow does not read.
    case unsupported = "unsupported"
    /// Records could not be found or opened any more after a gap or damage.
    case lost = "framing-lost"
    /// What waited for the key could not be read back from the disk.
    case spoolUnreadable = "spool-unreadable"
    /// A hello message breaks the grammar or a limit.
    case malformed = "malformed"
}

/// What could not be read of one host, for one reason.
public struct Undecryptable: Sendable, Hashable {
    /// The name the client asked for (SNI), or the server's address.
    public var host: String
    /// Why.
    public var reason: UndecryptableReason
    /// Number of flows.
    public var flows: UInt64
    /// Bytes of their records, both directions together.
    public var bytes: UInt64
}

/// What the layer did, summed over all flows.
public struct CleartextCounters: Sendable, Hashable {
    /// Flows that carry TLS.
    public var flows: UInt64 = 0
    /// Flows of which cleartext was handed on.
    public var decryptedFlows: UInt64 = 0
    /// Flows that were given up, wholly or from some place on; ``CleartextEngine/undecryptable`` has their hosts.
    public var undecryptableFlows: UInt64 = 0
    /// Bytes of records of these flows that were not read.
    public var undecryptableBytes: UInt64 = 0
    /// Records opened.
    public var records: UInt64 = 0
    /// Bytes of application data handed on.
    public var cleartextBytes: UInt64 = 0
    /// Records that gaps took, as far as their number is known.
    public var lostRecords: UInt64 = 0
    /// Gaps whose length in cleartext is not known.
    public var inexactGaps: UInt64 = 0
    /// Times a record boundary was found again after a gap.
    public var resynchronisations: UInt64 = 0
    /// Records that no key opened at the place where they stood.
    public var failedRecords: UInt64 = 0
    /// Handshake records passed over since only the application's secrets are known.
    public var skippedHandshakeRecords: UInt64 = 0
    /// Sessions of TLS 1.3.
    public var version13: UInt64 = 0
    /// Sessions of TLS 1.2.
    public var version12: UInt64 = 0
    /// Sessions whose master secret depends on the whole handshake (RFC 7627).
    public var extendedMasterSecrets: UInt64 = 0
    /// Sessions whose server speaks HTTP/2 (ALPN h2).
    public var http2Sessions: UInt64 = 0
    /// HelloRetryRequests.
    public var retries: UInt64 = 0
    /// Renegotiations of TLS 1.2 that began.
    public var renegotiations: UInt64 = 0
    /// KeyUpdate messages.
    public var keyUpdates: UInt64 = 0
    /// Flows with 0-RTT data that the server took.
    public var earlyDataFlows: UInt64 = 0
    /// Flows that waited for a key.
    public var parkedFlows: UInt64 = 0
    /// Bytes of ciphertext that waited.
    public var parkedBytes: UInt64 = 0
    /// The most memory that waiting flows took, as charged.
    public var parkedPeakBytes: UInt64 = 0
    /// Flows of which ciphertext went through the spool.
    public var spooledFlows: UInt64 = 0
    /// Bytes that went through the spool.
    public var spooledBytes: UInt64 = 0
    /// Flows that waited and got it.
    public var lateKeys: UInt64 = 0
    /// Flows whose key did not come within ``CleartextLimits/keyWaitNanoseconds``.
    public var keyWaitExpired: UInt64 = 0
    /// Times the spool had no room, or the disk refused.
    public var spoolRefusals: UInt64 = 0
    /// Flows of which the spool lost what waited.
    public var spoolReadErrors: UInt64 = 0
    /// Flows seen from their middle whose session was found by trial.
    public var identifiedFlows: UInt64 = 0
    /// Flows given up at ``CleartextLimits/parkedFlowBytes``.
    public var parkedFlowLimit: UInt64 = 0
    /// Flows given up at ``CleartextLimits/parkedBytes``, since the spool took no more.
    public var parkedTotalLimit: UInt64 = 0
    /// Flows that were shown to an export.
    public var exportedFlows: UInt64 = 0
    /// Flows that were not, since too much of them came before their secrets.
    public var exportLimit: UInt64 = 0
    /// Times ``CleartextLimits/helloBytes`` was reached.
    public var helloLimit: UInt64 = 0
    /// Times ``CleartextLimits/searchTrials`` was reached.
    public var searchLimit: UInt64 = 0
    /// Times ``CleartextLimits/gatherBytes`` was reached.
    public var gatherLimit: UInt64 = 0
    /// Times ``CleartextLimits/identifyTrials`` was reached.
    public var identifyLimit: UInt64 = 0

    /// All zero.
    public init() {}
}
