import Flows
import Objects

/// Bytes that are missing, and how reading goes on behind them.
///
/// A record that lacks a byte cannot be opened, but the ones around it can: each has its number, and its tag proves both
/// the number and the place. So a lost segment costs the records that it touches.
extension TLSFlow {
    /// Takes a gap in the records.
    func lose<Sink: StreamSink & ~Copyable>(
        _ half: TLSHalf, at offset: UInt64, length: UInt64, _ cause: GapCause, _ context: SegmentContext,
        _ sink: inout Sink, _ desk: inout CleartextDesk
    ) {
        let end = offset &+ length
        half.messages.reset()
        // What is kept of a record cannot be handed on any more as it is: from here on the flow is taken for TLS.
        isConfirmed = true
        if half.phase == .searching {
            search(half, isLast: true, context, &sink, &desk)
            if half.phase == .searching { half.clearPartial() }
        }
        half.next = end
        switch half.phase {
        case .over, .searching: break
        case .skipping(let until):
            if end > until { beginSearch(half, from: until, cause) }
            if end == until { half.phase = .records }
        case .records:
            let isHeaderKnown = half.partial.count >= RecordHeader.length
            let recordEnd = half.partialStart &+ UInt64(half.wanted)
            guard !half.partial.isEmpty, isHeaderKnown, end <= recordEnd else {
                return beginSearch(half, from: half.partial.isEmpty ? offset : half.partialStart, cause)
            }
            // The header said where the next record begins.
            let recordLength = UInt64(half.wanted)
            let isData = session.isVersion13 || half.partial[0] == RecordHeader.Kind.applicationData
            half.clearPartial()
            half.phase = end == recordEnd ? .records : .skipping(until: recordEnd)
            guard isData else {
                // TLS 1.2 says in clear that this was an alert, or a message of a handshake.
                half.sequence += 1
                desk.counters.lostRecords += 1
                return
            }
            loseRecords(half, 1, bytes: recordLength, endsAt: recordEnd, cause, context, &sink, &desk)
        }
    }

    /// Records under the half's present keys are lost: how many and how many bytes is known.
    private func loseRecords<Sink: StreamSink & ~Copyable>(
        _ half: TLSHalf, _ count: UInt64, bytes: UInt64, endsAt end: UInt64, _ cause: GapCause,
        _ context: SegmentContext, _ sink: inout Sink, _ desk: inout CleartextDesk
    ) {
        guard half.epoch != .plain else { return }
        let isFinished = !session.isVersion13 && half.keys == nil && half.sequence == 0 && count == 1
        half.sequence += count
        desk.counters.lostRecords += count
        // Of the handshake no cleartext is missing; the first protected record of TLS 1.2 is its Finished.
        if half.epoch == .handshake || isFinished { return }
        reportLoss(half, count, bytes: bytes, endsAt: end, cause, context, &sink, &desk)
    }

    /// Tells the sink what of the cleartext is missing: exactly, where that can be known. `count` is that of the lost records,
    /// nil when it is not known.
    ///
    /// AEAD adds the same to every record, so what records of a known number and size held is known as well, if all of it
    /// was application data without padding. That is taken for granted once application data was seen and padding was
    /// not: a KeyUpdate would have changed the keys, and tickets come before the first data.
    private func reportLoss<Sink: StreamSink & ~Copyable>(
        _ half: TLSHalf, _ count: UInt64?, bytes: UInt64, endsAt end: UInt64, _ cause: GapCause,
        _ context: SegmentContext, _ sink: inout Sink, _ desk: inout CleartextDesk
    ) {
        defer { half.mark(end) }
        guard !half.isClosed else { return }
        noteDelivery(&desk)
        let place = translated(context, half)
        let start = half.clearNext
        if let count, let keys = half.keys, keys.protection.suite.algorithm.isAEAD, half.hasData, !half.pads {
            let overhead = count * UInt64(RecordHeader.length + keys.protection.overhead)
            if bytes >= overhead {
                half.clearNext += bytes - overhead
                if bytes > overhead {
                    sink.gap(handle, half.half, at: start, length: bytes - overhead, cause: cause, place)
                }
                return
            }
        }
        desk.counters.inexactGaps += 1
        // An upper bound, so that positions of what follows lie behind all that could be missing.
        half.clearNext += max(bytes, 1)
        sink.gapOfUnknownLength(handle, half.half, at: start, next: half.clearNext, cause: cause, place)
    }

    /// Says what a half lost as soon as the other one answers it, when nothing behind the loss can be read yet.
    ///
    /// Whose message a message answers is told by what it acknowledges (RFC 9293 §3.4), and that shall be the end of what
    /// was lost, not its beginning: so the loss has to be told first. How many records were lost is not known before the
    /// next one is found, unless one was seen that does not open, or there was no room for two. HTTP/2 answers by stream
    /// and not by place, and there an inexact gap would harm bodies under way.
    func settleLoss<Sink: StreamSink & ~Copyable>(
        _ half: TLSHalf, acknowledgedBy other: SegmentContext, _ sink: inout Sink, _ desk: inout CleartextDesk
    ) {
        guard half.phase == .searching, half.next > half.lossStart,
            half.searched + RecordHeader.length > half.partial.count, half.epoch == .application,
            half.isSequenceKnown, session.applicationProtocol != "h2",
            let keys = half.keys, let acknowledged = other.acknowledged, acknowledged >= half.next
        else { return }
        let lost = half.next - half.lossStart
        let isOne = lost == half.failedLength || lost < 2 * UInt64(RecordHeader.length + keys.protection.overhead)
        let place = SegmentContext(time: other.time, packet: other.packet, acknowledged: nil)
        reportLoss(half, isOne ? 1 : nil, bytes: lost, endsAt: half.next, half.lossCause, place, &sink, &desk)
        half.uncounted += lost
        half.lossStart = half.next
        half.clearPartial()
    }

    // MARK: Searching

    /// Looks for the next record from here on.
    func beginSearch(_ half: TLSHalf, from start: UInt64, _ cause: GapCause) {
        half.clearPartial()
        half.messages.reset()
        half.phase = .searching
        half.lossStart = start
        half.lossCause = cause
        half.failedLength = 0
        half.uncounted = 0
        half.trials = 0
    }

    /// Looks for a record in what has gathered. `isLast` when no more will come before the next gap or the end, so that
    /// there is no waiting for the rest of what may be one.
    func search<Sink: StreamSink & ~Copyable>(
        _ half: TLSHalf, isLast: Bool, _ context: SegmentContext, _ sink: inout Sink, _ desk: inout CleartextDesk
    ) {
        let bytes = half.partial
        let span = unsafe bytes.span.bytes
        var offset = half.searched
        while offset + RecordHeader.length <= bytes.count, half.phase == .searching, half.block == .none {
            guard let header = RecordHeader(span, at: offset), isPlausible(header, half) else {
                offset += 1
                continue
            }
            let end = offset + header.recordLength
            if end > bytes.count {
                if !isLast { break }
                offset += 1
                continue
            }
            if RecordHeader.isPossible(span, at: end) {
                let record = span.extracting(offset..<end)
                if half.epoch == .plain {
                    // A record that fills what came is no chance.
                    if end < bytes.count || isLast || offset == 0 || header.type == RecordHeader.Kind.handshake {
                        return resume(half, bytes, at: offset, nil, context, &sink, &desk)
                    }
                    break
                }
                let lost = half.partialStart &+ UInt64(offset) &- half.lossStart
                if let found = find(half, record, lost: half.uncounted &+ lost, &desk) {
                    return resume(half, bytes, at: offset, found, context, &sink, &desk)
                }
                guard half.block == .none else { break }
                if half.trials >= desk.limits.searchTrials {
                    desk.counters.searchLimit += 1
                    return giveUp(.lost, context, &sink, &desk)
                }
            }
            offset += 1
        }
        half.searched = offset
        if offset > 2 * RecordHeader.recordMax {
            half.partial.removeFirst(offset)
            half.partialStart += UInt64(offset)
            half.searched = 0
            let kept = half.origins.lastIndex { $0.offset <= half.partialStart } ?? 0
            half.origins.removeFirst(kept)
        }
    }

    private func isPlausible(_ header: RecordHeader, _ half: TLSHalf) -> Bool {
        if half.epoch == .plain { return header.bodyLength > 0 }
        let least = half.keys?.protection.bodyLengthMin ?? Self.bodyLengthMin
        if session.isVersion13 {
            return header.type == RecordHeader.Kind.applicationData && header.bodyLength >= least
                && header.bodyLength <= 16_384 + 256
        }
        return header.bodyLength >= least
    }

    /// The fewest bytes of any protected record's body: a type and the tag of CCM_8.
    private static let bodyLengthMin = 9

    /// A record that was found behind a gap: its content lies in the desk's room.
    private struct Found {
        var opened: OpenedRecord
        var keys: RecordKeys
        var epoch: TLSHalf.Epoch
        var sequence: UInt64
    }

    /// Tries to open what may be a record behind `lost` bytes, under every number and key that it can have.
    private func find(
        _ half: TLSHalf, _ record: RawSpan, lost: UInt64, _ desk: inout CleartextDesk
    ) -> Found? {
        let most = lost / UInt64(RecordHeader.length + Self.bodyLengthMin)
        let least = (lost + UInt64(RecordHeader.recordMax) - 1) / UInt64(RecordHeader.recordMax)
        let numbers = half.isSequenceKnown ? half.sequence + least...half.sequence + max(most, least) : 0...(.max / 2)
        if let keys = half.keys {
            if let found = attempt(half, record, keys, half.epoch, numbers, &desk) { return found }
            if session.isVersion13, half.epoch == .application, let next = keys.next() {
                return attempt(half, record, next, .application, 0...most, &desk)
            }
        } else if half.epoch == .handshake {
            for keys in handshakeKeys(half, &desk) {
                if let found = attempt(half, record, keys, .handshake, numbers, &desk) { return found }
            }
        }
        if half.epoch == .handshake || half.keys == nil {
            let further = applicationKeys(half, &desk)
            if further.isEmpty {
                half.block = .key
                return nil
            }
            let isNew = half.epoch == .handshake
            for keys in further {
                let range = isNew ? 0...most : numbers
                if let found = attempt(half, record, keys, .application, range, &desk) { return found }
            }
        }
        return nil
    }

    private func attempt(
        _ half: TLSHalf, _ record: RawSpan, _ keys: RecordKeys, _ epoch: TLSHalf.Epoch, _ numbers: ClosedRange<UInt64>,
        _ desk: inout CleartextDesk
    ) -> Found? {
        var number = numbers.lowerBound
        let last = min(numbers.upperBound, numbers.lowerBound + desk.limits.searchSequences)
        while number <= last, half.trials < desk.limits.searchTrials {
            half.trials += 1
            if let opened = unsafe keys.protection.open(record, sequence: number, into: desk.room.start) {
                return Found(opened: opened, keys: keys, epoch: epoch, sequence: number)
            }
            number += 1
        }
        // Where the beginning was not seen, the number can be any.
        guard !half.isSequenceKnown, number <= numbers.upperBound else { return nil }
        let found = unsafe keys.open(
            record, from: number, count: UInt64(desk.limits.identifyNumbers), budget: &desk.identifyNumbers,
            into: desk.room.start)
        return found.map { Found(opened: $0.opened, keys: keys, epoch: epoch, sequence: $0.number) }
    }

    /// Goes on with the record at `offset` of what was searched.
    private func resume<Sink: StreamSink & ~Copyable>(
        _ half: TLSHalf, _ bytes: [UInt8], at offset: Int, _ found: Found?, _ context: SegmentContext,
        _ sink: inout Sink, _ desk: inout CleartextDesk
    ) {
        desk.counters.resynchronisations += 1
        let start = half.partialStart
        let origins = half.origins
        var position = offset
        let first = half.origin(of: start &+ UInt64(offset)) ?? context
        half.clearPartial()
        half.phase = .records
        half.trials = 0
        if let found {
            let recordStart = start &+ UInt64(offset)
            let lost = recordStart &- half.lossStart
            let length = RecordHeader(unsafe bytes.span.bytes, at: offset)?.recordLength ?? 0
            let isSameKeys = found.keys === half.keys
            let isHandshake = half.epoch == .handshake && (found.epoch == .handshake || found.sequence == 0)
            let isFinishedOnly = !session.isVersion13 && half.keys == nil && found.sequence <= 1
            if isSameKeys, half.isSequenceKnown { desk.counters.lostRecords += found.sequence - half.sequence }
            if lost > 0, !isHandshake, !isFinishedOnly {
                let isExact = isSameKeys && half.isSequenceKnown && half.uncounted == 0
                if !isSameKeys || !half.isSequenceKnown { half.hasData = false }
                // Finding the room's content was before: it must outlive the sink's call, which reads no records.
                reportLoss(
                    half, isExact ? found.sequence - half.sequence : nil, bytes: lost, endsAt: recordStart,
                    half.lossCause, first, &sink, &desk)
            }
            half.keys = found.keys
            half.epoch = found.epoch
            half.sequence = found.sequence + 1
            half.isSequenceKnown = true
            half.uncounted = 0
            position += length
            take(half, found.opened, endsAt: recordStart &+ UInt64(length), first, first, &sink, &desk)
        }
        // What gathered behind it, segment by segment, as if it came now.
        for (index, origin) in origins.enumerated() {
            let pieceEnd = index + 1 < origins.count ? Int(origins[index + 1].offset &- start) : bytes.count
            guard pieceEnd > position, reason == nil else { continue }
            let piece = unsafe bytes.span.bytes.extracting(position..<pieceEnd)
            let place = start &+ UInt64(position)
            position = pieceEnd
            if half.block != .none {
                park(piece, half.half, place, origin.context, &desk)
                continue
            }
            let used = consume(half, piece, at: place, origin.context, &sink, &desk)
            if used < piece.byteCount, reason == nil {
                let rest = piece.extracting(used..<piece.byteCount)
                park(rest, half.half, place &+ UInt64(used), origin.context, &desk)
            }
        }
    }
}
