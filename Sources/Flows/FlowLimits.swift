/// What the Flows layer may use, and how long it waits. Times are capture time in nanoseconds.
public struct FlowLimits: Sendable, Hashable {
    /// Flows open at once, 1 to 2^30. Beyond, the least recently active one ends with ``StreamEnd/evicted``
    /// (``FlowCounters/flowsEvicted``). A flow costs 276 bytes and a place in the table (11-22 bytes), so the default
    /// is bounded by 80 MB.
    public var flowsMax = 262_144
    /// Flows remembered after their end, so that late segments open no phantom flow. Beyond, the one that closed
    /// first is forgotten (``FlowCounters/closedFlowsForgotten``). 100 bytes each: 6.5 MB.
    public var closedFlowsMax = 65_536
    /// Bytes that one flow may keep waiting, pieces charged with 128 bytes each beside their payload. Beyond, the
    /// flow gives up its oldest hole (``FlowCounters/flowBudgetReached``). The default exceeds the receive windows in
    /// common use.
    public var flowBufferedBytesMax = 16 << 20
    /// Bytes that all flows together may keep waiting. Beyond, the flow that has waited longest gives up its oldest
    /// hole (``FlowCounters/totalBudgetReached``).
    public var bufferedBytesMax = 128 << 20

    /// How far ahead of everything known a segment or an acknowledgement may lie. What lies farther is ignored
    /// (``FlowCounters/outOfWindow``), up to 2^30, the largest window of RFC 7323 §2.3. The default exceeds what TCP
    /// stacks grow to by themselves (Linux: 6-32 MiB).
    public var windowBytesMax: UInt64 = 64 << 20
    /// So many segments in a row from outside the window that fit each other are believed after all: the capture lost
    /// more than a window. One corrupt segment never opens a gap of its own making.
    public var resynchronisationSegments: UInt8 = 8

    /// After a hole's bytes were acknowledged, so many further segments of the flow may pass before the hole is
    /// declared a gap. Mirrors that take two paths, and files of two interfaces, show an answer before its cause by a
    /// few packets; 64 covers a batch of a network card's queue.
    public var slackSegments: UInt32 = 64
    /// Or so much time. Reordering between capture points is milliseconds; half a second also covers interfaces whose
    /// clocks or buffers differ. A real retransmission (RFC 6298: 200 ms and more) still heals most holes.
    public var slackTime: UInt64 = 500_000_000
    /// After a FIN or an unconfirmed RST, and without a segment for so long, holes nobody acknowledged are given up
    /// too. Longer than the first few retransmission timeouts.
    public var closingTime: UInt64 = 5_000_000_000
    /// A SYN with a new initial sequence number on an open flow replaces it at once when the flow was silent for so
    /// long; a busier flow ends only when the new connection is confirmed by its next segment.
    public var replacementTime: UInt64 = 5_000_000_000
    /// A flow without a segment for so long ends with ``StreamEnd/idle``.
    public var idleTime: UInt64 = 300_000_000_000
    /// The same for flows without payload, and for those of which one half has ended.
    public var briefIdleTime: UInt64 = 60_000_000_000
    /// How long an ended flow is remembered: the 2 MSL of stacks in use (Linux, Windows: 60-120 s).
    public var closedTime: UInt64 = 60_000_000_000
    /// How often ``FlowAssembler/expire(now:)`` looks at the flows that wait or are idle.
    public var expiryInterval: UInt64 = 100_000_000

    /// What an open flow costs beside its place in the table: its state, its links in three lists, its places in free
    /// lists.
    static var bytesPerFlow: Int { 276 }

    /// The defaults.
    public init() {}
}
