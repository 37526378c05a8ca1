import Objects

/// Where one message of a stream stands.
struct HTTP2Message {
    enum Phase: UInt8 {
        /// Its head has not been read.
        case waiting
        /// Its body is being sent.
        case body
        /// Its end was reported.
        case ended
    }

    var phase = Phase.waiting
    /// Payload bytes so far, gaps included.
    var offset: UInt64 = 0
    /// Bytes the body must have, where the head says so.
    var length: UInt64?
    /// Why it was cut, or, while it is waiting, why its head may never be read.
    var cause: GapCause?
}

/// A stream whose request was reported and whose exchange is not finished.
struct HTTP2Stream {
    var id: UInt32 = 0
    var exchange = ExchangeID(0)
    /// True when the response has no body whatever its fields say.
    var isBodiless = false
    var request = HTTP2Message()
    var response = HTTP2Message()

    /// One of the two messages.
    subscript(isRequest isRequest: Bool) -> HTTP2Message {
        get { isRequest ? request : response }
        _modify {
            if isRequest { yield &request } else { yield &response }
        }
    }
}

/// The open streams of a connection, in slots that are used again.
struct HTTP2StreamTable {
    private(set) var slots: [HTTP2Stream] = []
    private var free: [Int] = []
    private var slotOf: [UInt32: Int] = [:]

    /// Number of open streams.
    var count: Int { slotOf.count }

    /// The slot of a stream, -1 when it is not open.
    func slot(of stream: UInt32) -> Int { slotOf[stream] ?? -1 }

    subscript(slot: Int) -> HTTP2Stream {
        get { slots[slot] }
        _modify { yield &slots[slot] }
    }

    /// Opens a stream.
    mutating func insert(_ stream: HTTP2Stream) -> Int {
        let slot: Int
        if let used = free.popLast() {
            slot = used
            slots[slot] = stream
        } else {
            slot = slots.count
            slots.append(stream)
        }
        slotOf[stream.id] = slot
        return slot
    }

    /// Forgets the stream in this slot.
    mutating func remove(_ slot: Int) {
        slotOf[slots[slot].id] = nil
        slots[slot] = HTTP2Stream()
        free.append(slot)
    }

    /// The slots of open streams, oldest exchange first.
    var openSlots: [Int] { slotOf.values.sorted { slots[$0].exchange.number < slots[$1].exchange.number } }
}
