/// A part of a half-connection that waits for its turn.
struct Piece: BitwiseCopyable {
    /// What the piece is. Of two claims to the same bytes the greater wins, and of equals the first.
    enum Kind: UInt8 {
        /// The capture was cut here: the bytes passed, but are not at hand.
        case snapped
        /// Bytes of a segment whose checksum is wrong where checksums are known to be right: the receiver has dropped
        /// it.
        case suspect
        /// Bytes.
        case clean
        /// The FIN: no bytes, the end of the half-connection.
        case fin
    }

    /// Offset of the first byte in the half-connection.
    var offset: UInt64
    /// Length in bytes; 0 for a FIN.
    var length: UInt64
    /// Capture time of its segment.
    var time: UInt64
    /// Packet number of its segment.
    var packet: UInt64
    /// Offset in the opposite half-connection that its segment acknowledged; `unknownOffset` when there is none.
    var acknowledged: UInt64
    /// Copy of the bytes, owned by the reorder buffer; or, while its segment is being admitted, their place in the
    /// frame.
    var storage: Storage = .none
    /// What it is.
    var kind: Kind
    /// True when its first byte was its segment's first.
    var isSegmentStart: Bool
    /// True when it must not be delivered before what it acknowledged.
    var mustWait: Bool

    /// Lesser offsets below this node of the tree.
    var left: Int32 = -1
    /// Greater offsets below this node of the tree.
    var right: Int32 = -1
    /// No child's priority is greater.
    var priority: UInt32 = 0

    /// Where the bytes are.
    enum Storage: BitwiseCopyable {
        case none
        case frame(start: Int)
        case copy(PieceMemory)
    }

    /// Stands for "no offset".
    static var unknownOffset: UInt64 { .max }

    /// One past the last byte.
    var end: UInt64 { offset &+ length }

    /// Offset in the frame when the bytes have not been copied.
    var frameStart: Int? {
        if case .frame(let start) = storage { start } else { nil }
    }

    /// Its segment's context.
    var context: SegmentContext {
        SegmentContext(
            time: time, packet: packet, acknowledged: acknowledged == Self.unknownOffset ? nil : acknowledged)
    }

    init(
        kind: Kind, offset: UInt64, length: UInt64, time: UInt64, packet: UInt64, acknowledged: UInt64?,
        isSegmentStart: Bool, mustWait: Bool
    ) {
        self.kind = kind
        self.offset = offset
        self.length = length
        self.time = time
        self.packet = packet
        self.acknowledged = acknowledged ?? Self.unknownOffset
        self.isSegmentStart = isSegmentStart
        self.mustWait = mustWait
    }

    /// A piece of the same segment: `count` bytes from `start`.
    func part(from start: UInt64, to end: UInt64) -> Piece {
        var part = self
        part.offset = start
        part.length = end - start
        part.isSegmentStart = isSegmentStart && start == offset
        part.storage = .none
        part.left = -1
        part.right = -1
        return part
    }
}

/// One heap copy of captured bytes. The reorder buffer that allocated it is its only owner and frees it once.
@safe
struct PieceMemory: BitwiseCopyable {
    let bytes: UnsafeMutableRawBufferPointer
}

// Only the reorder buffer that owns the memory touches it, and that cannot be copied: one thread at a time has both.
extension PieceMemory: @unchecked Sendable {}
