import Packets

// Payload on its way into the order of its half-connection.
extension FlowTracker {
    /// Puts what is new of a segment's payload among the waiting pieces. Bytes stay in the frame until it is clear that
    /// they have to wait (`keepFresh`).
    mutating func insertPayload(
        _ slot: Int32, _ half: HalfConnection, _ placement: Placement, _ frame: RawSpan
    ) {
        guard placement.length > 0 else {
            let own = index(slot, half)
            // RFC 9293 §3.8.4: a keep-alive probe stands one before what is next.
            if placement.start >= 0, UInt64(placement.start) &+ 1 == halves[own].next,
                !halves[own].flags.contains(.ended)
            {
                counters.keepAlives &+= 1
            }
            return
        }
        let own = index(slot, half)
        let next = Int64(halves[own].next)
        var start = placement.start
        var end = placement.start + placement.length
        if placement.length == 1, end == next || (start > next && UInt64(end) == halves[own].ackedBytes) {
            // The probe may carry a byte of garbage. With a hole before it, it is known by what the peer acknowledged.
            counters.keepAlives &+= 1
            return
        }
        if start < 0 {
            counters.bytesBeforeStart &+= UInt64(min(end, 0) - start)
            start = 0
        }
        if end > 0, UInt64(end) > halves[own].fin {
            counters.outOfWindow &+= 1
            end = Int64(halves[own].fin)
        }
        if start < next {
            if end > start { counters.retransmittedBytes &+= UInt64(min(end, next) - start) }
            start = next
        }
        guard start < end, !halves[own].flags.contains(.ended) else { return }
        if start > next { counters.outOfOrderSegments &+= 1 }
        if placement.mustWait { counters.heldSegments &+= 1 }
        let capturedEnd = min(placement.start + placement.captured, end)
        if capturedEnd < end { counters.snappedBytes &+= UInt64(end - max(start, capturedEnd)) }
        var piece = Piece(
            kind: placement.isSuspect ? .suspect : .clean, offset: UInt64(start), length: 0, time: time,
            packet: packet, acknowledged: placement.acknowledged, isSegmentStart: start == placement.start,
            mustWait: placement.mustWait)
        // Offset 0 of the half-connection stands here in the frame.
        let frameOrigin = placement.frameStart - Int(placement.start)
        if start < capturedEnd {
            piece.length = UInt64(capturedEnd - start)
            insert(slot, half, piece, frameOrigin, frame)
        }
        if capturedEnd < end {
            piece.kind = .snapped
            piece.offset = UInt64(max(start, capturedEnd))
            piece.length = UInt64(end) - piece.offset
            piece.isSegmentStart = false
            insert(slot, half, piece, frameOrigin, frame)
        }
    }

    /// Inserts those parts of a piece that are not there yet, or there only as something lesser.
    private mutating func insert(
        _ slot: Int32, _ half: HalfConnection, _ piece: Piece, _ frameOrigin: Int, _ frame: RawSpan
    ) {
        let own = index(slot, half)
        let end = piece.end
        var cursor = piece.offset
        while cursor < end {
            let other = buffer.first(halves[own].root, endingAfter: cursor)
            let otherStart = other < 0 ? end : buffer[other].offset
            if otherStart > cursor {
                let partEnd = min(otherStart, end)
                addPart(slot, half, piece, cursor, partEnd, frameOrigin)
                cursor = partEnd
                continue
            }
            let partEnd = min(buffer[other].end, end)
            if buffer[other].kind.rawValue < piece.kind.rawValue {
                cut(slot, half, other, cursor, partEnd)
                addPart(slot, half, piece, cursor, partEnd, frameOrigin)
            } else if piece.kind != .snapped {
                counters.retransmittedBytes &+= partEnd - cursor
                if piece.kind == buffer[other].kind {
                    let start = frameOrigin + Int(cursor)
                    let bytes = frame.extracting(start..<(start + Int(partEnd - cursor)))
                    counters.conflictingBytes &+= UInt64(buffer.conflicts(other, with: bytes, at: cursor))
                }
            }
            cursor = partEnd
        }
    }

    private mutating func addPart(
        _ slot: Int32, _ half: HalfConnection, _ piece: Piece, _ start: UInt64, _ end: UInt64, _ frameOrigin: Int
    ) {
        let hasBytes = piece.kind != .snapped
        let node = add(
            slot, half, piece.part(from: start, to: end), frameStart: hasBytes ? frameOrigin + Int(start) : nil)
        if hasBytes { fresh.append(node) }
    }

    /// Takes a range out of a piece; what stands before and behind it stays.
    private mutating func cut(_ slot: Int32, _ half: HalfConnection, _ node: Int32, _ start: UInt64, _ end: UInt64) {
        let whole = buffer[node]
        take(slot, half, node)
        for (from, to) in [(whole.offset, start), (end, whole.end)] where from < to {
            let part = add(slot, half, whole.part(from: from, to: to), frameStart: nil)
            flows[slot].charge += buffer.copyPart(part, of: node)
        }
        buffer.discard(node)
    }

    /// Adds a piece to its half's tree.
    @discardableResult
    mutating func add(_ slot: Int32, _ half: HalfConnection, _ piece: Piece, frameStart: Int?) -> Int32 {
        let own = index(slot, half)
        let node = buffer.insert(piece, frameStart: frameStart, into: &halves[own].root)
        flows[slot].charge += ReorderBuffer.overhead
        let first = halves[own].first
        if first < 0 || piece.offset < buffer[first].offset { halves[own].first = node }
        return node
    }

    /// Takes a piece out of its half's tree; it is neither delivered nor discarded yet.
    mutating func take(_ slot: Int32, _ half: HalfConnection, _ node: Int32) {
        let own = index(slot, half)
        flows[slot].charge -= buffer.charge(of: node)
        buffer.detach(node, from: &halves[own].root)
        if halves[own].first == node { halves[own].first = buffer.first(halves[own].root) }
    }

    /// Copies what has to wait out of the frame.
    mutating func keepFresh(_ slot: Int32, _ frame: RawSpan) {
        for node in fresh { flows[slot].charge += buffer.keep(node, from: frame) }
        fresh.removeAll(keepingCapacity: true)
        counters.bufferedBytesPeak = max(counters.bufferedBytesPeak, UInt64(buffer.charge))
    }
}
