import Flows
import Objects

/// What is kept of one half-connection of HTTP/2: its place in the frames.
struct HTTP2Half {
    enum Phase: UInt8 {
        /// In the client's connection preface, `remaining` bytes of it to come.
        case preface
        /// In a frame's header; its beginning may be in `partial`.
        case header
        /// At the pad length of a DATA frame.
        case padLength
        /// In the data of a DATA frame.
        case data
        /// In a frame with a header block, which is collected in `block`.
        case block
        /// In a short frame that is collected in `partial`.
        case control
        /// In bytes of no interest up to the end of the frame: padding, and frames that are passed over.
        case passing
        /// No frame boundary is known.
        case lost
        /// The half-connection ended.
        case ended
    }

    var phase = Phase.header
    /// True once a byte or a gap was delivered, or when the first can only have offset 0.
    var hasBegun = true
    /// Offset of the next byte.
    var next: UInt64 = 0
    /// The frame at hand.
    var frame = FrameHeader()
    /// Bytes to come of the frame's payload, or of the preface.
    var remaining = 0
    /// Bytes of padding at the end of the DATA frame at hand.
    var padding = 0
    /// The open stream that the DATA frame at hand belongs to; -1 when there is none.
    var slot = -1
    /// An incomplete frame header, or a short frame.
    var partial: [UInt8] = []
    /// True when a part of the short frame at hand was lost or was too long to be kept.
    var isControlDamaged = false
    /// True until the first frame, which is SETTINGS (RFC 9113 §3.4).
    var isFirstFrame = true
    /// True once a frame boundary was lost.
    var hasLost = false
    /// The longest payload that may come, as far as the other side's settings are known.
    var frameLengthMax = FrameHeader.lengthDefault
    /// Bytes of DATA that the other side still allows on the connection (RFC 9113 §5.2).
    var window: Int64 = 65_535
    /// Why the place was lost last.
    var lossCause = GapCause.captureStartedLate
    /// How the half-connection ended.
    var end: StreamEnd?
    var search = FrameSearch()
    /// What came since the place was lost, to be read once it is found again.
    var held = HeldRuns()
    /// Which header blocks may have been lost since the table was last known to be whole.
    var blocksInDoubt = BlocksInDoubt()

    // MARK: The header block at hand

    /// The payload of its frames so far, without padding and priority.
    var block: [UInt8] = []
    /// Where the frame at hand begins in it.
    var blockFrameStart = 0
    /// The stream of a block that goes on in CONTINUATION frames; 0 when none does.
    var continues: UInt32 = 0
    /// True when the block's stream ends with it.
    var blockEndsStream = false
    /// True when it is a pushed request.
    var isPromise = false
    /// CONTINUATION frames of it so far.
    var continuations = 0
    /// True when a part of it was lost, or left out for a limit.
    var isBlockDamaged = false
    var decoder: HeaderDecoder

    /// True inside a header block.
    var isBlockOpen: Bool { phase == .block || continues != 0 }

    init(next: UInt64, decoder: HeaderDecoder) {
        self.next = next
        self.decoder = decoder
    }

    /// The stream's slot when so many bytes are data of the frame at hand and more follows; -1 when not.
    @inline(__always)
    func slotForData(_ count: Int, at offset: UInt64) -> Int {
        phase == .data && offset == next && count > 0 && count < remaining - padding ? slot : -1
    }

    /// Passes data of the frame at hand.
    @inline(__always)
    mutating func passData(_ count: Int) {
        remaining -= count
        next += UInt64(count)
    }

    /// Keeps bytes of the header block; false when a limit is reached.
    mutating func keepBlock(_ bytes: RawSpan, _ range: Range<Int>, _ desk: inout Desk) -> Bool {
        guard block.count + range.count <= desk.limits.headerBytes else {
            desk.counters.headerByteLimit += 1
            return false
        }
        guard desk.reserve(range.count) else { return false }
        unsafe bytes.extracting(range).withUnsafeBytes { unsafe block.append(contentsOf: $0) }
        return true
    }

    /// Forgets what was kept of the header block.
    mutating func dropBlock(_ desk: inout Desk) {
        desk.release(block.count)
        block.removeAll(keepingCapacity: block.capacity <= 4_096)
        blockFrameStart = 0
        continues = 0
        isBlockDamaged = false
    }
}
