import Flows
import Objects

/// What the engine keeps of one flow.
struct FlowState {
    /// Number of the flow that uses the slot; 0 when it is free.
    var number: UInt64 = 0
    /// The flow, for the sink.
    var handle = FlowHandle(slot: 0, number: 0)
    /// Why the flow is passed over, if it is.
    var opaque: OpaqueKind?
    /// Index of the flow's HTTP/2 connection; -1 when it has none.
    var connection: Int32 = -1
    /// True once the bytes turned out to be HTTP/2, until the connection takes them over.
    var isHandedOver = false
    /// The half that sends requests: a guess until `rolesKnown`.
    var clientHalf = HalfConnection.fromInitiator
    /// True once a request's head was read.
    var rolesKnown = false
    /// True while the order of messages alone pairs them: no message can have been missed in either half.
    var isAligned = true
    /// True once a request began before the response to the one before had ended.
    var isPipelined = false
    /// The half that sent, or lost, bytes last.
    var lastSpeaker: HalfConnection?
    /// What the first bytes of a flow looked like that began in its middle.
    var guess = OpaqueKind.unsynchronised
    /// Bytes passed over before any message was read.
    var skippedBytes: UInt64 = 0
    /// Bytes from the initiator.
    var initiator = HalfState()
    /// Bytes from the responder.
    var responder = HalfState()
    /// Requests in order; those before `firstOpen` are finished.
    var open: [OpenExchange] = []
    var firstOpen = 0
    /// The request on probation, if there is one.
    var probation: [Probation] = []

    /// The state of one half.
    subscript(half: HalfConnection) -> HalfState {
        get { half == .fromInitiator ? initiator : responder }
        _modify {
            if half == .fromInitiator { yield &initiator } else { yield &responder }
        }
    }

    /// The half that sends responses.
    var serverHalf: HalfConnection { clientHalf.opposite }

    /// Number of exchanges that are not finished.
    var openCount: Int { open.count - firstOpen }

    /// The oldest exchange that is not finished; only to be used when there is one.
    var oldest: OpenExchange {
        get { open[firstOpen] }
        _modify { yield &open[firstOpen] }
    }

    /// The flow that begins.
    init() {}

    init(_ handle: FlowHandle, startedMidStream: Bool) {
        self.handle = handle
        number = handle.number
        if startedMidStream {
            isAligned = false
            initiator.phase = .unsynchronised
            responder.phase = .unsynchronised
        }
    }

    /// Forgets the oldest exchange.
    mutating func removeOldest() {
        firstOpen += 1
        if firstOpen == open.count {
            open.removeAll(keepingCapacity: open.capacity <= 16)
            firstOpen = 0
        } else if firstOpen >= 64 && firstOpen * 2 > open.count {
            open.removeFirst(firstOpen)
            firstOpen = 0
        }
    }
}
