import Flows
import HTTPTypes
import Objects

/// Where one half-connection stands in its messages.
enum Phase: UInt8 {
    /// At a message boundary: the next byte begins a message.
    case boundary
    /// Part of a head is in `partial`.
    case head
    /// In a body of known length, `remaining` bytes to come.
    case length
    /// In a chunk-size line; its beginning may be in `partial`.
    case chunkLine
    /// In chunk data, `remaining` bytes to come.
    case chunkData
    /// At the CRLF behind chunk data, `remaining` bytes of it to come.
    case chunkEnd
    /// Behind the last chunk; part of the trailer section may be in `partial`.
    case trailers
    /// In a body that ends with the connection.
    case untilClose
    /// At the place of a body that the client may keep back, since its `Expect: 100-continue` was refused.
    case refusedBody
    /// Behind a whole request that is not reported before its response proves it.
    case probation
    /// Not synchronised: bytes are passed over until a message start is proven.
    case unsynchronised
    /// The half-connection ended.
    case ended
}

/// What the bytes a side sent last say about whose turn it is to speak.
enum Mood: UInt8 {
    /// Nothing was heard yet.
    case silent
    /// Bytes are missing at the end of what is known.
    case lost
    /// In the middle of a message.
    case speaking
    /// An interim response came last, so a body may follow from the other side.
    case interim
    /// A response that servers like to send before they have read the request's body, and nothing shows that they had.
    case doubtful
    /// A final response, or a part of one.
    case final
}

/// What the engine keeps of one half-connection: positions, the phase, and what is incomplete.
struct HalfState {
    /// Where the half-connection stands in its messages.
    var phase = Phase.boundary
    /// What was heard last.
    var mood = Mood.silent
    /// True once a byte or a gap was delivered.
    var hasBegun = false
    /// Offset of the next byte.
    var next: UInt64 = 0
    /// Bytes to come of the body, chunk or CRLF.
    var remaining: UInt64 = 0
    /// Payload bytes of the body so far, gaps included.
    var bodyOffset: UInt64 = 0
    /// The exchange that the body belongs to.
    var exchange = ExchangeID(0)
    /// Offset of the first byte of the message at hand.
    var messageStart: UInt64 = 0
    /// Offset of a message start that turned out to be unreadable: it is not tried again.
    var failedStart: UInt64?
    /// What the segment with the message's first byte acknowledged.
    var messageAcknowledged: UInt64?
    /// Offset at which the answer began that the message belongs to: before the interim responses that preceded it.
    var turnStart: UInt64 = 0
    /// True between an interim response and what follows it.
    var followsInterim = false
    /// What the latest run of bytes acknowledged.
    var acknowledged: UInt64?
    /// The most that any run so far acknowledged.
    var acknowledgedMax: UInt64 = 0
    /// What becomes of the mood when the message at hand ends.
    var moodAfter = Mood.final
    /// True when the position behind the message at hand is not to be relied on.
    var isAmbiguous = false
    /// Why sync was lost last.
    var lossCause = GapCause.captureStartedLate
    /// How the half-connection ended.
    var end: StreamEnd?
    /// An incomplete head, chunk-size line or trailer section.
    var partial: [UInt8] = []
    /// Bytes of `partial` that hold no line feed that could end it.
    var scanned = 0

    /// True when the phase is inside a body.
    var isInBody: Bool {
        switch phase {
        case .length, .chunkLine, .chunkData, .chunkEnd, .trailers, .untilClose, .refusedBody: true
        case .boundary, .head, .probation, .unsynchronised, .ended: false
        }
    }

    /// Enters the body that follows a head, or stays at the boundary when there is none.
    mutating func enterBody(_ framing: BodyFraming, of exchange: ExchangeID) {
        self.exchange = exchange
        bodyOffset = 0
        switch framing {
        case .none: phase = .boundary
        case .length(let length):
            remaining = length
            phase = length > 0 ? .length : .boundary
        case .chunked: phase = .chunkLine
        case .untilClose: phase = .untilClose
        }
    }

    // MARK: Incomplete lines

    /// Keeps bytes of something incomplete. False when the total of all flows is at its limit.
    mutating func keep(_ bytes: RawSpan, _ range: Range<Int>, _ desk: inout Desk) -> Bool {
        guard desk.reserve(range.count) else { return false }
        unsafe bytes.extracting(range).withUnsafeBytes { unsafe partial.append(contentsOf: $0) }
        return true
    }

    /// Forgets the last bytes of what was kept.
    mutating func unkeep(_ count: Int, _ desk: inout Desk) {
        desk.release(count)
        partial.removeLast(count)
    }

    /// Forgets what was kept.
    mutating func dropPartial(_ desk: inout Desk) {
        guard !partial.isEmpty else { return }
        desk.release(partial.count)
        // Large buffers are rare; a flow that needed one does not keep it.
        partial.removeAll(keepingCapacity: partial.capacity <= 2_048)
        scanned = 0
    }
}
