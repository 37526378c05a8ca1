import Packets

// RST, which anyone can forge who guesses a window, and which may overtake the bytes it follows.
//
// It ends the flow at once when it stands where its receiver expects it (RFC 5961 §3.2) and nothing is missing; in the
// window but elsewhere it has to prove itself until the slack is over; outside the window it is ignored.
extension FlowTracker {
    /// Takes note of a RST.
    mutating func admitReset(_ slot: Int32, _ half: HalfConnection, _ header: borrowing SegmentHeader) {
        let own = index(slot, half)
        guard isPlausibleReset(own, header) else {
            counters.outOfWindow &+= 1
            return
        }
        touch(slot)
        guard !flows[slot].flags.contains(.resetPending) else { return }
        flows[slot].flags.insert(.resetPending)
        flows[slot].flags.remove(.resetFromResponder)
        if half == .fromResponder { flows[slot].flags.insert(.resetFromResponder) }
        flows[slot].resetSequence = header.sequence.rawValue
        flows[slot].resetNext = halves[own].next
        flows[slot].resetTime = clock.now
        flows[slot].resetSegment = flows[slot].segments
    }

    private func isPlausibleReset(_ own: Int32, _ header: borrowing SegmentHeader) -> Bool {
        let window = Int64(limits.windowBytesMax)
        if halves[own].flags.contains(.firm) {
            // A stack that knows nothing of the connection answers with the number it was sent an acknowledgement for,
            // so everything from there on is exact.
            let ahead = Int64(Int32(bitPattern: header.sequence.rawValue &- halves[own].nextSequence))
            let offset = Int64(halves[own].next) + ahead
            return offset >= Int64(min(halves[own].acked, halves[own].next)) && offset <= Int64(reach(own)) + window
        }
        // RFC 9293 §3.10.7.3: where it has no numbers of its own, a RST is known by what it acknowledges.
        let opposite = own ^ 1
        guard header.flags.contains(.ack), halves[opposite].flags.contains(.firm) else { return true }
        let ahead = Int64(Int32(bitPattern: header.acknowledgement.rawValue &- halves[opposite].nextSequence))
        return ahead >= -window && ahead <= window
    }

    /// True when a pending reset is certain; drops it when it is certainly none.
    mutating func resolvesReset(_ slot: Int32) -> Bool {
        let own = index(slot, flows[slot].resetHalf)
        let opposite = own ^ 1
        let isComplete =
            halves[own].first < 0 && halves[opposite].first < 0
            && halves[own].evidenceOffset == 0 && halves[opposite].evidenceOffset == 0
        let ahead = Int32(bitPattern: flows[slot].resetSequence &- halves[own].nextSequence)
        let hasArrived = !halves[own].flags.contains(.firm) || ahead <= 0
        let isUnmoved = halves[own].next == flows[slot].resetNext
        if isComplete, hasArrived, isUnmoved { return true }
        guard isOverdue(slot, since: flows[slot].resetTime, segment: flows[slot].resetSegment) else { return false }
        // Its sender went on in order and did not get there: it was never where the RST said.
        if hasArrived || isUnmoved { return true }
        flows[slot].flags.remove(.resetPending)
        counters.outOfWindow &+= 1
        return false
    }

    /// Drops a pending reset when its sender goes on behind it, and a rival SYN when its sender goes on as before.
    mutating func doubtIntruders(_ slot: Int32, _ half: HalfConnection, _ header: borrowing SegmentHeader) {
        let flags = flows[slot].flags
        if flags.contains(.resetPending), flows[slot].resetHalf == half, header.payloadLength > 0,
            Int32(bitPattern: header.sequence.rawValue &- flows[slot].resetSequence) >= 0,
            halves[index(slot, half)].flags.contains(.firm)
        {
            flows[slot].flags.remove(.resetPending)
            counters.outOfWindow &+= 1
        }
        if flags.contains(.rival), flows[slot].rivalHalf == half,
            header.sequence.rawValue == halves[index(slot, half)].nextSequence
        {
            flows[slot].flags.remove(.rival)
        }
    }
}
