internal import Cleartext

/// Where TLS secrets come from, and how long and where ciphertext waits for them.
public struct SessionKeyOptions: Sendable {
    /// Files in the NSS key log format, which may still grow.
    public var logs: [String] = []
    /// Seconds that a connection waits for its secrets, by the packets' time; nil: until the end of the captures.
    public var waitSeconds: Double?
    /// Bytes of memory for what waits, over all connections.
    public var memoryBytes: Int
    /// Bytes of disk for what waits and memory has no room for, in the vault's folder, over all connections; 0 for none.
    public var spoolBytes = 1 << 30
    /// Bytes that one connection may let wait, in memory and on disk together.
    public var flowBytes: Int

    /// A file to write the secrets of the flows in scope that were read to; nil for none.
    public var exportKeys: String?
    /// A pcapng to write these flows to, with their secrets; nil for none.
    public var exportCleartext: String?

    /// Options with defaults.
    public init() {
        let limits = CleartextLimits()
        memoryBytes = limits.parkedBytes
        flowBytes = limits.parkedFlowBytes
    }

    /// The limits of one of `share` engines that work side by side.
    func limits(share: Int = 1) -> CleartextLimits {
        var limits = CleartextLimits()
        limits.parkedBytes = memoryBytes / max(1, share)
        limits.parkedFlowBytes = flowBytes
        if let waitSeconds { limits.keyWaitNanoseconds = UInt64(clamping: Int64(waitSeconds * 1e9)) }
        return limits
    }
}
