import Flows
import Objects

extension HTTP2Connection {
    /// Short frames that are kept whole: more settings than anyone sends.
    private static let controlBytesMax = 1_536

    /// Does one thing at `position`, which lies within the bytes and moves on.
    mutating func step<Sink: ExchangeSink & ~Copyable>(
        _ bytes: RawSpan, _ position: inout Int, _ run: Run, _ sink: inout Sink, _ desk: inout Desk
    ) {
        let half = run.half
        let available = bytes.byteCount - position
        switch self[half].phase {
        case .data:
            let count = min(self[half].remaining - self[half].padding, available)
            let range = position..<position + count
            position += count
            self[half].remaining -= count
            take(bytes.extracting(range), half, run.context, &sink, &desk)
            if self[half].remaining == self[half].padding { self[half].phase = .passing }
            if self[half].remaining == 0 { endFrame(half, run.context, &sink, &desk) }
        case .header: header(bytes, &position, run, &sink, &desk)
        case .padLength:
            let padding = Int(bytes.octet(position))
            position += 1
            self[half].remaining -= 1
            beginData(half, padding, run.context, &sink, &desk)
        case .block:
            let count = min(self[half].remaining, available)
            if !self[half].isBlockDamaged, !self[half].keepBlock(bytes, position..<position + count, &desk) {
                damageBlock(half, &desk)
            }
            pass(count, &position, half, run.context, &sink, &desk)
        case .control:
            let count = min(self[half].remaining, available)
            for index in position..<position + count { self[half].partial.append(bytes.octet(index)) }
            pass(count, &position, half, run.context, &sink, &desk)
        case .passing:
            pass(min(self[half].remaining, available), &position, half, run.context, &sink, &desk)
        case .preface:
            let matched = Self.preface.utf8CodeUnitCount - self[half].remaining
            // A StaticString's buffer holds `utf8CodeUnitCount` bytes for the program's life.
            guard unsafe bytes.octet(position) == Self.preface.utf8Start[matched] else {
                return giveUp(.framingLost, run.context, &sink, &desk)
            }
            position += 1
            self[half].remaining -= 1
            if self[half].remaining == 0 { self[half].phase = .header }
        case .lost: find(bytes, &position, run, &sink, &desk)
        case .ended: position = bytes.byteCount
        }
    }

    private mutating func pass<Sink: ExchangeSink & ~Copyable>(
        _ count: Int, _ position: inout Int, _ half: HalfConnection, _ context: SegmentContext, _ sink: inout Sink,
        _ desk: inout Desk
    ) {
        position += count
        self[half].remaining -= count
        if self[half].remaining == 0 { endFrame(half, context, &sink, &desk) }
    }

    /// Reads a frame's header, in place when it lies whole in the bytes.
    private mutating func header<Sink: ExchangeSink & ~Copyable>(
        _ bytes: RawSpan, _ position: inout Int, _ run: Run, _ sink: inout Sink, _ desk: inout Desk
    ) {
        let half = run.half
        if self[half].partial.isEmpty, bytes.byteCount - position >= FrameHeader.byteCount {
            let start = position
            position += FrameHeader.byteCount
            begin(FrameHeader { bytes.octet(start + $0) }, half, run.context, &sink, &desk)
            return
        }
        let count = min(FrameHeader.byteCount - self[half].partial.count, bytes.byteCount - position)
        for index in position..<position + count { self[half].partial.append(bytes.octet(index)) }
        position += count
        guard self[half].partial.count == FrameHeader.byteCount else { return }
        let octets = self[half].partial
        self[half].partial.removeAll(keepingCapacity: true)
        begin(FrameHeader { octets[$0] }, half, run.context, &sink, &desk)
    }

    /// Begins a frame.
    private mutating func begin<Sink: ExchangeSink & ~Copyable>(
        _ frame: FrameHeader, _ half: HalfConnection, _ context: SegmentContext, _ sink: inout Sink, _ desk: inout Desk
    ) {
        let isFirst = self[half].isFirstFrame
        self[half].isFirstFrame = false
        // RFC 9113 §4.3: nothing comes between the frames of one header block.
        let continues = self[half].continues
        let isOrderly = continues == 0 ? frame.type != FrameType.continuation : frame.type == FrameType.continuation
        guard frame.isLegal(lengthMax: self[half].frameLengthMax), isOrderly,
            continues == 0 || frame.stream == continues
        else {
            desk.counters.http2.irregularities += 1
            if !hasExchanges && lastStream == 0 && isFirst { return giveUp(.framingLost, context, &sink, &desk) }
            return loseFrames(half, .framingLost, context, &sink, &desk)
        }
        if isFirst && frame.type != FrameType.settings { return giveUp(.framingLost, context, &sink, &desk) }
        self[half].frame = frame
        self[half].remaining = frame.length
        self[half].padding = 0
        weigh(frame, half, context, &sink, &desk)
        switch frame.type {
        case FrameType.data:
            note(dataBytes: frame.length, half, &desk)
            if half == clientHalf { lastStream = max(lastStream, frame.stream) }
            self[half].slot = streams.slot(of: frame.stream)
            if frame.isPadded && frame.length > 0 {
                self[half].phase = .padLength
            } else {
                beginData(half, 0, context, &sink, &desk)
            }
            return
        case FrameType.headers, FrameType.pushPromise, FrameType.continuation: beginBlock(frame, half, &desk)
        case FrameType.resetStream, FrameType.settings, FrameType.goAway, FrameType.windowUpdate:
            self[half].isControlDamaged = frame.length > Self.controlBytesMax
            self[half].phase = self[half].isControlDamaged ? .passing : .control
        default: self[half].phase = .passing
        }
        if frame.length == 0 { endFrame(half, context, &sink, &desk) }
    }

    /// Begins the data of a DATA frame, behind its pad length.
    private mutating func beginData<Sink: ExchangeSink & ~Copyable>(
        _ half: HalfConnection, _ padding: Int, _ context: SegmentContext, _ sink: inout Sink, _ desk: inout Desk
    ) {
        self[half].phase = .data
        if padding > self[half].remaining {
            // RFC 9113 §6.1: a connection error. Where the data ends is not known; where the frame ends is.
            desk.counters.http2.irregularities += 1
            cut(self[half].slot, half, .framingLost, context, &sink, &desk)
            self[half].phase = .passing
        } else {
            self[half].padding = padding
            if self[half].remaining == padding { self[half].phase = .passing }
        }
        if self[half].remaining == 0 { endFrame(half, context, &sink, &desk) }
    }

    /// Does what the frame at hand says, now that it is whole.
    mutating func endFrame<Sink: ExchangeSink & ~Copyable>(
        _ half: HalfConnection, _ context: SegmentContext, _ sink: inout Sink, _ desk: inout Desk
    ) {
        let frame = self[half].frame
        self[half].phase = .header
        switch frame.type {
        case FrameType.data:
            let slot = self[half].slot
            self[half].slot = -1
            if frame.isEndStream { endStream(slot, half, trailers: nil, context, &sink, &desk) }
            if frame.isEndStream, half == serverHalf { unnamedStreams.remove(frame.stream) }
        case FrameType.headers, FrameType.pushPromise, FrameType.continuation:
            endBlockFrame(half, context, &sink, &desk)
        case FrameType.resetStream: reset(frame.stream, context, &sink, &desk)
        case FrameType.settings: if !frame.isAcknowledgement { takeSettings(half, &desk) }
        case FrameType.goAway: takeGoAway(half, context, &sink, &desk)
        case FrameType.windowUpdate: takeWindowUpdate(half)
        default: break
        }
        self[half].partial.removeAll(keepingCapacity: true)
        self[half].isControlDamaged = false
    }

    // MARK: Frames of the connection

    /// The settings that say how the other side may send (RFC 9113 §6.5.2).
    private mutating func takeSettings(_ half: HalfConnection, _ desk: inout Desk) {
        let other = half.opposite
        if self[half].isControlDamaged {
            // Anything may have been allowed.
            self[other].frameLengthMax = FrameHeader.lengthMax
            allowTable(other, desk.limits.headerTableBytes, &desk)
            return
        }
        let payload = self[half].partial
        for start in stride(from: 0, to: payload.count, by: 6) {
            let name = Int(payload[start]) << 8 | Int(payload[start + 1])
            let value = payload[start + 2..<start + 6].reduce(0) { $0 << 8 | Int($1) }
            switch name {
            case 1:
                if value > desk.limits.headerTableBytes { desk.counters.http2.headerTableLimit += 1 }
                allowTable(other, min(value, desk.limits.headerTableBytes), &desk)
            case 2 where half == clientHalf: refusesPush = value == 0
            case 5:
                // Never lowered: frames sent before the settings arrived may still be on their way.
                self[other].frameLengthMax = max(self[other].frameLengthMax, min(value, FrameHeader.lengthMax))
            default: break
            }
        }
    }

    /// Lets the header table of what this half sends grow, as far as the budget goes.
    mutating func allowTable(_ half: HalfConnection, _ bytes: Int, _ desk: inout Desk) {
        let more = bytes - self[half].decoder.tableBytes
        guard more > 0, desk.reserveTables(more) else { return }
        tableBytesReserved += more
        self[half].decoder.allow(tableBytes: bytes)
    }

    private mutating func takeGoAway<Sink: ExchangeSink & ~Copyable>(
        _ half: HalfConnection, _ context: SegmentContext, _ sink: inout Sink, _ desk: inout Desk
    ) {
        desk.counters.http2.goAways += 1
        guard half == serverHalf, self[half].partial.count >= 4 else { return }
        // RFC 9113 §6.8: streams beyond the last one were not and will not be processed.
        let last = self[half].partial[0..<4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) } & 0x7FFF_FFFF
        for slot in streams.openSlots where streams[slot].id > last && streams[slot].response.phase == .waiting {
            abandon(slot, .connectionEnded, context, &sink, &desk)
        }
    }

    private mutating func takeWindowUpdate(_ half: HalfConnection) {
        guard self[half].frame.stream == 0 else { return }
        if self[half].isControlDamaged {
            self[half.opposite].window = .max / 2
        } else {
            let increment = self[half].partial.reduce(0) { $0 << 8 | Int64($1) } & 0x7FFF_FFFF
            self[half.opposite].window += increment
        }
    }

    /// Holds DATA against the connection's window, as far as nothing was lost that might have opened it.
    private mutating func note(dataBytes: Int, _ half: HalfConnection, _ desk: inout Desk) {
        guard !initiator.hasLost, !responder.hasLost else { return }
        self[half].window -= Int64(dataBytes)
        if self[half].window < 0 { desk.counters.http2.windowExcesses += 1 }
    }

    /// RST_STREAM, of which the stream is all that matters.
    private mutating func reset<Sink: ExchangeSink & ~Copyable>(
        _ stream: UInt32, _ context: SegmentContext, _ sink: inout Sink, _ desk: inout Desk
    ) {
        if context.time < resetsSince || context.time - resetsSince >= 1_000_000_000 {
            resetsSince = context.time
            resets = 0
        }
        resets += 1
        if resets > desk.limits.resetsPerSecond {
            desk.counters.http2.resetLimit += 1
            return giveUp(.limit, context, &sink, &desk)
        }
        let slot = streams.slot(of: stream)
        guard slot >= 0 else {
            unnamedStreams.remove(stream)
            return
        }
        desk.counters.http2.resetStreams += 1
        abandon(slot, .connectionEnded, context, &sink, &desk)
    }
}
