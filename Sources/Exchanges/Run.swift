import Flows

/// One call's place: what comes with a run of bytes beside the bytes.
struct Run {
    /// The half-connection that sent it.
    var half: HalfConnection
    /// Offset of the run's first byte.
    var offset: UInt64
    /// True when the run's first byte was the first of a segment.
    var isSegmentStart: Bool
    /// The segment.
    var context: SegmentContext

    /// The offset of the byte at this place of the run.
    func offset(of position: Int) -> UInt64 { offset + UInt64(position) }

    /// True when the byte at this place was the first of a segment.
    func isSegmentStart(at position: Int) -> Bool { position == 0 && isSegmentStart }
}
