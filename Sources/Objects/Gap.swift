/// Why bytes are missing. The raw value is the word that the CLI, logs and JSON use.
public enum GapCause: String, Sendable, Hashable, CaseIterable {
    /// The packet is not in the capture, and neither is a retransmission of it.
    case notCaptured = "not-captured"
    /// The kernel dropped the packet before the capture got it.
    case kernelDrop = "kernel-drop"
    /// Oxbow could not keep up and left out whole flows by its policy.
    case overload = "overload"
    /// The interface was away, so nothing was captured.
    case outage = "outage"
    /// The frame was cut at the snapshot length.
    case snapped = "snapped"
    /// The capture began when the bytes had already passed.
    case captureStartedLate = "capture-started-late"
    /// The capture ended before the bytes passed.
    case captureEnded = "capture-ended"
    /// The connection ended (reset, aborted, closed early) before the bytes passed.
    case connectionEnded = "connection-ended"
    /// The session's secrets are not known.
    case keyMissing = "key-missing"
    /// The flow was evicted to keep memory bounded.
    case flowEvicted = "flow-evicted"
    /// A limit of Oxbow was reached.
    case limit = "limit"
    /// The framing around the bytes (chunk sizes, part boundaries) was lost, so their place is unknown.
    case framingLost = "framing-lost"
    /// No node asked for these bytes while the tap watched.
    case neverSeen = "never-seen"
}

/// A range of an object's bytes that the vault lacks, and why.
public struct Gap: Hashable, Sendable {
    /// First missing byte, counted from the object's first.
    public var offset: UInt64
    /// Number of missing bytes; nil when the object's length is not known.
    public var length: UInt64?
    /// Why they are missing.
    public var cause: GapCause

    /// A gap of its parts.
    public init(offset: UInt64, length: UInt64?, cause: GapCause) {
        self.offset = offset
        self.length = length
        self.cause = cause
    }
}
