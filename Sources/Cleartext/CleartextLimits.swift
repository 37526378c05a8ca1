/// What the layer may hold and how long it tries, whatever the traffic. Every limit has a policy and a counter in
/// ``CleartextCounters``.
public struct CleartextLimits: Sendable, Hashable {
    /// Bytes of ciphertext of one flow that wait for a key, in memory and in the spool together. Beyond, the flow is given
    /// up as key-missing; counted as `parkedFlowLimit`.
    public var parkedFlowBytes = 256 << 20
    /// Bytes of memory for all flows that wait for keys, each charged with 2 KiB, its incomplete records and what waits.
    /// Beyond, what waits moves to the spool, that of the flow that has waited longest first; without room there, the flow
    /// that holds the most is given up as key-missing; counted as `parkedTotalLimit`.
    public var parkedBytes = 64 << 20
    /// How long a flow waits for a key, in nanoseconds of the packets' time. Beyond, it is given up as key-missing; counted
    /// as `keyWaitExpired`. `.max`: until ``CleartextEngine/finish()``.
    public var keyWaitNanoseconds = UInt64.max
    /// Bytes of one hello message. A longer one makes the flow undecryptable; counted as `helloLimit`.
    public var helloBytes = 65_536
    /// Attempts to open a record after one gap, each with another record number or key, before the half-connection is
    /// given up; counted as `searchLimit`. An attempt costs as much as reading the record.
    public var searchTrials = 8_192
    /// Record numbers tried for one record after a gap.
    public var searchSequences: UInt64 = 1_024
    /// Sessions whose secrets are tried on a flow whose handshake was not seen: the newest ones.
    public var identifySessions = 64
    /// Attempts to open the first whole record of such a flow; counted as `identifyLimit`.
    public var identifyTrials = 16_384
    /// The same for all flows together, a few microseconds each; policy and counter as for `identifyTrials`.
    public var identifyTrialsTotal = 2_097_152
    /// Record numbers looked at for a record of a half-connection whose beginning was not seen, shared by all sessions that
    /// are tried, at the price of an AES block each: for one session some 16 GB of traffic. Those of ChaCha20-Poly1305
    /// are tried within `identifyTrials` and `searchSequences` only.
    public var identifyNumbers = 1_048_576
    /// The same for all flows together. Beyond, only the trials above are made; counted as `identifyLimit`.
    public var identifyNumbersTotal = 268_435_456
    /// Bytes of room for incomplete records that flows keep for the next record. Beyond, a flow gives its room back
    /// after each record and takes it anew, which costs an allocation; counted as `gatherLimit`.
    public var gatherBytes = 64 << 20
    /// Hosts named in the account of what could not be read; further ones share one line.
    public var hosts = 1_024

    /// The defaults.
    public init() {}
}
