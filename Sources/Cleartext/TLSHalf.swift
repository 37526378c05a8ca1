import Flows
import Objects

/// What is read of one half-connection of a TLS connection.
final class TLSHalf {
    /// Where the half-connection stands among its records.
    enum Phase: Equatable {
        /// In records that follow each other; a part of one may be in `partial`.
        case records
        /// Inside a record that lacks bytes; the next one begins at this offset.
        case skipping(until: UInt64)
        /// Behind a gap: bytes gather in `partial` until a record is found among them.
        case searching
        /// Nothing more is read.
        case over
    }

    /// What protects its records now.
    enum Epoch: Equatable {
        case plain, early, handshake, application
    }

    /// What a whole record in `partial` waits for.
    enum Block: Equatable {
        case none
        /// A secret.
        case key
        /// The server's word on 0-RTT data.
        case server
    }

    /// A position in the records and the one in the cleartext that belongs to it.
    struct Mark {
        var sealed: UInt64
        var clear: UInt64
    }

    /// Which half-connection.
    let half: HalfConnection
    /// Where it stands.
    var phase = Phase.records
    var epoch = Epoch.plain
    var block = Block.none
    /// Offset of the next byte that is due.
    var next: UInt64 = 0
    /// Offset of the first byte in `partial`.
    var partialStart: UInt64 = 0
    /// A part of a record, the whole of one that is blocked, or what is searched.
    var partial: [UInt8] = []
    /// While the flow is watched: where a header stands, if what looked like one before it was one.
    var headerExpected: UInt64?
    /// Bytes of its room, as counted at the desk.
    var keptRoom = 0
    /// Bytes that `partial` shall have before it is looked at.
    var wanted = RecordHeader.length
    /// The segments that the bytes of `partial` came with: offset of the first byte, and its context.
    var origins: [(offset: UInt64, context: SegmentContext)] = []

    /// The keys; nil when they are not known yet.
    var keys: RecordKeys?
    /// Number of the next record under these keys.
    var sequence: UInt64 = 0
    /// False while it has to be searched: the beginning of the half was not seen.
    var isSequenceKnown = true
    /// True once application data was read in this half: from then on every record is taken for application data.
    var hasData = false
    /// True once a sender padded a record, which makes the length of lost cleartext unknown.
    var pads = false
    /// Handshake messages in progress.
    var messages = HandshakeReader()

    /// Offset at which the cleartext began: 0, unless other bytes were handed on before.
    var clearBase: UInt64 = 0
    /// Offset of the next byte of cleartext.
    var clearNext: UInt64 = 0
    /// True when the sender said that nothing follows (close_notify).
    var isClosed = false
    /// Where records ended, the latest last, within ``marksMax``.
    private var marks: [Mark] = []
    private var marksDropped = false

    /// Where the loss began that is being searched behind, and why.
    var lossStart: UInt64 = 0
    var lossCause = GapCause.notCaptured
    /// Bytes of the whole record at the loss's beginning that could not be opened; 0 when the loss began otherwise.
    var failedLength: UInt64 = 0
    /// Lost bytes before that which were reported already, though how many records they were is not known yet.
    var uncounted: UInt64 = 0
    /// Bytes of `partial` that no record can begin in.
    var searched = 0
    /// Attempts since the loss.
    var trials = 0

    /// Marks kept. A segment acknowledges what was delivered shortly before; 64 records are a megabyte.
    private static let marksMax = 64

    init(_ half: HalfConnection) { self.half = half }

    /// Remembers that cleartext up to `clearNext` is what ciphertext up to `sealed` holds.
    func mark(_ sealed: UInt64) {
        if marks.count == 2 * Self.marksMax {
            marks.removeFirst(Self.marksMax)
            marksDropped = true
        }
        marks.append(Mark(sealed: sealed, clear: clearNext))
    }

    /// The cleartext that a peer has which received ciphertext up to `sealed`: that of whole records. Nil when that is
    /// too long ago to be known.
    func clear(at sealed: UInt64) -> UInt64? {
        var index = marks.count
        while index > 0 {
            index -= 1
            if marks[index].sealed <= sealed { return marks[index].clear }
        }
        return marksDropped ? nil : clearBase
    }

    /// Forgets the bytes in `partial`, but keeps their room for the next record.
    func clearPartial() {
        partial.removeAll(keepingCapacity: true)
        origins.removeAll(keepingCapacity: true)
        wanted = RecordHeader.length
        searched = 0
    }

    /// Appends to `partial`.
    func gather(_ bytes: RawSpan, _ range: Range<Int>, at offset: UInt64, _ context: SegmentContext) {
        if partial.isEmpty { partialStart = offset }
        // Of a record only the first segment's acknowledgement matters; a search may begin a record at any of them.
        if origins.isEmpty || phase == .searching { origins.append((offset, context)) }
        unsafe bytes.extracting(range).withUnsafeBytes { unsafe partial.append(contentsOf: $0) }
    }

    /// The context of the segment that held the byte at this offset of `partial`.
    func origin(of offset: UInt64) -> SegmentContext? {
        (origins.last { $0.offset <= offset } ?? origins.first)?.context
    }
}
