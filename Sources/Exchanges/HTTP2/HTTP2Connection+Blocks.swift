internal import NIOHPACK

import Flows
import HTTPTypes
import Objects

extension HTTP2Connection {
    /// Begins a frame with a header block, or with a part of one.
    mutating func beginBlock(_ frame: FrameHeader, _ half: HalfConnection, _ desk: inout Desk) {
        self[half].phase = .block
        if frame.type == FrameType.continuation {
            self[half].continuations += 1
            if self[half].continuations > desk.limits.continuationFrames, !self[half].isBlockDamaged {
                desk.counters.http2.continuationLimit += 1
                damageBlock(half, &desk)
            }
        } else {
            self[half].dropBlock(&desk)
            self[half].continuations = 0
            self[half].blockEndsStream = frame.type == FrameType.headers && frame.isEndStream
            self[half].isPromise = frame.type == FrameType.pushPromise
        }
        self[half].blockFrameStart = self[half].block.count
        self[half].continues = frame.stream
    }

    /// Gives up the block at hand; its frames are still followed.
    mutating func damageBlock(_ half: HalfConnection, _ desk: inout Desk) {
        let stream = self[half].continues
        self[half].dropBlock(&desk)
        self[half].continues = stream
        self[half].isBlockDamaged = true
    }

    /// Takes what is no part of the block off the frame, and reads the block when this was its last frame.
    mutating func endBlockFrame<Sink: ExchangeSink & ~Copyable>(
        _ half: HalfConnection, _ context: SegmentContext, _ sink: inout Sink, _ desk: inout Desk
    ) {
        let frame = self[half].frame
        if !self[half].isBlockDamaged, frame.type != FrameType.continuation, !stripFrame(half, frame, &desk) {
            desk.counters.http2.irregularities += 1
            damageBlock(half, &desk)
        }
        guard frame.isEndHeaders else { return }
        let block = self[half].block
        let isDamaged = self[half].isBlockDamaged
        if isDamaged {
            settleTable(half, isWhole: false, loses: true, context, &sink, &desk)
        } else {
            weigh(block, half, of: frame.stream, context, &sink, &desk)
        }
        let content = isDamaged ? HeaderBlock.unknown : self[half].decoder.decode(block)
        if self[half].blocksInDoubt.isActive, !self[half].decoder.isDoubted {
            settleTable(half, isWhole: false, context, &sink, &desk)
        }
        switch content {
        case .tooLong: desk.counters.headerByteLimit += 1
        case .defect: desk.counters.http2.headerDefects += 1
        case .fields, .doubtful, .unknown: break
        }
        self[half].dropBlock(&desk)
        if self[half].isPromise {
            desk.counters.http2.pushedStreams += 1
            return
        }
        var fields: HPACKHeaders?
        if case .fields(let read) = content { fields = read }
        if !rolesKnown { learnRoles(half, fields) }
        if case .doubtful(let read) = content, keepHead(read, half, of: frame.stream, context) { return }
        takeBlock(fields, of: frame.stream, half, context, &sink, &desk)
    }

    /// Padding and priority (RFC 9113 §6.2), padding and the promised stream (§6.6). False when they do not fit.
    private mutating func stripFrame(_ half: HalfConnection, _ frame: FrameHeader, _ desk: inout Desk) -> Bool {
        let start = self[half].blockFrameStart
        let count = self[half].block.count - start
        var front = frame.isPadded ? 1 : 0
        if frame.type == FrameType.pushPromise { front += 4 } else if frame.hasPriority { front += 5 }
        guard count >= front else { return false }
        let padding = frame.isPadded ? Int(self[half].block[start]) : 0
        guard count - front >= padding else { return false }
        self[half].block.removeLast(padding)
        self[half].block.removeSubrange(start..<start + front)
        desk.release(padding + front)
        return true
    }

    /// The first block that can be read tells who sends requests.
    private mutating func learnRoles(_ half: HalfConnection, _ fields: HPACKHeaders?) {
        guard let fields else { return }
        if fields.contains(name: ":method") {
            clientHalf = half
        } else if fields.contains(name: ":status") {
            clientHalf = half.opposite
        } else {
            return
        }
        rolesKnown = true
    }

    /// Does what a header block says; `fields` is nil when it could not be read.
    private mutating func takeBlock<Sink: ExchangeSink & ~Copyable>(
        _ fields: HPACKHeaders?, of stream: UInt32, _ half: HalfConnection, _ context: SegmentContext,
        _ sink: inout Sink, _ desk: inout Desk
    ) {
        let slot = streams.slot(of: stream)
        let endsStream = self[half].blockEndsStream
        let isRequest = half == clientHalf
        if slot < 0 {
            guard isRequest else {
                if endsStream { unnamedStreams.remove(stream) }
                if rolesKnown && (fields.map { $0.first(name: ":status")?.first != "1" } ?? true) {
                    desk.counters.unpairedResponses += 1
                }
                return
            }
            // Streams of a client are odd and ascend (RFC 9113 §5.1.1); others are trailers of what was passed over.
            guard stream & 1 == 1, stream > lastStream else { return }
            lastStream = stream
            return beginRequest(fields, stream, endsStream, context, &sink, &desk)
        }
        switch streams[slot][isRequest: isRequest].phase {
        case .waiting where streams[slot].pendingHead != nil:
            // Trailers, or what follows an interim response.
            if endsStream { streams[slot].pendingEnds = true }
        case .waiting: beginResponse(fields, slot, endsStream, context, &sink, &desk)
        case .body:
            guard endsStream else {
                desk.counters.http2.irregularities += 1
                return
            }
            // The body is complete whatever becomes of the trailers.
            var trailers: HTTPFields?
            if let fields { trailers = HeaderText.trailerFields(fields, &desk) }
            endStream(slot, half, trailers: trailers, context, &sink, &desk)
        case .ended: break
        }
    }
}
