import Objects

// Delivering what is next, in each half and across the two.
//
// Why two half-connections never wait for each other for ever. A half is blocked at its next byte for one of two
// reasons: M, the byte is missing (a hole, a snapped or suspect piece); or C, the byte is here, but its segment
// acknowledged bytes that the opposite half has not passed.
// 1. M ends without regard to the opposite half: by bytes that arrive, by a slack that runs out, by a budget, by the
//    flow's end. Declaring a gap never asks what the opposite half waits for.
// 2. C with the opposite half blocked by M ends when M ends. If that byte was acknowledged by our piece, the same
//    acknowledgement started the opposite half's slack.
// 3. C on both sides: each half's next piece acknowledges the other's. A first transmission can never do that, since an
//    acknowledgement follows what it acknowledges; so one of the two is a retransmission, sent again with a newer
//    acknowledgement, whose first copy the other side had received. Nothing is missing, so waiting would help nobody:
//    the piece captured later is the retransmission, and goes first, at once (`breakCycle`).
// Every step moves `next` of a half or frees a piece from waiting, so it ends.
extension FlowTracker {
    /// Delivers all that can be delivered.
    mutating func drain(_ slot: Int32) {
        repeat {
            while advance(slot, .fromInitiator) || advance(slot, .fromResponder) {}
        } while breakCycle(slot)
    }

    /// Delivers what is next in a half; true when there was something.
    private mutating func advance(_ slot: Int32, _ half: HalfConnection) -> Bool {
        var hasMoved = false
        while let node = readyPiece(slot, half) {
            deliver(slot, half, node)
            hasMoved = true
        }
        return hasMoved
    }

    /// The piece at a half's next byte, if it may go on now.
    private func readyPiece(_ slot: Int32, _ half: HalfConnection) -> Int32? {
        guard let node = pieceAtNext(slot, half) else { return nil }
        return buffer[node].mustWait && !hasPassed(slot, half, node) ? nil : node
    }

    /// The sound piece at a half's next byte, if there is one.
    func pieceAtNext(_ slot: Int32, _ half: HalfConnection) -> Int32? {
        let own = index(slot, half)
        let node = halves[own].first
        guard node >= 0, buffer[node].offset == halves[own].next,
            buffer[node].kind.rawValue >= Piece.Kind.clean.rawValue
        else { return nil }
        return node
    }

    private func hasPassed(_ slot: Int32, _ half: HalfConnection, _ node: Int32) -> Bool {
        halves[index(slot, half.opposite)].hasPassed(buffer[node].acknowledged)
    }

    /// Point 3 above. Called when neither half can advance.
    private mutating func breakCycle(_ slot: Int32) -> Bool {
        guard let one = pieceAtNext(slot, .fromInitiator), let other = pieceAtNext(slot, .fromResponder) else {
            return false
        }
        buffer.release(buffer[one].packet > buffer[other].packet ? one : other)
        return true
    }

    /// Delivers the piece at a half's next byte.
    mutating func deliver(_ slot: Int32, _ half: HalfConnection, _ node: Int32) {
        let own = index(slot, half)
        var piece = buffer[node]
        take(slot, half, node)
        // Only a piece that was released from waiting still acknowledges more than has passed: a retransmission with an
        // acknowledgement newer than its bytes, or one that counts a FIN.
        let passed = halves[own ^ 1].next
        if piece.acknowledged != Piece.unknownOffset, piece.acknowledged > passed { piece.acknowledged = passed }
        halves[own].advance(to: piece.end)
        if piece.kind == .fin {
            buffer.discard(node)
            markEnded(slot, half, .finished, piece.context)
            return
        }
        counters.deliveredBytes &+= piece.length
        if piece.kind == .suspect { counters.suspectDelivered &+= piece.length }
        if let start = piece.frameStart {
            buffer.discard(node)
            deliveries.append(
                .frameBytes(
                    handle(slot), half, start: start, count: Int(piece.length), offset: piece.offset,
                    isSegmentStart: piece.isSegmentStart, piece.context))
        } else {
            spent.append(node)
            deliveries.append(
                .bufferedBytes(
                    handle(slot), half, piece: node, offset: piece.offset, isSegmentStart: piece.isSegmentStart,
                    piece.context))
        }
    }

    /// Tells the sink of a half's end.
    mutating func markEnded(_ slot: Int32, _ half: HalfConnection, _ reason: StreamEnd, _ context: SegmentContext) {
        let own = index(slot, half)
        halves[own].flags.insert(.ended)
        halves[own].evidenceOffset = 0
        deliveries.append(.end(handle(slot), half, reason, context))
    }
}
