/// What is known of a flow beside its two half-connections. The first 64 bytes are what an in-order segment needs.
struct FlowState: BitwiseCopyable {
    /// Facts that are true or not.
    struct Flags: OptionSet, BitwiseCopyable {
        let rawValue: UInt16
        /// The key's first end is the initiator.
        static var firstIsInitiator: Flags { Flags(rawValue: 1 << 0) }
        /// Something waits: pieces, a slack that runs, a doubtful reset, a rival SYN. Segments take the slow path.
        static var waiting: Flags { Flags(rawValue: 1 << 1) }
        /// Payload was seen.
        static var hasPayload: Flags { Flags(rawValue: 1 << 2) }
        /// The flow is in the list of those that idle out early.
        static var brief: Flags { Flags(rawValue: 1 << 3) }
        /// A RST was seen that may not be real, or came before bytes it follows.
        static var resetPending: Flags { Flags(rawValue: 1 << 4) }
        /// That RST's half; not set: from the initiator.
        static var resetFromResponder: Flags { Flags(rawValue: 1 << 5) }
        /// A SYN with another initial sequence number was seen on the living flow.
        static var rival: Flags { Flags(rawValue: 1 << 6) }
        /// That SYN's half; not set: from the initiator.
        static var rivalFromResponder: Flags { Flags(rawValue: 1 << 7) }
    }

    /// Addresses, ports, tenant.
    var key: FlowKey
    /// Number of the flow in this run.
    var number: UInt64
    /// Capture time of the last segment.
    var lastActive: UInt64
    /// Segments seen, modulo 2^32.
    var segments: UInt32 = 0
    /// Facts that are true or not.
    var flags: Flags
    /// Low bits of the coarse capture time when the flow was last moved in its list of activity.
    var linkedAt: UInt16 = 0

    /// Hash of the key.
    var hash: UInt32
    /// Sequence number of the pending reset.
    var resetSequence: UInt32 = 0
    /// Segments seen when it came.
    var resetSegment: UInt32 = 0
    /// First sequence number after the rival SYN.
    var rivalOrigin: UInt32 = 0
    /// Capture time of the pending reset.
    var resetTime: UInt64 = 0
    /// `next` of its half then.
    var resetNext: UInt64 = 0
    /// Packet number of the oldest thing that waits.
    var oldestPacket: UInt64 = 0
    /// Bytes charged for waiting pieces.
    var charge = 0

    init(key: FlowKey, hash: UInt32, number: UInt64, time: UInt64, flags: Flags) {
        self.key = key
        self.hash = hash
        self.number = number
        self.lastActive = time
        self.flags = flags
    }

    /// The half that the key's first end sends, or its second.
    @inline(__always)
    func half(sourceIsFirst: Bool) -> HalfConnection {
        sourceIsFirst == flags.contains(.firstIsInitiator) ? .fromInitiator : .fromResponder
    }

    /// The half of the pending reset.
    var resetHalf: HalfConnection { flags.contains(.resetFromResponder) ? .fromResponder : .fromInitiator }
    /// The half of the rival SYN.
    var rivalHalf: HalfConnection { flags.contains(.rivalFromResponder) ? .fromResponder : .fromInitiator }
}
