public import Objects
import Packets

/// One thing to tell the sink, decided by the tracker and performed by the assembler in the order of decision.
@usableFromInline
enum Delivery: Sendable {
    case open(FlowHandle, FlowOpening, SegmentContext)
    /// Bytes of the frame that is being admitted.
    case frameBytes(
        FlowHandle, HalfConnection, start: Int, count: Int, offset: UInt64, isSegmentStart: Bool, SegmentContext)
    /// Bytes that were buffered; the piece is discarded afterwards.
    case bufferedBytes(FlowHandle, HalfConnection, piece: Int32, offset: UInt64, isSegmentStart: Bool, SegmentContext)
    case gap(FlowHandle, HalfConnection, offset: UInt64, length: UInt64, cause: GapCause, SegmentContext)
    case end(FlowHandle, HalfConnection, StreamEnd, SegmentContext)
    case close(FlowHandle, SegmentContext)
}

/// What a description is made of.
@usableFromInline
struct FlowOpening: Sendable {
    var key: FlowKey
    var firstIsInitiator: Bool
    var startedMidStream: Bool

    /// The description, whose text is built once per flow.
    @usableFromInline var description: FlowDescription {
        let initiator = firstIsInitiator ? key.firstAddress : key.secondAddress
        let responder = firstIsInitiator ? key.secondAddress : key.firstAddress
        let initiatorPort = firstIsInitiator ? key.firstPort : key.secondPort
        let responderPort = firstIsInitiator ? key.secondPort : key.firstPort
        return FlowDescription(
            text: "\(initiator.bracketed):\(initiatorPort) > \(responder.bracketed):\(responderPort)",
            initiatorAddress: initiator.description, responderAddress: responder.description,
            initiatorPort: initiatorPort, responderPort: responderPort, startedMidStream: startedMidStream)
    }
}

/// The answer to a segment on the fast path: its payload is next and goes on from the frame.
@usableFromInline
struct InOrderPayload {
    @usableFromInline var flow: FlowHandle
    @usableFromInline var half: HalfConnection
    /// False: nothing of the segment goes on directly.
    @usableFromInline var isPresent: Bool
    @usableFromInline var offset: UInt64
    @usableFromInline var acknowledged: UInt64?

    static var none: InOrderPayload {
        InOrderPayload(
            flow: FlowHandle(slot: -1, number: 0), half: .fromInitiator, isPresent: false, offset: 0, acknowledged: nil)
    }
}
