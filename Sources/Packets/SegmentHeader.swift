/// A TCP segment that was found in a frame: what its headers say, and where in the frame its payload stands.
public struct SegmentHeader: Hashable, Sendable, BitwiseCopyable {
    /// Address of the sender.
    public var source: IPAddress
    /// Address of the receiver, of the same family.
    public var destination: IPAddress
    /// Port of the sender.
    public var sourcePort: UInt16
    /// Port of the receiver.
    public var destinationPort: UInt16
    /// Sequence number of the first payload byte, or of the SYN.
    public var sequence: SequenceNumber
    /// The next byte the sender expects; means something only with ``TCPFlags/ack``.
    public var acknowledgement: SequenceNumber
    /// Control bits.
    public var flags: TCPFlags
    /// What the TCP checksum says.
    public var checksum: ChecksumVerdict
    /// True when the segment is certainly no packet of the wire but several, put together or not yet cut by an offload:
    /// its IP length is zero, or above every Ethernet MTU. Smaller ones cannot be told from jumbo frames.
    public var isSuperSegment: Bool
    /// Receive window as on the wire, not scaled.
    public var window: UInt16
    /// Offset in the frame of the first payload byte; where it would be when there is none.
    public var payloadOffset: Int
    /// Payload bytes that are in the frame, 0 to ``payloadLength``.
    public var capturedPayloadLength: Int
    /// Payload bytes that were sent, by the IP header. More than ``capturedPayloadLength`` when the frame was snapped.
    public var payloadLength: Int

    /// A segment of its parts. Flow tests make them; frames are read by ``FrameDecoder``.
    @inlinable
    public init(
        source: IPAddress, sourcePort: UInt16, destination: IPAddress, destinationPort: UInt16,
        sequence: SequenceNumber, acknowledgement: SequenceNumber = SequenceNumber(0), flags: TCPFlags = [.ack],
        window: UInt16 = 65535, payloadOffset: Int = 0, capturedPayloadLength: Int, payloadLength: Int,
        checksum: ChecksumVerdict = .notChecked, isSuperSegment: Bool = false
    ) {
        self.source = source
        self.destination = destination
        self.sourcePort = sourcePort
        self.destinationPort = destinationPort
        self.sequence = sequence
        self.acknowledgement = acknowledgement
        self.flags = flags
        self.checksum = checksum
        self.isSuperSegment = isSuperSegment
        self.window = window
        self.payloadOffset = payloadOffset
        self.capturedPayloadLength = capturedPayloadLength
        self.payloadLength = payloadLength
    }

    /// True when the capture lacks a part of the payload.
    @inlinable public var isSnapped: Bool { capturedPayloadLength < payloadLength }

    /// The frame's bytes that are this segment's payload.
    @inlinable
    public var payloadRange: Range<Int> { payloadOffset..<(payloadOffset + capturedPayloadLength) }

    /// Length in sequence space: payload, and one each for SYN and FIN (RFC 9293 §3.4).
    @inlinable
    public var sequenceLength: Int {
        payloadLength + (flags.contains(.syn) ? 1 : 0) + (flags.contains(.fin) ? 1 : 0)
    }
}
