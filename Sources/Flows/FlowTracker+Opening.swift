import Packets

// Flows that begin: unknown addresses, SYNs, and connections that reuse the addresses of others.
extension FlowTracker {
    /// A segment of no open flow.
    mutating func admitUnknown(
        _ reference: FlowReference, _ key: FlowKey, _ hash: UInt32, _ sourceIsFirst: Bool,
        _ header: SegmentHeader, _ frame: RawSpan
    ) {
        if reference != .none {
            guard !isLate(closed[reference.closed], sourceIsFirst, header) else { return }
            forget(closedAt: reference.closed)
        }
        // Only a SYN or bytes make a flow worth keeping. A single byte in mid-connection is likelier a keep-alive
        // probe, whose byte is garbage (RFC 9293 §3.8.4), than data: the flow begins with the next segment instead.
        let isSYN = header.flags.contains(.syn)
        guard !header.flags.contains(.rst), isSYN || header.payloadLength > 0 else {
            counters.withoutFlow &+= 1
            return
        }
        guard isSYN || header.payloadLength > 1 else {
            counters.keepAlives &+= 1
            return
        }
        let slot = open(key, hash, firstIsInitiator: initiatorIsFirst(sourceIsFirst, header), isMidStream: !isSYN)
        admitOutOfTurn(slot, flows[slot].half(sourceIsFirst: sourceIsFirst), header, frame)
    }

    /// Who is the initiator, by a flow's first segment: a SYN's sender, a SYN-ACK's receiver; else the side with the
    /// higher port, since services listen on low ones; else the sender.
    private func initiatorIsFirst(_ sourceIsFirst: Bool, _ header: SegmentHeader) -> Bool {
        if header.flags.contains(.syn) { return header.flags.contains(.ack) ? !sourceIsFirst : sourceIsFirst }
        if header.sourcePort != header.destinationPort {
            return (header.sourcePort > header.destinationPort) == sourceIsFirst
        }
        return sourceIsFirst
    }

    private mutating func open(_ key: FlowKey, _ hash: UInt32, firstIsInitiator: Bool, isMidStream: Bool) -> Int32 {
        if flows.count >= limits.flowsMax { evict() }
        lastNumber += 1
        var flags: FlowState.Flags = [.brief]
        if firstIsInitiator { flags.insert(.firstIsInitiator) }
        let slot = flows.insert(FlowState(key: key, hash: hash, number: lastNumber, time: clock.now, flags: flags))
        // Both slabs hand out and take back in step, so the pair of halves stands where the slot says; when the slot is
        // new they are appended, else they are reset.
        while halves.end < slot &* 2 &+ 2 { _ = halves.insert(HalfStream()) }
        halves[index(slot, .fromInitiator)] = HalfStream()
        halves[index(slot, .fromResponder)] = HalfStream()
        flows[slot].linkedAt = UInt16(truncatingIfNeeded: clock.now >> 30)
        brief.append(slot)
        table.insert(hash: hash, FlowReference(flow: slot))
        counters.flowsOpened &+= 1
        if isMidStream { counters.flowsMidStream &+= 1 }
        let opening = FlowOpening(key: key, firstIsInitiator: firstIsInitiator, startedMidStream: isMidStream)
        deliveries.append(.open(handle(slot), opening, context))
        return slot
    }

    /// What a SYN on an open flow is.
    enum Greeting {
        /// The connection's own: first, repeated, or behind the segments it precedes.
        case own
        /// The first segment of another connection.
        case other
        /// Undecided or forged: nothing to be done now.
        case neither
    }

    /// Judges a SYN on an open flow.
    mutating func greet(_ slot: Int32, _ half: HalfConnection, _ header: SegmentHeader) -> Greeting {
        let own = index(slot, half)
        let opposite = own ^ 1
        let origin = header.sequence.rawValue &+ 1
        let flags = halves[own].flags
        if flags.contains(.synSeen) {
            if halves[own].origin == origin { return .own }
        } else if !flags.contains(.placed) {
            return .own
        } else {
            // RFC 9293 §3.10.7: the SYN stands before every byte. It may be captured after some, or after their
            // acknowledgement, but then the flow is young.
            let behind = halves[own].origin &- origin
            if behind == 0 || (behind <= 65_536 && flows[slot].segments < limits.slackSegments) { return .own }
        }
        let isAnswer = header.flags.contains(.ack)
        if !flows[slot].flags.contains(.hasPayload) {
            // A server under SYN cookies may answer a repeated SYN with another number; the last answer counts.
            let answers =
                halves[opposite].flags.contains(.synSeen)
                && header.acknowledgement.rawValue == halves[opposite].origin
            return isAnswer && answers ? .own : .other
        }
        if halves[own].flags.contains(.ended) || halves[opposite].flags.contains(.ended) { return .other }
        if clock.now &- flows[slot].lastActive >= limits.replacementTime { return .other }
        let rivalIsOpposite = flows[slot].flags.contains(.rival) && flows[slot].rivalHalf != half
        if isAnswer, rivalIsOpposite, header.acknowledgement.rawValue == flows[slot].rivalOrigin { return .other }
        // RFC 5961 §4: a SYN alone does not end a living connection. Remember it until a segment confirms it.
        counters.outOfWindow &+= 1
        if !isAnswer {
            flows[slot].flags.insert(.rival)
            flows[slot].flags.remove(.rivalFromResponder)
            if half == .fromResponder { flows[slot].flags.insert(.rivalFromResponder) }
            flows[slot].rivalOrigin = origin
        }
        return .neither
    }

    /// True when a segment belongs to the connection whose SYN was set aside.
    func confirmsRival(_ slot: Int32, _ half: HalfConnection, _ header: SegmentHeader) -> Bool {
        flows[slot].flags.contains(.rival) && flows[slot].rivalHalf == half
            && header.sequence.rawValue == flows[slot].rivalOrigin && !header.flags.contains(.rst)
            && flows[slot].rivalOrigin != halves[index(slot, half)].nextSequence
    }

    /// Ends a flow and opens another of the same addresses for this segment. Returns the new flow's slot.
    mutating func replace(_ slot: Int32, _ half: HalfConnection, _ header: SegmentHeader) -> Int32 {
        let key = flows[slot].key
        let hash = flows[slot].hash
        let sourceIsFirst = flows[slot].half(sourceIsFirst: true) == half
        let isSYN = header.flags.contains(.syn)
        let origin = flows[slot].rivalOrigin
        conclude(slot, .replaced)
        let firstIsInitiator = isSYN ? initiatorIsFirst(sourceIsFirst, header) : sourceIsFirst
        let renewed = open(key, hash, firstIsInitiator: firstIsInitiator, isMidStream: false)
        if !isSYN { noteSYN(index(renewed, .fromInitiator), origin: origin) }
        return renewed
    }

    /// Fixes a half's origin by its SYN.
    mutating func noteSYN(_ own: Int32, origin: UInt32) {
        let isEmpty = halves[own].next == 0 && halves[own].first < 0
        if !halves[own].flags.contains(.firm) || isEmpty {
            if halves[own].origin != origin { halves[own].acked = 0 }
            halves[own].origin = origin
        }
        if halves[own].origin == origin { halves[own].flags.insert(.knownStart) }
        halves[own].flags.formUnion([.seen, .placed, .firm, .synSeen])
    }

    /// True when a segment still belongs to a flow that has ended, and is counted as such.
    private mutating func isLate(
        _ record: ClosedFlows.Record, _ sourceIsFirst: Bool, _ header: SegmentHeader
    ) -> Bool {
        let origin = sourceIsFirst ? record.firstOrigin : record.secondOrigin
        let end = sourceIsFirst ? record.firstEnd : record.secondEnd
        let isKnown = sourceIsFirst ? record.firstIsKnown : record.secondIsKnown
        let isLate: Bool
        if clock.now &- record.closedAt > limits.closedTime {
            isLate = false
        } else if header.flags.contains(.syn) {
            isLate = isKnown && header.sequence.rawValue &+ 1 == origin
        } else if !isKnown {
            isLate = true
        } else {
            // Behind a FIN nothing follows; behind a RST, what was in flight.
            let ahead = Int64(Int32(bitPattern: header.sequence.rawValue &- end))
            let window = Int64(limits.windowBytesMax)
            isLate = ahead >= -window && ahead <= (record.wasReset ? window : 1)
        }
        guard isLate else { return false }
        if record.wasReset { counters.ignoredAfterReset &+= 1 } else { counters.ignoredAfterClose &+= 1 }
        return true
    }
}
