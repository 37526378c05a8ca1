/// What the Flows layer has seen and done. Bytes are payload bytes.
public struct FlowCounters: Sendable, Hashable {
    /// Segments handed in.
    public var segments: UInt64 = 0
    /// Payload bytes of them, as sent.
    public var payloadBytes: UInt64 = 0
    /// Payload bytes that the sink got.
    public var deliveredBytes: UInt64 = 0
    /// Payload bytes that had been delivered, declared a gap, or buffered before.
    public var retransmittedBytes: UInt64 = 0
    /// Payload bytes from before a flow's first byte, that came after it.
    public var bytesBeforeStart: UInt64 = 0
    /// Segments with payload that came before bytes they follow.
    public var outOfOrderSegments: UInt64 = 0
    /// Segments that came before bytes of the opposite half which they acknowledge.
    public var heldSegments: UInt64 = 0
    /// Bytes sent twice with different content, where both copies were at hand. The first copy was taken.
    public var conflictingBytes: UInt64 = 0
    /// Gaps told to the sink.
    public var gaps: UInt64 = 0
    /// Bytes in gaps: not in the capture, for no cause that is known.
    public var gapBytesNotCaptured: UInt64 = 0
    /// Bytes in gaps: the kernel dropped packets then.
    public var gapBytesKernelDrop: UInt64 = 0
    /// Bytes in gaps: left out then, since storage could not keep up.
    public var gapBytesOverload: UInt64 = 0
    /// Bytes in gaps: the interface was away then.
    public var gapBytesOutage: UInt64 = 0
    /// Bytes in gaps: cut off at the snapshot length.
    public var gapBytesSnapped: UInt64 = 0
    /// Payload bytes that snapped segments lacked, whether or not another copy had them.
    public var snappedBytes: UInt64 = 0
    /// Segments whose checksum was wrong.
    public var wrongChecksums: UInt64 = 0
    /// Segments whose checksum was left to the network card.
    public var offloadedChecksums: UInt64 = 0
    /// Segments dropped for their checksum (``ChecksumPolicy/verify``).
    public var checksumDrops: UInt64 = 0
    /// Bytes of damaged segments that were delivered since no sound copy came.
    public var suspectDelivered: UInt64 = 0
    /// Flows opened.
    public var flowsOpened: UInt64 = 0
    /// Flows closed, for whatever reason.
    public var flowsClosed: UInt64 = 0
    /// Flows ended to keep within ``FlowLimits/flowsMax``.
    public var flowsEvicted: UInt64 = 0
    /// Flows ended for want of segments.
    public var flowsIdle: UInt64 = 0
    /// Flows ended by a new connection of the same addresses and ports.
    public var flowsReplaced: UInt64 = 0
    /// Flows opened in mid-connection.
    public var flowsMidStream: UInt64 = 0
    /// Ended flows forgotten early to keep within ``FlowLimits/closedFlowsMax``.
    public var closedFlowsForgotten: UInt64 = 0
    /// Segments and acknowledgements from outside any plausible window; resets, SYNs and FINs that fit nothing.
    public var outOfWindow: UInt64 = 0
    /// Times that a half-connection went on outside the window (``FlowLimits/resynchronisationSegments``).
    public var resynchronisations: UInt64 = 0
    /// Holes given up to keep within ``FlowLimits/flowBufferedBytesMax``.
    public var flowBudgetReached: UInt64 = 0
    /// Holes given up to keep within ``FlowLimits/bufferedBytesMax``.
    public var totalBudgetReached: UInt64 = 0
    /// The most bytes that ever waited at once, as charged to the budgets.
    public var bufferedBytesPeak: UInt64 = 0
    /// Keep-alive probes.
    public var keepAlives: UInt64 = 0
    /// Segments of flows that had ended by RST.
    public var ignoredAfterReset: UInt64 = 0
    /// Late segments of flows that had ended otherwise.
    public var ignoredAfterClose: UInt64 = 0
    /// Segments of no known flow that could not open one: no SYN and no payload, or a RST.
    public var withoutFlow: UInt64 = 0
    /// Headers that contradict their frame, or bear addresses that TCP does not use.
    public var malformed: UInt64 = 0

    /// Bytes in gaps of any cause.
    public var gapBytes: UInt64 {
        gapBytesNotCaptured &+ gapBytesKernelDrop &+ gapBytesOverload &+ gapBytesOutage &+ gapBytesSnapped
    }

    /// All zero.
    public init() {}
}
