import Flows
import Objects

/// Finding the place in the frames again.
extension HTTP2Connection {
    /// Streams that a client may have opened unseen for a run of frames to be believed at once.
    private static let unseenStreamsMax: UInt32 = 64

    /// Looks for the next frame.
    mutating func find<Sink: ExchangeSink & ~Copyable>(
        _ bytes: RawSpan, _ position: inout Int, _ run: Run, _ sink: inout Sink, _ desk: inout Desk
    ) {
        let half = run.half
        let isExact = half == serverHalf && rolesKnown && !self[clientHalf].hasLost
        // A client opens streams in ascending order; how many it opened unseen is not known.
        let streamMax = isExact ? lastStream : lastStream < 0x7F00_0000 ? lastStream + 0x1_0000 : 0x7FFF_FFFF
        let lengthMax = self[half].frameLengthMax
        let rules = FrameSearch.Rules(
            lengthMax: lengthMax == FrameHeader.lengthMax ? FrameHeader.lengthDefault : lengthMax, streamMax: streamMax)
        var begun: [UInt8] = []
        let found = self[half].search.find(bytes, from: position, run, rules, begun: &begun)
        let mayBePayload = hasOpenBody(half)
        self[half].held.append(bytes, from: position, run, mayBePayload: mayBePayload, &desk)
        desk.counters.http2.unframedBytes += UInt64(bytes.byteCount - position)
        // Where payload may come, the chain's beginning may be a recording, and only what stands behind it frames.
        if let found, !mayBePayload || isFilled(from: found.start, half), goOn(half, from: found.start, &sink, &desk) {
            position = bytes.byteCount
            return
        }
        guard let found else {
            // A body under way may hold a recording of frames; where none is, frames that fill a segment are ones.
            if run.isSegmentStart(at: position), !mayBePayload,
                isFilled(bytes, from: position, half, payloadEnd: 0, isLast: false)
            {
                // What was kept before it may be frames as well.
                goOnFromEarliest(half, isLast: false, &sink, &desk)
            }
            position = bytes.byteCount
            return
        }
        // The chain is longer than what is kept: its last header is the place.
        self[half].held.removeAll(&desk)
        let start = max(position, found.last)
        desk.counters.http2.unframedBytes -= UInt64(bytes.byteCount - start)
        position = start
        enterFrames(half, run.context, &sink, &desk)
        self[half].partial = begun
        // The header found may continue a block whose beginning was passed over.
        let header = FrameHeader { $0 < begun.count ? begun[$0] : bytes.octet(start + $0 - begun.count) }
        if header.type == FrameType.continuation {
            self[half].continues = header.stream
            self[half].isBlockDamaged = true
            self[half].blockEndsStream = false
            self[half].isPromise = false
            self[half].continuations = 0
        }
        // What was passed over may have held header blocks as well.
        settleTable(half, isWhole: false, run.context, &sink, &desk)
    }

    /// Nothing more comes before a gap or the end: what was kept is believed if it is frames from a segment's beginning on.
    mutating func findLast<Sink: ExchangeSink & ~Copyable>(
        _ half: HalfConnection, _ sink: inout Sink, _ desk: inout Desk
    ) {
        guard self[half].phase == .lost else { return }
        if rolesKnown { goOnFromEarliest(half, isLast: true, &sink, &desk) }
        if self[half].phase == .lost { self[half].held.removeAll(&desk) }
    }

    /// Goes on from the earliest segment's beginning from which on everything that was kept is frames.
    private mutating func goOnFromEarliest<Sink: ExchangeSink & ~Copyable>(
        _ half: HalfConnection, isLast: Bool, _ sink: inout Sink, _ desk: inout Desk
    ) {
        let held = self[half].held
        let all = held.bytes
        var place = 0
        for piece in held.pieces {
            if piece.run.isSegmentStart,
                isFilled(unsafe all.span.bytes, from: place, half, payloadEnd: held.payloadEnd, isLast: isLast)
            {
                self[half].search.reset()
                _ = goOn(half, from: piece.run.offset, &sink, &desk)
                return
            }
            place += piece.bytes.count
        }
    }

    private mutating func enterFrames<Sink: ExchangeSink & ~Copyable>(
        _ half: HalfConnection, _ context: SegmentContext, _ sink: inout Sink, _ desk: inout Desk
    ) {
        desk.counters.http2.resynchronisations += 1
        self[half].partial.removeAll(keepingCapacity: true)
        self[half].phase = .header
        self[half].isFirstFrame = false
        doubtAnswers(half, context, &sink, &desk)
    }

    /// Reads what was kept from this offset on. False when it is not kept.
    private mutating func goOn<Sink: ExchangeSink & ~Copyable>(
        _ half: HalfConnection, from offset: UInt64, _ sink: inout Sink, _ desk: inout Desk
    ) -> Bool {
        guard let pieces = self[half].held.take(from: offset, &desk) else { return false }
        guard let context = pieces.first?.run.context else { return false }
        enterFrames(half, context, &sink, &desk)
        for piece in pieces {
            var position = offset > piece.run.offset ? Int(offset - piece.run.offset) : 0
            desk.counters.http2.unframedBytes -= UInt64(piece.bytes.count - position)
            while givenUp == nil, position < piece.bytes.count {
                step(unsafe piece.bytes.span.bytes, &position, piece.run, &sink, &desk)
            }
        }
        return true
    }

    /// True when payload may come, in which anything may stand. Behind the answer no more of a request is to come.
    private func hasOpenBody(_ half: HalfConnection) -> Bool {
        let isRequest = half == clientHalf
        return !rolesKnown
            || streams.slots.contains {
                $0.id != 0 && $0[isRequest: isRequest].phase == .body && !(isRequest && $0.response.phase == .ended)
            }
    }

    /// True when what is kept from this offset on is frames that the half can send now.
    private func isFilled(from offset: UInt64, _ half: HalfConnection) -> Bool {
        let held = self[half].held
        guard let first = held.pieces.first?.run.offset, first <= offset else { return false }
        let all = held.bytes
        return isFilled(
            unsafe all.span.bytes, from: Int(offset - first), half, payloadEnd: held.payloadEnd, isLast: true)
    }

    /// True when the bytes are frames that the half can send now, one behind the other up to the last byte. The last one
    /// may be cut when nothing more comes, if it is not the only one. Up to `payloadEnd` the bytes may be payload, with a
    /// recording of frames in it: there only streams count that are known, or open next.
    private func isFilled(
        _ bytes: RawSpan, from position: Int, _ half: HalfConnection, payloadEnd: Int, isLast: Bool
    ) -> Bool {
        let lengthMax = min(self[half].frameLengthMax, 1 << 20)
        var place = position
        var count = 0
        var opened = lastStream
        var continues: UInt32 = 0
        while bytes.byteCount - place >= FrameHeader.byteCount {
            let start = place
            let header = FrameHeader { bytes.octet(start + $0) }
            guard header.isPlausible(lengthMax: lengthMax, streamMax: opened &+ 2 * Self.unseenStreamsMax),
                start >= payloadEnd || header.stream <= (opened == 0 ? 1 : opened &+ 2),
                continues == 0
                    ? header.type != FrameType.continuation
                    : header.type == FrameType.continuation && header.stream == continues
            else { return false }
            if half == clientHalf, header.type == FrameType.headers { opened = max(opened, header.stream) }
            guard header.stream <= opened else { return false }
            let slot = streams.slot(of: header.stream)
            switch header.type {
            case FrameType.data where half == clientHalf:
                guard header.stream > lastStream || slot >= 0 && streams[slot].request.phase == .body else {
                    return false
                }
            case FrameType.data where half == serverHalf, FrameType.headers where half == serverHalf:
                guard slot >= 0, streams[slot].response.phase != .ended else { return false }
            case FrameType.pushPromise: return false
            default: break
            }
            if header.holdsHeaders { continues = header.isEndHeaders ? 0 : header.stream }
            count += 1
            place += FrameHeader.byteCount + header.length
        }
        return place == bytes.byteCount ? count > 0 : isLast && count > 1
    }
}
