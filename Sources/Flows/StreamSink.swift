public import Objects

/// A flow as the table knows it: a slot that is reused, and the number of its use.
public struct FlowHandle: Hashable, Sendable {
    /// Index of the slot, dense from 0: state kept per flow may live in an array at this index.
    public var slot: Int32
    /// Counts the flows of this run from 1; never reused.
    public var number: UInt64

    /// A handle of its parts.
    public init(slot: Int32, number: UInt64) {
        self.slot = slot
        self.number = number
    }
}

/// One of a connection's two half-connections.
public enum HalfConnection: UInt8, Sendable, Hashable {
    /// Bytes from the initiator: the sender of the first SYN, or of the first segment seen when there was no SYN.
    case fromInitiator = 0
    /// Bytes from the responder.
    case fromResponder = 1

    /// The other half.
    @inlinable public var opposite: HalfConnection { self == .fromInitiator ? .fromResponder : .fromInitiator }
}

/// What was known when a flow opened.
public struct FlowDescription: Hashable, Sendable {
    /// `address:port > address:port`, initiator first, IPv6 addresses in brackets.
    public var text: String
    /// The initiator's address as text, for scope rules.
    public var initiatorAddress: String
    /// The responder's address as text.
    public var responderAddress: String
    /// The initiator's port.
    public var initiatorPort: UInt16
    /// The responder's port.
    public var responderPort: UInt16
    /// True when the first segment seen was no SYN: the connection is older than the capture.
    public var startedMidStream: Bool

    /// A description of its parts.
    public init(
        text: String, initiatorAddress: String, responderAddress: String, initiatorPort: UInt16, responderPort: UInt16,
        startedMidStream: Bool
    ) {
        self.text = text
        self.initiatorAddress = initiatorAddress
        self.responderAddress = responderAddress
        self.initiatorPort = initiatorPort
        self.responderPort = responderPort
        self.startedMidStream = startedMidStream
    }
}

/// The segment that bytes came with.
public struct SegmentContext: Hashable, Sendable {
    /// Capture time, nanoseconds since 1970 UTC.
    public var time: UInt64
    /// Number of the packet in this run, from 1.
    public var packet: UInt64
    /// Offset in the opposite half-connection up to which the sender had received when it sent this; nil without ACK or
    /// when the opposite half is unknown. The position of a turn: where the answer to these bytes will begin.
    public var acknowledged: UInt64?

    /// A context of its parts.
    public init(time: UInt64, packet: UInt64, acknowledged: UInt64?) {
        self.time = time
        self.packet = packet
        self.acknowledged = acknowledged
    }
}

/// Why a half-connection, or a whole flow, ended.
public enum StreamEnd: UInt8, Sendable, Hashable {
    /// FIN, and every byte before it was delivered or reported as a gap.
    case finished
    /// RST.
    case reset
    /// No segment for the idle time.
    case idle
    /// Evicted to keep within a limit.
    case evicted
    /// The capture ended.
    case captureEnded
    /// The capture left the flow out from here on, since storage could not keep up.
    case leftOut
    /// A new connection reuses the same addresses and ports.
    case replaced
}

/// Where the assembler sends what it put in order.
///
/// For each half-connection, `bytes` and `gap` come with ascending offsets and without holes between them. Across the
/// two halves the order is causal: a segment is delivered only after everything it acknowledges was delivered or
/// declared a gap. The sink is owned by one thread; spans are valid for the call only.
public protocol StreamSink: ~Copyable {
    /// A flow begins.
    mutating func open(_ flow: FlowHandle, _ description: FlowDescription, _ context: SegmentContext)
    /// Ordered bytes that begin at `offset` in the half-connection. `isSegmentStart` is true when the first byte was the
    /// first of a segment on the wire.
    mutating func bytes(
        _ flow: FlowHandle, _ half: HalfConnection, _ bytes: RawSpan, at offset: UInt64, isSegmentStart: Bool,
        _ context: SegmentContext)
    /// Bytes that will never come.
    mutating func gap(
        _ flow: FlowHandle, _ half: HalfConnection, at offset: UInt64, length: UInt64, cause: GapCause,
        _ context: SegmentContext)
    /// Bytes that will never come and whose number is not known, as when encrypted ones are missing. What follows has
    /// offsets from `next` on, so that offsets still ascend and positions of both halves still agree; their difference
    /// to `offset` says nothing. The default reports a gap of that length, for sinks that count no bytes.
    mutating func gapOfUnknownLength(
        _ flow: FlowHandle, _ half: HalfConnection, at offset: UInt64, next: UInt64, cause: GapCause,
        _ context: SegmentContext)
    /// The half-connection will deliver nothing more.
    mutating func end(_ flow: FlowHandle, _ half: HalfConnection, _ reason: StreamEnd, _ context: SegmentContext)
    /// Both halves ended; the slot is free after this call.
    mutating func close(_ flow: FlowHandle, _ context: SegmentContext)
}

extension StreamSink where Self: ~Copyable {
    /// Reports a gap up to `next`.
    public mutating func gapOfUnknownLength(
        _ flow: FlowHandle, _ half: HalfConnection, at offset: UInt64, next: UInt64, cause: GapCause,
        _ context: SegmentContext
    ) {
        gap(flow, half, at: offset, length: next &- offset, cause: cause, context)
    }
}
