import Packets

// Segments that are not plainly next: everything the fast path does not take.
extension FlowTracker {
    /// A segment's place and trust, once they are known.
    struct Placement {
        /// Offset of its first payload byte; negative when that lies before the first byte seen.
        var start: Int64
        /// Payload bytes sent, and captured.
        var length: Int64
        var captured: Int64
        var frameStart: Int
        var isSuspect: Bool
        var acknowledged: UInt64?
        /// What it acknowledged is not all delivered.
        var mustWait = false
    }

    mutating func admitOutOfTurn(
        _ slot: Int32, _ half: HalfConnection, _ header: SegmentHeader, _ frame: RawSpan
    ) {
        var slot = slot
        var half = half
        let isSuspect = judge(index(slot, half), header)
        // A damaged segment's receiver drops it: its control bits and acknowledgement count for nothing.
        if !isSuspect {
            if header.flags.contains(.rst) {
                admitReset(slot, half, header)
                settle(slot, frame)
                return
            }
            let isOther: Bool
            if header.flags.contains(.syn) {
                switch greet(slot, half, header) {
                case .own: isOther = false
                case .other: isOther = true
                case .neither:
                    settle(slot, frame)
                    return
                }
            } else {
                isOther = confirmsRival(slot, half, header)
                if !isOther { doubtIntruders(slot, half, header) }
            }
            if isOther {
                let sourceIsFirst = flows[slot].half(sourceIsFirst: true) == half
                slot = replace(slot, half, header)
                half = flows[slot].half(sourceIsFirst: sourceIsFirst)
            }
            if header.flags.contains(.syn) { noteSYN(index(slot, half), origin: header.sequence.rawValue &+ 1) }
        }
        touch(slot)
        if header.payloadLength > 0 { notePayload(slot) }
        if var placement = place(slot, half, header, isSuspect: isSuspect) {
            halves[index(slot, half)].flags.insert(.seen)
            if !isSuspect { noteAcknowledgement(slot, half, header, &placement) }
            insertPayload(slot, half, placement, frame)
            if !isSuspect, header.flags.contains(.fin) { noteFIN(slot, half, placement) }
        }
        settle(slot, frame)
    }

    /// Takes note of a segment's checksum; true when the receiver will have dropped it.
    private mutating func judge(_ own: Int32, _ header: SegmentHeader) -> Bool {
        switch header.checksum {
        case .valid:
            if !halves[own].flags.contains(.doubtfulChecksums) { halves[own].flags.insert(.provenChecksums) }
        case .wrong:
            guard checksumPolicy == .auto else { return false }
            // A super-segment was never on the wire: its checksum is nobody's.
            if halves[own].flags.contains(.provenChecksums) { return !header.isSuperSegment }
            halves[own].flags.insert(.doubtfulChecksums)
        case .notChecked, .offloaded:
            break
        }
        return false
    }

    private mutating func notePayload(_ slot: Int32) {
        flows[slot].flags.insert(.hasPayload)
        updateActivityList(slot)
    }

    /// Finds a segment's offset in its half-connection; nil when it has none, or only its control bits count.
    private mutating func place(
        _ slot: Int32, _ half: HalfConnection, _ header: SegmentHeader, isSuspect: Bool
    ) -> Placement? {
        let own = index(slot, half)
        let length = header.payloadLength
        let sequence = header.sequence.rawValue &+ (header.flags.contains(.syn) && !isSuspect ? 1 : 0)
        let occupies = length > 0 || header.flags.contains(.fin)
        if !halves[own].flags.contains(.firm), !anchor(own, at: sequence, length: length, occupies: occupies) {
            halves[own].flags.insert(.seen)
            var nothing = Placement(start: 0, length: 0, captured: 0, frameStart: 0, isSuspect: isSuspect)
            if !isSuspect { noteAcknowledgement(slot, half, header, &nothing) }
            return nil
        }
        guard let start = offset(own, of: sequence, length: length) else {
            counters.outOfWindow &+= 1
            return nil
        }
        return Placement(
            start: start, length: Int64(length), captured: Int64(header.capturedPayloadLength),
            frameStart: header.payloadOffset, isSuspect: isSuspect)
    }

    /// Fixes where offsets begin, by the first segment of a half whose SYN was not captured. False when the segment
    /// cannot serve: it carries nothing, or is a probe.
    private mutating func anchor(_ own: Int32, at sequence: UInt32, length: Int, occupies: Bool) -> Bool {
        let flags = halves[own].flags
        let ahead = Int32(bitPattern: sequence &- halves[own].origin)
        if flags.contains([.placed, .knownStart]) {
            // The peer's handshake named the start; bytes before it mean that it had already acknowledged data.
            if ahead < 0, length > 0 {
                halves[own].origin = sequence
                halves[own].acked = 0
            }
            halves[own].flags.insert(.firm)
            return true
        }
        guard occupies, length != 1 else {
            if length == 1 { counters.keepAlives &+= 1 }
            if !flags.contains(.placed) {
                halves[own].origin = sequence
                halves[own].flags.insert(.placed)
            }
            return false
        }
        halves[own].flags.formUnion([.placed, .firm])
        // The peer's first segment said where this half goes on: what lies between was lost since the capture began.
        if flags.contains(.acknowledgedOrigin), ahead >= 0, UInt64(ahead) <= limits.windowBytesMax { return true }
        halves[own].origin = sequence
        halves[own].acked = 0
        return true
    }

    /// The greatest offset known in a half: delivered, buffered, or acknowledged.
    func reach(_ own: Int32) -> UInt64 {
        let last = buffer.last(halves[own].root)
        let buffered = last < 0 ? 0 : buffer[last].end
        return max(halves[own].next, halves[own].acked, buffered)
    }

    /// The offset of a sequence number in the window: as near to `next` as that allows, or else to all that is known.
    /// Behind a gap of more than 2 GiB only the latter finds it. Nil outside both.
    private func offsetInWindow(_ own: Int32, of sequence: UInt32) -> Int64? {
        let window = Int64(limits.windowBytesMax)
        let next = Int64(truncatingIfNeeded: halves[own].next)
        let ahead = Int64(Int32(bitPattern: sequence &- halves[own].nextSequence))
        // Nearly always near `next`, and then the tree need not be asked.
        if ahead >= -window, ahead <= window { return next + ahead }
        let reach = Int64(truncatingIfNeeded: reach(own))
        if ahead > 0, next + ahead <= reach + window { return next + ahead }
        let origin = halves[own].origin
        let aheadOfReach = Int64(Int32(bitPattern: sequence &- (origin &+ UInt32(truncatingIfNeeded: reach))))
        let offset = reach + aheadOfReach
        return offset > next && aheadOfReach >= -window && aheadOfReach <= window ? offset : nil
    }

    /// The offset of a segment's first byte, or nil when it is not to be believed.
    private mutating func offset(_ own: Int32, of sequence: UInt32, length: Int) -> Int64? {
        if let offset = offsetInWindow(own, of: sequence) {
            if length > 0 { halves[own].distantCount = 0 }
            return offset
        }
        guard length > 0, !halves[own].flags.contains(.ended) else { return nil }
        // Outside. Believed when several in a row go on from each other: then the capture lost more than a window.
        let fits = UInt64(sequence &- halves[own].distantSequence) <= limits.windowBytesMax
        halves[own].distantCount = fits ? halves[own].distantCount &+ 1 : 1
        halves[own].distantSequence = sequence &+ UInt32(truncatingIfNeeded: length)
        guard halves[own].distantCount >= limits.resynchronisationSegments else { return nil }
        halves[own].distantCount = 0
        counters.resynchronisations &+= 1
        return Int64(halves[own].next) + Int64(sequence &- halves[own].nextSequence)
    }

    /// Works out what a segment acknowledges, and what follows from that for the opposite half.
    private mutating func noteAcknowledgement(
        _ slot: Int32, _ half: HalfConnection, _ header: SegmentHeader, _ placement: inout Placement
    ) {
        guard header.flags.contains(.ack) else { return }
        let own = index(slot, half)
        let opposite = own ^ 1
        let number = header.acknowledgement.rawValue
        guard halves[opposite].flags.contains(.placed) else {
            halves[opposite].origin = number
            halves[opposite].flags.insert(.placed)
            // RFC 9293 §3.5: after a SYN, the first number acknowledged is the byte behind the other SYN.
            halves[opposite].flags.insert(halves[own].flags.contains(.synSeen) ? .knownStart : .acknowledgedOrigin)
            placement.acknowledged = 0
            return
        }
        guard halves[opposite].flags.contains(.firm) else {
            placement.acknowledged = guessedAcknowledgement(opposite, number)
            return
        }
        guard let place = offsetInWindow(opposite, of: number) ?? oldAcknowledgement(opposite, number) else {
            counters.outOfWindow &+= 1
            return
        }
        let offset = UInt64(max(place, 0))
        halves[opposite].acked = max(halves[opposite].acked, offset)
        placement.mustWait = halves[opposite].flags.contains(.seen) && !halves[opposite].hasPassed(offset)
        placement.acknowledged = min(offset, halves[opposite].fin)
    }

    /// The offset of a number from before the window, which is harmless: it acknowledges what has passed.
    private func oldAcknowledgement(_ opposite: Int32, _ number: UInt32) -> Int64? {
        let ahead = Int64(Int32(bitPattern: number &- halves[opposite].nextSequence))
        return ahead < 0 ? Int64(halves[opposite].next) + ahead : nil
    }

    /// What a number acknowledges in a half of which no byte was seen yet.
    mutating func guessedAcknowledgement(_ opposite: Int32, _ number: UInt32) -> UInt64? {
        let acked = halves[opposite].acked
        let origin = halves[opposite].origin
        guard halves[opposite].flags.contains(.knownStart) else {
            if !halves[opposite].flags.contains(.acknowledgedOrigin) {
                halves[opposite].origin = number
                halves[opposite].flags.insert(.acknowledgedOrigin)
                return 0
            }
            // What was acknowledged lies before offset 0; or behind bytes that the capture does not show.
            return Int32(bitPattern: number &- origin) <= 0 ? 0 : nil
        }
        let ahead = Int32(bitPattern: number &- (origin &+ UInt32(truncatingIfNeeded: acked)))
        if ahead > 0 { halves[opposite].acked = acked &+ UInt64(ahead) }
        // Bytes of a half that the capture does not show were passed by nobody: their offsets would mean nothing.
        return number == origin ? 0 : nil
    }

    /// Notes a FIN behind the payload.
    private mutating func noteFIN(_ slot: Int32, _ half: HalfConnection, _ placement: Placement) {
        let own = index(slot, half)
        guard halves[own].fin == .max, !halves[own].flags.contains(.ended) else { return }
        let last = buffer.last(halves[own].root)
        let bufferedEnd = last < 0 ? 0 : buffer[last].end
        let place = placement.start + placement.length
        guard place >= Int64(halves[own].next), UInt64(place) >= bufferedEnd else {
            counters.outOfWindow &+= 1
            return
        }
        halves[own].fin = UInt64(place)
        add(
            slot, half,
            Piece(
                kind: .fin, offset: UInt64(place), length: 0, time: time, packet: packet,
                acknowledged: placement.acknowledged, isSegmentStart: false, mustWait: placement.mustWait),
            frameStart: nil)
    }
}
