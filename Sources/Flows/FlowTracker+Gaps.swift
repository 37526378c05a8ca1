import Objects

// Holes: when they are believed, and what is done then.
extension FlowTracker {
    /// Declares bytes missing up to an offset.
    private mutating func declareGap(_ slot: Int32, _ half: HalfConnection, to end: UInt64, _ cause: GapCause) {
        let own = index(slot, half)
        let start = halves[own].next
        guard end > start else { return }
        var cause = cause
        if cause == .notCaptured { cause = knownLoss(slot, own) ?? cause }
        halves[own].advance(to: end)
        counters.gaps &+= 1
        switch cause {
        case .snapped: counters.gapBytesSnapped &+= end - start
        case .kernelDrop: counters.gapBytesKernelDrop &+= end - start
        case .overload: counters.gapBytesOverload &+= end - start
        case .outage: counters.gapBytesOutage &+= end - start
        default: counters.gapBytesNotCaptured &+= end - start
        }
        deliveries.append(.gap(handle(slot), half, offset: start, length: end - start, cause: cause, context))
    }

    /// Why the capture lost what a half lacks, if that is known. The hole was met when its slack began to run, or by the
    /// flow's last segment when none runs.
    private func knownLoss(_ slot: Int32, _ own: Int32) -> GapCause? {
        let met = halves[own].evidenceOffset != 0 ? halves[own].evidenceTime : flows[slot].lastActive
        return losses.cause(of: flows[slot].key, from: met, through: met)
    }

    /// Starts, or drops, the slack of each half as what it lacks demands.
    mutating func updateEvidence(_ slot: Int32) {
        for half in [HalfConnection.fromInitiator, .fromResponder] {
            let own = index(slot, half)
            if halves[own].next >= halves[own].evidenceOffset { halves[own].evidenceOffset = 0 }
            guard halves[own].evidenceOffset == 0, halves[own].lacksAcknowledgedBytes else { continue }
            halves[own].evidenceOffset = halves[own].ackedBytes
            halves[own].evidenceTime = clock.now
            halves[own].evidenceSegment = flows[slot].segments
        }
    }

    /// Declares what has been lacking for longer than the slack. One slack serves all holes that the peer had
    /// acknowledged when it began, so many holes cost no more delay than two slacks.
    mutating func declareOverdue(_ slot: Int32) {
        for half in [HalfConnection.fromInitiator, .fromResponder] {
            let own = index(slot, half)
            guard halves[own].evidenceOffset != 0,
                isOverdue(slot, since: halves[own].evidenceTime, segment: halves[own].evidenceSegment)
            else { continue }
            declareAcknowledged(slot, half, to: min(halves[own].evidenceOffset, halves[own].fin))
            halves[own].evidenceOffset = 0
            drain(slot)
        }
    }

    /// True when the slack that began then is over.
    func isOverdue(_ slot: Int32, since time: UInt64, segment: UInt32) -> Bool {
        flows[slot].segments &- segment >= limits.slackSegments || clock.now &- time >= limits.slackTime
    }

    /// Declares every hole before an offset that the peer has acknowledged.
    private mutating func declareAcknowledged(_ slot: Int32, _ half: HalfConnection, to end: UInt64) {
        let own = index(slot, half)
        while halves[own].next < end {
            let node = halves[own].first
            if node < 0 {
                declareTail(slot, half, to: end)
                return
            }
            if buffer[node].offset > halves[own].next {
                declareGap(slot, half, to: min(buffer[node].offset, end), .notCaptured)
            } else if buffer[node].kind.rawValue < Piece.Kind.clean.rawValue {
                giveUp(slot, half, node)
            }
            drain(slot)
            // The piece waits for the opposite half, whose own slack runs.
            if pieceAtNext(slot, half) != nil { return }
        }
    }

    /// Declares acknowledged bytes behind which nothing was captured. A single number may as well be that of a FIN: a
    /// lost byte would be followed by others, so nothing is declared, and the half never counts as finished.
    private mutating func declareTail(_ slot: Int32, _ half: HalfConnection, to end: UInt64) {
        let own = index(slot, half)
        if halves[own].fin == .max, end == halves[own].next &+ 1 {
            halves[own].flags.insert(.finAssumed)
        } else {
            declareGap(slot, half, to: end, .notCaptured)
        }
    }

    /// Ends the waiting for a piece at a half's next byte that is not sound: a snapped one becomes a gap, a suspect
    /// one is delivered, since nothing better came.
    private mutating func giveUp(_ slot: Int32, _ half: HalfConnection, _ node: Int32) {
        if buffer[node].kind == .suspect {
            deliver(slot, half, node)
            return
        }
        let end = buffer[node].end
        take(slot, half, node)
        buffer.discard(node)
        declareGap(slot, half, to: end, .snapped)
    }

    /// Gives up the flow's oldest hole, whatever is known of it. False when nothing waits.
    mutating func giveUpOldestHole(_ slot: Int32) -> Bool {
        var oldest: HalfConnection?
        var oldestPacket = UInt64.max
        for half in [HalfConnection.fromInitiator, .fromResponder] {
            let node = halves[index(slot, half)].first
            guard node >= 0, pieceAtNext(slot, half) == nil, buffer[node].packet < oldestPacket else { continue }
            oldest = half
            oldestPacket = buffer[node].packet
        }
        if let half = oldest {
            let node = halves[index(slot, half)].first
            if buffer[node].offset > halves[index(slot, half)].next {
                declareGap(slot, half, to: buffer[node].offset, .notCaptured)
            } else {
                giveUp(slot, half, node)
            }
        } else if let (half, node) = pieceWaitingForOpposite(slot) {
            // The opposite half has nothing buffered and lacks what this piece acknowledged.
            let opposite = index(slot, half.opposite)
            declareTail(slot, half.opposite, to: min(buffer[node].acknowledged, halves[opposite].fin))
            buffer.release(node)
        } else {
            return false
        }
        drain(slot)
        return true
    }

    private func pieceWaitingForOpposite(_ slot: Int32) -> (HalfConnection, Int32)? {
        if let node = pieceAtNext(slot, .fromInitiator) { return (.fromInitiator, node) }
        if let node = pieceAtNext(slot, .fromResponder) { return (.fromResponder, node) }
        return nil
    }

    /// Gives up holes until the budgets hold.
    mutating func enforceBudgets(_ slot: Int32) {
        while flows[slot].charge > limits.flowBufferedBytesMax, giveUpOldestHole(slot) {
            counters.flowBudgetReached &+= 1
        }
        while buffer.charge > limits.bufferedBytesMax {
            let longest = longestWaiting() ?? slot
            guard giveUpOldestHole(longest) else { break }
            counters.totalBudgetReached &+= 1
            if longest != slot { finishTurn(longest) }
        }
    }

    /// The flow that has waited longest with bytes. Flows that wait without any go to the end of the list.
    private mutating func longestWaiting() -> Int32? {
        for _ in 0..<waiting.count {
            if flows[waiting.first].charge > 0 { return waiting.first }
            waiting.moveToEnd(waiting.first)
        }
        return nil
    }

    /// Declares what the peer acknowledged and nobody captured, at the flow's end.
    mutating func declareTrailing(_ slot: Int32, _ half: HalfConnection) {
        let own = index(slot, half)
        guard !halves[own].flags.contains(.ended), halves[own].flags.contains(.placed) else { return }
        // Without one byte seen and without the start, offsets mean nothing.
        guard !halves[own].flags.isDisjoint(with: [.firm, .knownStart]) else { return }
        if halves[own].ackedBytes > halves[own].next { declareTail(slot, half, to: halves[own].ackedBytes) }
    }
}
