internal import NIOHPACK
import Flows
import HTTPTypes
import Objects

extension HTTP2Connection {
    /// Opens a stream with its request, if that can be read.
    mutating func beginRequest<Sink: ExchangeSink & ~Copyable>(
        _ fields: HPACKHeaders?, _ id: UInt32, _ endsStream: Bool, _ context: SegmentContext, _ sink: inout Sink,
        _ desk: inout Desk
    ) {
        cutStaleBodies(context, &sink, &desk)
        guard let fields, let message = request(fields, &desk) else {
            desk.counters.http2.unnamedExchanges += 1
            // Beyond the limit the connection itself stands for the rest.
            unnamedStreams.insert(unnamedStreams.count < desk.limits.openExchanges ? id : 0)
            return
        }
        guard makeRoom(context, &sink, &desk) else { return }
        let exchange = desk.nextExchange()
        desk.openTotal += 1
        desk.counters.requests += 1
        hasExchanges = true
        let slot = streams.insert(
            HTTP2Stream(id: id, exchange: exchange, isBodiless: message.isHead || message.isConnect))
        streams[slot].expectsContinue = message.expectsContinue
        streams[slot].mayHaveTrailers = Self.announcesTrailers(message.head.fields)
        let framing = framing(message.framing, endsStream, message.isConnect)
        sink.request(exchange, handle, message.head, framing, context)
        enterBody(slot, isRequest: true, framing, endsStream, context, &sink, &desk)
    }

    /// True when trailers may come, of the message itself or of its answer (RFC 9110 §6.5.1, §10.1.4).
    private static func announcesTrailers(_ fields: HTTPFields) -> Bool {
        fields[.te] != nil || fields[.trailer] != nil
    }

    private func request(_ fields: HPACKHeaders, _ desk: inout Desk) -> RequestMessage? {
        guard let text = HeaderText.request(fields)?.bytes else {
            desk.counters.unreadableHeads += 1
            return nil
        }
        do throws(HeadDefect) {
            return try RequestMessage(unsafe text.span.bytes, 0..<text.count, &desk)
        } catch {
            if error == .tooManyFields { desk.counters.headerFieldLimit += 1 }
            desk.counters.unreadableHeads += 1
            return nil
        }
    }

    private func response(_ fields: HPACKHeaders, _ desk: inout Desk) -> ResponseMessage? {
        guard let text = HeaderText.response(fields)?.bytes else {
            desk.counters.unreadableHeads += 1
            return nil
        }
        do throws(HeadDefect) {
            let message = try ResponseMessage(unsafe text.span.bytes, 0..<text.count, &desk)
            // There is no 101 in HTTP/2 (RFC 9113 §8.6).
            guard message.head.status != 101 else { return nil }
            return message
        } catch {
            if error == .tooManyFields { desk.counters.headerFieldLimit += 1 }
            desk.counters.unreadableHeads += 1
            return nil
        }
    }

    /// True when one more stream may be open. After a loss some streams may have ended unseen, and the oldest goes first;
    /// otherwise the connection is given up.
    private mutating func makeRoom<Sink: ExchangeSink & ~Copyable>(
        _ context: SegmentContext, _ sink: inout Sink, _ desk: inout Desk
    ) -> Bool {
        let limits = desk.limits
        if streams.count < limits.openExchanges && desk.openTotal < limits.openExchangesTotal { return true }
        desk.counters.openExchangeLimit += 1
        if initiator.hasLost || responder.hasLost, let oldest = streams.openSlots.first {
            abandon(oldest, .limit, context, &sink, &desk)
            return true
        }
        giveUp(.limit, context, &sink, &desk)
        return false
    }

    /// Takes the head of a response, interim or final.
    mutating func beginResponse<Sink: ExchangeSink & ~Copyable>(
        _ fields: HPACKHeaders?, _ slot: Int, _ endsStream: Bool, _ context: SegmentContext, _ sink: inout Sink,
        _ desk: inout Desk
    ) {
        guard let fields, let message = response(fields, &desk) else {
            // It may have been an interim one, so the final one may yet come.
            let cause = self[serverHalf].decoder.isWhole ? .framingLost : self[serverHalf].lossCause
            streams[slot].response.cause = cause
            desk.counters.http2.unnamedResponses += 1
            if endsStream { abandon(slot, cause, context, &sink, &desk) }
            return
        }
        if message.isInterim {
            desk.counters.interimResponses += 1
            if message.head.status != 100 { sendsHints = true }
            return
        }
        desk.counters.responses += 1
        if Self.announcesTrailers(message.head.fields) { streams[slot].mayHaveTrailers = true }
        let framing = framing(message.framing, endsStream, streams[slot].isBodiless)
        sink.response(streams[slot].exchange, message.head, framing, context)
        enterBody(slot, isRequest: false, framing, endsStream, context, &sink, &desk)
    }

    /// How the body ends. DATA frames to END_STREAM say so like chunks do, unless the head says more.
    private func framing(_ stated: BodyFraming, _ endsStream: Bool, _ isBodiless: Bool) -> BodyFraming {
        if isBodiless { return .none }
        switch stated {
        case .length(let length): return .length(length)
        case .none, .chunked, .untilClose: return endsStream ? .none : .chunked
        }
    }

    private mutating func enterBody<Sink: ExchangeSink & ~Copyable>(
        _ slot: Int, isRequest: Bool, _ framing: BodyFraming, _ endsStream: Bool, _ context: SegmentContext,
        _ sink: inout Sink, _ desk: inout Desk
    ) {
        streams[slot][isRequest: isRequest].phase = .body
        streams[slot][isRequest: isRequest].cause = nil
        switch framing {
        case .none: streams[slot][isRequest: isRequest].length = 0
        case .length(let length): streams[slot][isRequest: isRequest].length = length
        case .chunked, .untilClose: streams[slot][isRequest: isRequest].length = nil
        }
        if endsStream { endStream(slot, isRequest ? clientHalf : serverHalf, trailers: nil, context, &sink, &desk) }
    }

    /// Hands on bytes of the DATA frame at hand.
    mutating func take<Sink: ExchangeSink & ~Copyable>(
        _ bytes: RawSpan, _ half: HalfConnection, _ context: SegmentContext, _ sink: inout Sink, _ desk: inout Desk
    ) {
        take(bytes, self[half].slot, half, context, &sink, &desk)
    }

    /// Hands on bytes of a stream.
    mutating func take<Sink: ExchangeSink & ~Copyable>(
        _ bytes: RawSpan, _ slot: Int, _ half: HalfConnection, _ context: SegmentContext, _ sink: inout Sink,
        _ desk: inout Desk
    ) {
        let isRequest = half == clientHalf
        if slot >= 0, streams[slot][isRequest: isRequest].doubt != nil {
            return keepTail(bytes, slot, isRequest, context, &sink, &desk)
        }
        guard slot >= 0, streams[slot][isRequest: isRequest].phase == .body else {
            desk.counters.http2.unnamedBytes += UInt64(bytes.byteCount)
            return
        }
        let offset = streams[slot][isRequest: isRequest].offset
        let count = room(slot, isRequest, UInt64(bytes.byteCount))
        if count > 0 {
            streams[slot][isRequest: isRequest].offset += count
            let part = bytes.extracting(first: Int(count))
            if isRequest {
                sink.requestBody(streams[slot].exchange, part, at: offset, context)
            } else {
                sink.responseBody(streams[slot].exchange, part, at: offset, context)
            }
        }
        if count < UInt64(bytes.byteCount) { overrun(slot, isRequest, context, &sink, &desk) }
    }

    /// Reports bytes of the body that are missing.
    mutating func takeGap<Sink: ExchangeSink & ~Copyable>(
        _ length: UInt64, _ slot: Int, _ half: HalfConnection, _ cause: GapCause, _ context: SegmentContext,
        _ sink: inout Sink, _ desk: inout Desk
    ) {
        let isRequest = half == clientHalf
        guard slot >= 0, length > 0 else { return }
        if let earlier = streams[slot][isRequest: isRequest].doubt {
            if streams[slot].pendingHead != nil, !isRequest {
                // Its length is not known, so the bytes behind cannot be placed.
                settleTable(half, isWhole: false, context, &sink, &desk)
            } else {
                // One gap covers this one and the bytes before it.
                dropTail(slot, isRequest, &desk)
                streams[slot][isRequest: isRequest].doubt = earlier
            }
            return
        }
        guard streams[slot][isRequest: isRequest].phase == .body else { return }
        let count = room(slot, isRequest, length)
        if count > 0 {
            reportGap(slot, isRequest, count, cause, context, &sink)
            streams[slot][isRequest: isRequest].offset += count
        }
        if count < length { overrun(slot, isRequest, context, &sink, &desk) }
    }

    /// How many of so many bytes the body may have.
    private func room(_ slot: Int, _ isRequest: Bool, _ count: UInt64) -> UInt64 {
        let message = streams[slot][isRequest: isRequest]
        return message.length.map { min(count, $0 - message.offset) } ?? count
    }

    /// More DATA than `Content-Length` said: the message is malformed (RFC 9113 §8.1.1).
    private mutating func overrun<Sink: ExchangeSink & ~Copyable>(
        _ slot: Int, _ isRequest: Bool, _ context: SegmentContext, _ sink: inout Sink, _ desk: inout Desk
    ) {
        desk.counters.http2.lengthMismatches += 1
        endMessage(slot, isRequest, .cut(.framingLost), nil, context, &sink, &desk)
    }

    func reportGap<Sink: ExchangeSink & ~Copyable>(
        _ slot: Int, _ isRequest: Bool, _ length: UInt64?, _ cause: GapCause, _ context: SegmentContext,
        _ sink: inout Sink
    ) {
        let stream = streams[slot]
        let offset = stream[isRequest: isRequest].offset
        if isRequest {
            sink.requestGap(stream.exchange, at: offset, length: length, cause: cause, context)
        } else {
            sink.responseGap(stream.exchange, at: offset, length: length, cause: cause, context)
        }
    }
}
