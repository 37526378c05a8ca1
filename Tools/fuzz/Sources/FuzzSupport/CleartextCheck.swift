public import Flows
public import Objects

/// Holds what Cleartext hands on of one flow against the promises of ``StreamSink``: ascending offsets without holes, one
/// end for each half, and nothing behind it. Keeps the content of every call.
public struct CleartextCheck: StreamSink {
    /// What was handed on of each half: the content of records, in order.
    public private(set) var contents: [[[UInt8]]] = [[], []]
    /// Flows that were opened and not closed.
    public private(set) var openFlows = 0
    private var next: [UInt64] = [0, 0]
    private var hasEnded = [false, false]

    /// A check that has seen nothing.
    public init() {}

    private mutating func advance(_ half: HalfConnection, _ offset: UInt64, to end: UInt64) {
        let side = Int(half.rawValue)
        require(openFlows == 1, "a call for a flow that is not open")
        require(!hasEnded[side], "more after the end of \(half)")
        require(offset == next[side] && end > offset, "\(half): \(offset)..<\(end) where \(next[side]) is next")
        next[side] = end
    }

    /// A flow begins; one that waited for its key begins anew.
    public mutating func open(_ flow: FlowHandle, _ description: FlowDescription, _ context: SegmentContext) {
        require(openFlows == 0, "opened twice")
        openFlows = 1
        next = [0, 0]
        hasEnded = [false, false]
    }
    /// Bytes at the half's next offset.
    public mutating func bytes(
        _ flow: FlowHandle, _ half: HalfConnection, _ bytes: RawSpan, at offset: UInt64, isSegmentStart: Bool,
        _ context: SegmentContext
    ) {
        advance(half, offset, to: offset + UInt64(bytes.byteCount))
        contents[Int(half.rawValue)].append(bytes.withUnsafeBytes { Array($0) })
    }
    /// A gap at the half's next offset.
    public mutating func gap(
        _ flow: FlowHandle, _ half: HalfConnection, at offset: UInt64, length: UInt64, cause: GapCause,
        _ context: SegmentContext
    ) { advance(half, offset, to: offset + length) }
    /// A gap of unknown length at the half's next offset.
    public mutating func gapOfUnknownLength(
        _ flow: FlowHandle, _ half: HalfConnection, at offset: UInt64, next: UInt64, cause: GapCause,
        _ context: SegmentContext
    ) { advance(half, offset, to: next) }
    /// The half's only end.
    public mutating func end(_ flow: FlowHandle, _ half: HalfConnection, _ reason: StreamEnd, _ context: SegmentContext)
    {
        require(!hasEnded[Int(half.rawValue)], "\(half) ended twice")
        hasEnded[Int(half.rawValue)] = true
    }
    /// The flow's only close.
    public mutating func close(_ flow: FlowHandle, _ context: SegmentContext) {
        require(openFlows == 1, "closed, and not open")
        openFlows = 0
    }
}
