internal import NIOHPACK

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
    /// Why bytes may be missing at `offset`; nil when none are. What comes then gathers in `tail`, until it is known.
    var doubt: GapCause?
    /// The bytes behind those that may be missing.
    var tail: [UInt8] = []
    /// When the loss was, or the latest of `tail` came: nanoseconds as in ``SegmentContext/time``.
    var doubtTime: UInt64 = 0

    /// Takes so many bytes and returns their offset; nil, and nothing happened, when the body has no room for them.
    @inline(__always)
    fileprivate mutating func advance(_ count: UInt64) -> UInt64? {
        guard phase == .body, doubt == nil else { return nil }
        if let length, length - offset < count { return nil }
        defer { offset += count }
        return offset
    }
}

/// A stream whose request was reported and whose exchange is not finished.
struct HTTP2Stream {
    var id: UInt32 = 0
    var exchange = ExchangeID(0)
    /// True when the response has no body whatever its fields say.
    var isBodiless = false
    /// True when the client waits for `100 Continue`: an interim response may come.
    var expectsContinue = false
    /// True when trailers may come with the request or with the response (RFC 9110 §6.5.1).
    var mayHaveTrailers = false
    /// The response's head as it reads if no header block was lost, until that is known; and whether END_STREAM came.
    var pendingHead: HPACKHeaders?
    var pendingEnds = false
    var request = HTTP2Message()
    var response = HTTP2Message()

    /// One of the two messages.
    subscript(isRequest isRequest: Bool) -> HTTP2Message {
        _read {
            if isRequest { yield request } else { yield response }
        }
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
    /// Streams whose head waits for its proof.
    var pendingCount = 0

    /// Number of open streams.
    var count: Int { slotOf.count }

    /// The slot of a stream, -1 when it is not open.
    func slot(of stream: UInt32) -> Int { slotOf[stream] ?? -1 }

    subscript(slot: Int) -> HTTP2Stream {
        _read { yield slots[slot] }
        _modify { yield &slots[slot] }
    }

    /// Takes so many bytes as the next of a body; nil, and nothing happened, when they are not all of it.
    @inline(__always)
    mutating func advance(
        _ slot: Int, _ isRequest: Bool, _ count: UInt64
    ) -> (exchange: ExchangeID, offset: UInt64)? {
        let offset =
            isRequest ? slots[slot].request.advance(count) : slots[slot].response.advance(count)
        return offset.map { (slots[slot].exchange, $0) }
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
        if slots[slot].pendingHead != nil { pendingCount -= 1 }
        slots[slot] = HTTP2Stream()
        free.append(slot)
    }

    /// The slots of open streams, oldest exchange first.
    var openSlots: [Int] { slotOf.values.sorted { slots[$0].exchange.number < slots[$1].exchange.number } }
}
