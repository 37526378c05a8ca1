import Flows

/// Runs of a half-connection that lost its place in the frames, kept until a frame boundary is found among them.
struct HeldRuns {
    /// A run with its bytes.
    struct Piece {
        var run: Run
        var bytes: [UInt8]
        /// True when a body was under way, in which anything may stand.
        var mayBePayload: Bool

        /// Offset behind its last byte.
        var end: UInt64 { run.offset + UInt64(bytes.count) }
    }

    /// Bytes kept of one half-connection: a chain that is believed is longer than the longest frame that is usual.
    static let bytesMax = 65_536

    private(set) var pieces: [Piece] = []
    private(set) var byteCount = 0

    /// All of it.
    var bytes: [UInt8] { pieces.flatMap(\.bytes) }

    /// The place in ``bytes`` from which on it is no payload for certain.
    var payloadEnd: Int {
        guard let last = pieces.lastIndex(where: \.mayBePayload) else { return 0 }
        return pieces[...last].reduce(0) { $0 + $1.bytes.count }
    }

    /// Keeps the rest of a run; beyond the limits the oldest runs are dropped.
    mutating func append(
        _ bytes: RawSpan, from position: Int, _ run: Run, mayBePayload: Bool, _ desk: inout Desk
    ) {
        let count = bytes.byteCount - position
        guard count <= Self.bytesMax else { return removeAll(&desk) }
        var old = 0
        while byteCount + count > Self.bytesMax, old < pieces.count {
            byteCount -= pieces[old].bytes.count
            desk.releaseTail(pieces[old].bytes.count)
            old += 1
        }
        pieces.removeFirst(old)
        guard desk.reserveTail(count) else { return removeAll(&desk) }
        byteCount += count
        let kept = Run(
            half: run.half, offset: run.offset(of: position), isSegmentStart: run.isSegmentStart(at: position),
            context: run.context)
        pieces.append(
            Piece(run: kept, bytes: bytes.octets(position..<bytes.byteCount), mayBePayload: mayBePayload))
    }

    /// Takes out what was kept from this offset on; nil, and nothing happened, when that is not all there.
    mutating func take(from offset: UInt64, _ desk: inout Desk) -> [Piece]? {
        guard let first = pieces.first, first.run.offset <= offset else { return nil }
        let taken = pieces.filter { $0.end > offset }
        removeAll(&desk)
        return taken
    }

    /// Drops everything.
    mutating func removeAll(_ desk: inout Desk) {
        desk.releaseTail(byteCount)
        byteCount = 0
        pieces.removeAll()
    }
}
