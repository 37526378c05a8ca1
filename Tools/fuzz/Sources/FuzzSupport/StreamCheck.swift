public import Flows
public import Objects

/// Stands between the assembler and its sink, and holds every call against the promises of ``StreamSink``: ascending
/// offsets without holes, nothing before the beginning or after the end of a half, every flow closed once with both
/// halves ended, and no segment before what it acknowledges.
public struct StreamCheck<Inner: StreamSink & ~Copyable>: StreamSink, ~Copyable {
    private struct Flow {
        var number: UInt64
        var next: [UInt64] = [0, 0]
        var hasEnded = [false, false]
    }

    /// Where the calls go on to.
    public var inner: Inner
    /// Payload bytes that passed.
    public private(set) var deliveredBytes: UInt64 = 0
    /// Bytes in gaps.
    public private(set) var gapBytes: UInt64 = 0
    private var open: [Int32: Flow] = [:]
    private var lastNumber: UInt64 = 0

    /// A check that hands every call on.
    public init(_ inner: consuming Inner) { self.inner = inner }

    /// Flows that were opened and not closed.
    public var openFlows: Int { open.count }

    /// The flow begins, on a free slot, with the next number.
    public mutating func open(_ flow: FlowHandle, _ description: FlowDescription, _ context: SegmentContext) {
        require(open[flow.slot] == nil, "slot \(flow.slot) opened twice")
        require(flow.number == lastNumber + 1, "flow \(flow.number) after \(lastNumber)")
        lastNumber = flow.number
        open[flow.slot] = Flow(number: flow.number)
        inner.open(flow, description, context)
    }

    private mutating func advance(
        _ flow: FlowHandle, _ half: HalfConnection, _ offset: UInt64, _ length: UInt64, _ context: SegmentContext
    ) {
        guard let known = open[flow.slot], known.number == flow.number else {
            breach("a call for flow \(flow.number), which is not open")
        }
        let side = Int(half.rawValue)
        require(length > 0, "nothing, at \(offset)")
        require(!known.hasEnded[side], "more after the end of \(half)")
        require(known.next[side] == offset, "\(half): offset \(offset) where \(known.next[side]) is next")
        let passed = known.next[1 - side]
        require((context.acknowledged ?? 0) <= passed, "acknowledges \(context.acknowledged ?? 0) of \(passed)")
        open[flow.slot]?.next[side] = offset + length
    }

    /// Bytes at the half's next offset.
    public mutating func bytes(
        _ flow: FlowHandle, _ half: HalfConnection, _ bytes: RawSpan, at offset: UInt64, isSegmentStart: Bool,
        _ context: SegmentContext
    ) {
        advance(flow, half, offset, UInt64(bytes.byteCount), context)
        deliveredBytes += UInt64(bytes.byteCount)
        inner.bytes(flow, half, bytes, at: offset, isSegmentStart: isSegmentStart, context)
    }

    /// A gap at the half's next offset.
    public mutating func gap(
        _ flow: FlowHandle, _ half: HalfConnection, at offset: UInt64, length: UInt64, cause: GapCause,
        _ context: SegmentContext
    ) {
        advance(flow, half, offset, length, context)
        gapBytes += length
        inner.gap(flow, half, at: offset, length: length, cause: cause, context)
    }

    /// The half's only end.
    public mutating func end(_ flow: FlowHandle, _ half: HalfConnection, _ reason: StreamEnd, _ context: SegmentContext)
    {
        let side = Int(half.rawValue)
        require(open[flow.slot]?.number == flow.number, "an end of flow \(flow.number), which is not open")
        require(open[flow.slot]?.hasEnded[side] == false, "\(half) ended twice")
        open[flow.slot]?.hasEnded[side] = true
        inner.end(flow, half, reason, context)
    }

    /// The flow's only close, after both ends.
    public mutating func close(_ flow: FlowHandle, _ context: SegmentContext) {
        require(open[flow.slot]?.number == flow.number, "flow \(flow.number) closed, which is not open")
        require(open[flow.slot]?.hasEnded == [true, true], "flow \(flow.number) closed before both ends")
        open[flow.slot] = nil
        inner.close(flow, context)
    }
}
