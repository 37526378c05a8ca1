import Flows
import Objects

/// Bodies that were under way when frames were lost.
///
/// Whether such a body lacks bytes, and how many, is known when its stream ends, if `Content-Length` was stated: what came
/// before the loss and what comes after it leave the rest. So what comes after waits.
extension HTTP2Connection {
    /// A body without a byte for so long is taken to have ended in what was lost: nanoseconds.
    private static let tailNanoseconds: UInt64 = 30_000_000_000

    /// Bytes of this body may be missing from here on.
    mutating func doubtBody<Sink: ExchangeSink & ~Copyable>(
        _ slot: Int, _ half: HalfConnection, _ cause: GapCause, _ context: SegmentContext, _ sink: inout Sink,
        _ desk: inout Desk
    ) {
        let isRequest = half == clientHalf
        let message = streams[slot][isRequest: isRequest]
        guard let length = message.length, length > message.offset else {
            return cut(slot, half, cause, context, &sink, &desk)
        }
        guard length - message.offset <= UInt64(desk.limits.tailBytes) else {
            desk.counters.http2.tailLimit += 1
            return cut(slot, half, cause, context, &sink, &desk)
        }
        // What waited already stands before the new loss: the one gap covers it as well.
        dropTail(slot, isRequest, &desk)
        streams[slot][isRequest: isRequest].doubt = cause
        streams[slot][isRequest: isRequest].doubtTime = context.time
        hasTails = true
    }

    /// Forgets what waited.
    mutating func dropTail(_ slot: Int, _ isRequest: Bool, _ desk: inout Desk) {
        desk.releaseTail(streams[slot][isRequest: isRequest].tail.count)
        streams[slot][isRequest: isRequest].tail = []
        streams[slot][isRequest: isRequest].doubt = nil
    }

    /// Bytes that follow those in doubt.
    mutating func keepTail<Sink: ExchangeSink & ~Copyable>(
        _ bytes: RawSpan, _ slot: Int, _ isRequest: Bool, _ context: SegmentContext, _ sink: inout Sink,
        _ desk: inout Desk
    ) {
        let half = isRequest ? clientHalf : serverHalf
        let message = streams[slot][isRequest: isRequest]
        let isPending = message.phase == .waiting
        let room = message.length.map { $0 - message.offset } ?? UInt64(desk.limits.tailBytes)
        let count = UInt64(message.tail.count + bytes.byteCount)
        guard count <= room, desk.reserveTail(bytes.byteCount) else {
            if isPending {
                settleTable(half, isWhole: false, context, &sink, &desk)
            } else {
                if count > room { desk.counters.http2.lengthMismatches += 1 }
                cut(slot, half, message.doubt ?? .framingLost, context, &sink, &desk)
            }
            return
        }
        unsafe bytes.withUnsafeBytes { unsafe streams[slot][isRequest: isRequest].tail.append(contentsOf: $0) }
        streams[slot][isRequest: isRequest].doubtTime = context.time
        // All of it is there.
        if !isPending, count == room { settleBody(slot, isRequest, context, &sink, &desk) }
    }

    /// The stream has ended, or all bytes of the body are there: what is missing, if anything, is one gap.
    mutating func settleBody<Sink: ExchangeSink & ~Copyable>(
        _ slot: Int, _ isRequest: Bool, _ context: SegmentContext, _ sink: inout Sink, _ desk: inout Desk
    ) {
        let message = streams[slot][isRequest: isRequest]
        guard let cause = message.doubt, message.phase == .body, let length = message.length else { return }
        let tail = message.tail
        dropTail(slot, isRequest, &desk)
        let missing = length - message.offset - UInt64(tail.count)
        if missing == 0 {
            desk.counters.http2.unharmedBodies += 1
        } else {
            reportGap(slot, isRequest, missing, cause, context, &sink)
            streams[slot][isRequest: isRequest].offset += missing
        }
        guard !tail.isEmpty else { return }
        let offset = streams[slot][isRequest: isRequest].offset
        streams[slot][isRequest: isRequest].offset += UInt64(tail.count)
        if isRequest {
            sink.requestBody(streams[slot].exchange, unsafe tail.span.bytes, at: offset, context)
        } else {
            sink.responseBody(streams[slot].exchange, unsafe tail.span.bytes, at: offset, context)
        }
    }

    /// Cuts the bodies in doubt of which nothing came for long: their ends were among what was lost.
    mutating func cutStaleBodies<Sink: ExchangeSink & ~Copyable>(
        _ context: SegmentContext, _ sink: inout Sink, _ desk: inout Desk
    ) {
        guard hasTails else { return }
        hasTails = false
        for slot in streams.openSlots {
            for isRequest in [true, false] {
                let message = streams[slot][isRequest: isRequest]
                guard let cause = message.doubt, message.phase == .body else { continue }
                guard context.time > message.doubtTime, context.time - message.doubtTime > Self.tailNanoseconds else {
                    hasTails = true
                    continue
                }
                cut(slot, isRequest ? clientHalf : serverHalf, cause, context, &sink, &desk)
                break
            }
        }
    }
}
