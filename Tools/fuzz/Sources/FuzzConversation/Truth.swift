import Flows
import FuzzSupport
import Objects

/// Holds what is delivered against what was sent: each byte is the one that the side sent at that place, no byte that
/// the capture shows in time is missing, and no byte is delivered that it does not show.
struct Truth: StreamSink {
    /// Bytes that each side sent.
    var sent = [0, 0]
    /// Offset in the side's stream of the assembler's offset 0.
    var base = [0, 0]
    /// For each side's bytes: whether the capture shows them at all, and whether in time.
    var isShown: [[Bool]] = [[], []]
    var isCertain: [[Bool]] = [[], []]
    private(set) var next = [0, 0]
    private(set) var flows = 0

    private mutating func advance(_ half: HalfConnection, _ offset: UInt64, _ length: Int) -> Range<Int> {
        let side = Int(half.rawValue)
        let start = base[side] + Int(offset)
        require(start + length <= sent[side], "\(half): \(start) + \(length) of \(sent[side]) sent")
        next[side] = start + length
        return start..<start + length
    }

    mutating func open(_ flow: FlowHandle, _ description: FlowDescription, _ context: SegmentContext) {
        flows += 1
        require(flows == 1, "a second flow of one connection")
        require(description.initiatorPort == 40_000, "\(description)")
    }
    mutating func bytes(
        _ flow: FlowHandle, _ half: HalfConnection, _ bytes: RawSpan, at offset: UInt64, isSegmentStart: Bool,
        _ context: SegmentContext
    ) {
        let side = Int(half.rawValue)
        for (index, place) in advance(half, offset, bytes.byteCount).enumerated() {
            let byte = bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self)
            require(byte == Conversation.content(side, place), "\(half): byte \(place) is not the one that was sent")
            require(isShown[side][place], "\(half): byte \(place) is delivered, but was not shown")
        }
    }
    mutating func gap(
        _ flow: FlowHandle, _ half: HalfConnection, at offset: UInt64, length: UInt64, cause: GapCause,
        _ context: SegmentContext
    ) {
        for place in advance(half, offset, Int(length)) {
            require(!isCertain[Int(half.rawValue)][place], "\(half): byte \(place) is in a gap, but was shown")
        }
    }
    mutating func end(_ flow: FlowHandle, _ half: HalfConnection, _ reason: StreamEnd, _ context: SegmentContext) {}
    mutating func close(_ flow: FlowHandle, _ context: SegmentContext) {}
}
