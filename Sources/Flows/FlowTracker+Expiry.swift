import Objects

// What time alone decides.
extension FlowTracker {
    /// Takes the time; true when it is time to look, then `expireNext` does so step by step.
    @usableFromInline
    mutating func beginExpiry(_ now: UInt64) -> Bool {
        clock.advance(to: now)
        guard clock.now >= nextExpiry else { return false }
        nextExpiry = clock.now &+ limits.expiryInterval
        time = clock.now
        expiryCursor = waiting.first
        expiryRemaining = waiting.count
        return true
    }

    /// Looks at one flow; false when all were looked at. Steps keep the list of deliveries as short as one flow's.
    @usableFromInline
    mutating func expireNext() -> Bool {
        if expiryRemaining > 0, expiryCursor >= 0 {
            let slot = expiryCursor
            expiryRemaining -= 1
            expiryCursor = waiting.slot(after: slot)
            reconsider(slot)
            return true
        }
        if let slot = idleFlow() {
            conclude(slot, .idle)
            return true
        }
        while closed.oldest >= 0, clock.now &- closed[closed.oldest].closedAt > limits.closedTime {
            forget(closedAt: closed.oldest)
        }
        return false
    }

    /// Looks at a flow that waits.
    private mutating func reconsider(_ slot: Int32) {
        declareOverdue(slot)
        let isClosing =
            flows[slot].flags.contains(.resetPending)
            || halves[index(slot, .fromInitiator)].fin != .max || halves[index(slot, .fromResponder)].fin != .max
        if isClosing, clock.now &- flows[slot].lastActive >= limits.closingTime {
            while giveUpOldestHole(slot) {}
        }
        if clock.now &- flows[slot].lastActive >= limits.closingTime { flows[slot].flags.remove(.rival) }
        finishTurn(slot)
    }

    private func idleFlow() -> Int32? {
        if brief.first >= 0, clock.now &- flows[brief.first].lastActive >= limits.briefIdleTime { return brief.first }
        if busy.first >= 0, clock.now &- flows[busy.first].lastActive >= limits.idleTime { return busy.first }
        return nil
    }

    /// Slots of all open flows in the order in which they opened.
    @usableFromInline
    mutating func beginFinish(time: UInt64, packet: UInt64) -> [Int32] {
        self.time = time
        self.packet = packet
        var slots: [Int32] = []
        slots.reserveCapacity(flows.count)
        for list in 0..<2 {
            var slot = list == 0 ? brief.first : busy.first
            while slot >= 0 {
                slots.append(slot)
                slot = list == 0 ? brief.slot(after: slot) : busy.slot(after: slot)
            }
        }
        return slots.sorted { flows[$0].number < flows[$1].number }
    }

    /// Forgets closed flows, so that a capture replayed next starts afresh.
    @usableFromInline
    mutating func endFinish() {
        while closed.oldest >= 0 { forget(closedAt: closed.oldest) }
        clock = CaptureClock()
        nextExpiry = 0
    }
}
