import Objects
import Packets

// The end of a segment's turn, and of flows.
extension FlowTracker {
    /// Brings a flow to rest after a segment: delivers, keeps what must wait, declares what is overdue, closes.
    mutating func settle(_ slot: Int32, _ frame: RawSpan) {
        drain(slot)
        keepFresh(slot, frame)
        updateEvidence(slot)
        declareOverdue(slot)
        enforceBudgets(slot)
        finishTurn(slot)
    }

    /// Closes a flow whose halves have ended, or notes what it waits for.
    mutating func finishTurn(_ slot: Int32) {
        let initiator = index(slot, .fromInitiator)
        let responder = index(slot, .fromResponder)
        if halves[initiator].flags.contains(.ended), halves[responder].flags.contains(.ended) {
            close(slot, isRemembered: true, wasReset: false)
            return
        }
        if flows[slot].flags.contains(.resetPending), resolvesReset(slot) {
            conclude(slot, .reset)
            return
        }
        updateEvidence(slot)
        updateActivityList(slot)
        var oldest = UInt64.max
        for own in [initiator, responder] {
            let node = halves[own].first
            if node >= 0 { oldest = min(oldest, buffer[node].packet) }
            if halves[own].evidenceOffset != 0 { oldest = min(oldest, .max - 1) }
        }
        let isUndecided = !flows[slot].flags.isDisjoint(with: [.resetPending, .rival])
        let isWaiting = oldest != .max || isUndecided
        if isWaiting != flows[slot].flags.contains(.waiting) {
            if isWaiting {
                flows[slot].flags.insert(.waiting)
                waiting.append(slot)
            } else {
                flows[slot].flags.remove(.waiting)
                waiting.remove(slot)
            }
        } else if isWaiting, oldest > flows[slot].oldestPacket {
            waiting.moveToEnd(slot)
        }
        flows[slot].oldestPacket = oldest
    }

    /// Keeps a flow in the list of activity it belongs to.
    mutating func updateActivityList(_ slot: Int32) {
        let hasEnd =
            halves[index(slot, .fromInitiator)].flags.contains(.ended)
            || halves[index(slot, .fromResponder)].flags.contains(.ended)
        let isBrief = hasEnd || !flows[slot].flags.contains(.hasPayload)
        guard isBrief != flows[slot].flags.contains(.brief) else { return }
        if isBrief {
            busy.remove(slot)
            brief.append(slot)
            flows[slot].flags.insert(.brief)
        } else {
            brief.remove(slot)
            busy.append(slot)
            flows[slot].flags.remove(.brief)
        }
    }

    /// Ends a flow now: everything that waits is delivered, every hole declared.
    @usableFromInline
    mutating func conclude(_ slot: Int32, _ reason: StreamEnd) {
        while giveUpOldestHole(slot) {}
        for half in [HalfConnection.fromInitiator, .fromResponder] {
            declareTrailing(slot, half)
        }
        let told = knownEnd(slot, reason)
        for half in [HalfConnection.fromInitiator, .fromResponder]
        where !halves[index(slot, half)].flags.contains(.ended) {
            markEnded(slot, half, told, context)
        }
        switch reason {
        case .idle: counters.flowsIdle &+= 1
        case .evicted: counters.flowsEvicted &+= 1
        case .replaced: counters.flowsReplaced &+= 1
        case .finished, .reset, .captureEnded, .leftOut: break
        }
        close(slot, isRemembered: reason == .reset, wasReset: reason == .reset)
    }

    /// Why a silent flow ended: because the capture began to leave it out when it was last seen, if that is so.
    private func knownEnd(_ slot: Int32, _ reason: StreamEnd) -> StreamEnd {
        guard reason == .idle || reason == .captureEnded || reason == .replaced else { return reason }
        let seen = flows[slot].lastActive
        return losses.cause(of: flows[slot].key, from: seen, through: seen) == .overload ? .leftOut : reason
    }

    /// Frees a flow whose halves have ended.
    private mutating func close(_ slot: Int32, isRemembered: Bool, wasReset: Bool) {
        let flow = flows[slot]
        deliveries.append(.close(handle(slot), context))
        counters.flowsClosed &+= 1
        table.remove(hash: flow.hash, FlowReference(flow: slot))
        if flow.flags.contains(.waiting) { waiting.remove(slot) }
        if flow.flags.contains(.brief) { brief.remove(slot) } else { busy.remove(slot) }
        if isRemembered { remember(slot, wasReset: wasReset) }
        flows.remove(slot)
    }

    private mutating func remember(_ slot: Int32, wasReset: Bool) {
        guard limits.closedFlowsMax > 0 else { return }
        if closed.count >= limits.closedFlowsMax {
            forget(closedAt: closed.oldest)
            counters.closedFlowsForgotten &+= 1
        }
        let flow = flows[slot]
        let first = halves[index(slot, flow.half(sourceIsFirst: true))]
        let second = halves[index(slot, flow.half(sourceIsFirst: false))]
        let record = ClosedFlows.Record(
            key: flow.key, hash: flow.hash, closedAt: clock.now, firstOrigin: first.origin,
            firstEnd: first.nextSequence, secondOrigin: second.origin, secondEnd: second.nextSequence,
            firstIsKnown: first.flags.contains(.firm), secondIsKnown: second.flags.contains(.firm), wasReset: wasReset)
        table.insert(hash: flow.hash, FlowReference(closed: closed.insert(record)))
    }

    /// Forgets a closed flow.
    mutating func forget(closedAt index: Int32) {
        table.remove(hash: closed[index].hash, FlowReference(closed: index))
        closed.remove(index)
    }

    /// Makes room: ends the flow that was active least recently.
    mutating func evict() {
        let one = brief.first
        let other = busy.first
        guard one >= 0 || other >= 0 else { return }
        let isBrief = other < 0 || (one >= 0 && flows[one].lastActive <= flows[other].lastActive)
        conclude(isBrief ? one : other, .evicted)
    }
}
