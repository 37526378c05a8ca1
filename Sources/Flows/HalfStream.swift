/// What is known of one half-connection. 64 bytes: one cache line per segment and side.
struct HalfStream: BitwiseCopyable {
    /// Facts that are true or not.
    struct Flags: OptionSet, BitwiseCopyable {
        let rawValue: UInt16
        /// A segment of this half was captured.
        static var seen: Flags { Flags(rawValue: 1 << 0) }
        /// `origin` is set, if only by a guess that the first bytes may correct.
        static var placed: Flags { Flags(rawValue: 1 << 1) }
        /// `origin` is fixed: offsets count from it.
        static var firm: Flags { Flags(rawValue: 1 << 2) }
        /// Offset 0 is the first byte of the connection, not only the first one seen.
        static var knownStart: Flags { Flags(rawValue: 1 << 3) }
        /// A SYN of this half was captured.
        static var synSeen: Flags { Flags(rawValue: 1 << 4) }
        /// The sink was told of the end.
        static var ended: Flags { Flags(rawValue: 1 << 5) }
        /// The peer acknowledged one number past `next` that is taken for a FIN not captured.
        static var finAssumed: Flags { Flags(rawValue: 1 << 6) }
        /// A right checksum came before any wrong one: here the capture shows segments as they were sent.
        static var provenChecksums: Flags { Flags(rawValue: 1 << 7) }
        /// A checksum was wrong before any was right.
        static var doubtfulChecksums: Flags { Flags(rawValue: 1 << 8) }
        /// `origin` is the first number that the peer was seen to acknowledge: what it had not received yet begins there.
        static var acknowledgedOrigin: Flags { Flags(rawValue: 1 << 9) }
    }

    /// Offset of the next byte to deliver: all before it was delivered or declared a gap.
    var next: UInt64 = 0
    /// The greatest offset that the opposite half acknowledged; one past `fin` when it acknowledged the FIN.
    var acked: UInt64 = 0
    /// Offset of the FIN, `.max` when none was seen.
    var fin: UInt64 = .max
    /// The peer had received everything before this when the slack began to run; 0 when none runs.
    var evidenceOffset: UInt64 = 0
    /// Capture time when the slack began to run.
    var evidenceTime: UInt64 = 0
    /// Sequence number of offset 0, modulo 2^32.
    var origin: UInt32 = 0
    /// The tree of pieces that wait.
    var root: Int32 = -1
    /// The first of them.
    var first: Int32 = -1
    /// The flow's count of segments when the slack began to run.
    var evidenceSegment: UInt32 = 0
    /// Where the last segment from outside the window ended.
    var distantSequence: UInt32 = 0
    /// How many such followed each other.
    var distantCount: UInt8 = 0
    /// Facts that are true or not.
    var flags: Flags = []

    /// The sequence number of `next`.
    @inline(__always)
    var nextSequence: UInt32 { origin &+ UInt32(truncatingIfNeeded: next) }

    /// How far the peer acknowledged bytes; the FIN's number does not count.
    @inline(__always)
    var ackedBytes: UInt64 { min(acked, fin) }

    /// True when bytes were acknowledged that are neither delivered nor declared a gap.
    var lacksAcknowledgedBytes: Bool {
        guard flags.contains([.seen, .firm]), !flags.contains(.ended), ackedBytes > next else { return false }
        return !(flags.contains(.finAssumed) && ackedBytes == next &+ 1)
    }

    /// True when everything up to an offset that a peer acknowledged was delivered or declared a gap.
    @inline(__always)
    func hasPassed(_ acknowledged: UInt64) -> Bool {
        if acknowledged <= next { return true }
        if next >= fin { return true }
        return flags.contains(.finAssumed) && acknowledged == next &+ 1
    }

    /// Moves `next` on.
    @inline(__always)
    mutating func advance(to offset: UInt64) {
        guard offset > next else { return }
        next = offset
        flags.remove(.finAssumed)
    }
}
