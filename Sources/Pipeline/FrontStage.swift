internal import Capture
internal import Cleartext
internal import Dialects
internal import Flows

/// What takes frames in: one front end on the caller's thread, or a dispatcher before several workers.
protocol FrontStage: ~Copyable, FrameSink {
    /// Number of the last frame.
    var lastPacket: UInt64 { get }
    /// How it is doing, as of a moment ago.
    var counters: FrontCounters { get }
    /// Everything that it counted, as of a moment ago.
    var report: FrontReport { get }
    /// True when flows wait for secrets.
    var awaitsSecrets: Bool { get }
    /// Lets time pass without a packet: overdue holes are declared, idle flows end.
    mutating func tick(now: UInt64)
    /// Takes note of packets that the capture lost.
    mutating func note(_ loss: CaptureLoss)
    /// Judges what is asked from now on by this scope.
    mutating func use(_ scope: Scope)
    /// Takes secrets, and goes on with the flows that waited for them.
    mutating func take(_ secrets: [SecretEvent])
    /// Hands over what has gathered, so that it becomes durable although no batch is full.
    mutating func flush()
    /// The capture ended: every flow ends, and everything is handed over. Nothing may follow.
    mutating func finish() -> FrontReport
}

/// What whoever watches a run wants to know of its front end.
struct FrontCounters: Sendable {
    var openFlows = 0
    var deliveredBytes: UInt64 = 0
    var gapBytes: UInt64 = 0

    init() {}

    init(_ flows: borrowing FrontEnd.Chain) {
        let counters = flows.counters
        openFlows = flows.openFlows
        deliveredBytes = counters.deliveredBytes
        gapBytes = counters.gapBytes
    }

    mutating func add(_ other: FrontCounters) {
        openFlows += other.openFlows
        deliveredBytes &+= other.deliveredBytes
        gapBytes &+= other.gapBytes
    }
}
