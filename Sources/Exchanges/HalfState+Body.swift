import HTTPTypes

/// One step through a body.
enum BodyStep {
    /// Payload: the range lies in the span at hand.
    case payload(Range<Int>, at: UInt64)
    /// Everything in the span was used.
    case more
    /// The framing was followed to its end.
    case ended(HTTPFields?)
    /// The framing was followed to the end of the payload, but the message's own end is not known.
    case endedWithoutSync
    /// The framing is broken: what follows cannot be placed.
    case broken
}

/// Why a trailer section or a chunk line could not be completed, or where it ended.
private enum Completion {
    /// It ends at this offset of the span; it is in `partial` when the flag says so.
    case whole(end: Int, inPartial: Bool)
    case more
    case tooLong
}

extension HalfState {
    /// Takes the next step through the body from `position`, which moves on. O(1) per piece of payload.
    mutating func bodyStep(_ bytes: RawSpan, _ position: inout Int, _ desk: inout Desk) -> BodyStep {
        if phase == .length && remaining == 0 { return .ended(nil) }
        while position < bytes.byteCount {
            switch phase {
            case .length, .chunkData: return payloadStep(bytes, &position)
            case .untilClose:
                let range = position..<bytes.byteCount
                position = bytes.byteCount
                defer { bodyOffset += UInt64(range.count) }
                return .payload(range, at: bodyOffset)
            case .chunkLine:
                switch chunkLine(bytes, &position, &desk) {
                case .some(let step): return step
                case .none: continue
                }
            case .chunkEnd:
                // RFC 9112 §7.1: exactly CRLF. A bare LF here is how requests are smuggled.
                let wanted = remaining == 2 ? ASCII.carriageReturn : ASCII.lineFeed
                guard bytes.octet(position) == wanted else { return .broken }
                position += 1
                remaining -= 1
                if remaining == 0 { phase = .chunkLine }
            case .trailers: return trailers(bytes, &position, &desk)
            case .boundary, .head, .refusedBody, .probation, .unsynchronised, .ended: return .more
            }
        }
        return .more
    }

    private mutating func payloadStep(_ bytes: RawSpan, _ position: inout Int) -> BodyStep {
        let count = Int(min(remaining, UInt64(bytes.byteCount - position)))
        let range = position..<position + count
        position += count
        remaining -= UInt64(count)
        defer { bodyOffset += UInt64(count) }
        if remaining == 0, phase == .chunkData {
            phase = .chunkEnd
            remaining = 2
        }
        return .payload(range, at: bodyOffset)
    }

    /// Reads a chunk-size line (RFC 9112 §7.1); nil when the loop goes on behind it.
    private mutating func chunkLine(_ bytes: RawSpan, _ position: inout Int, _ desk: inout Desk) -> BodyStep? {
        let start = position
        let size: UInt64?
        switch completeLine(bytes, &position, &desk) {
        case .more: return .more
        case .tooLong:
            desk.counters.chunkLineLimit += 1
            dropPartial(&desk)
            return .broken
        case .whole(let end, let inPartial):
            size =
                inPartial
                ? Self.chunkSize(unsafe partial.span.bytes, 0..<partial.count) : Self.chunkSize(bytes, start..<end)
            dropPartial(&desk)
        }
        guard let size else { return .broken }
        if size == 0 {
            phase = .trailers
        } else {
            remaining = size
            phase = .chunkData
        }
        return nil
    }

    /// The size in a line with its CRLF, or nil: `chunk-size [ chunk-ext ] CRLF`, where extensions are passed over.
    private static func chunkSize(_ bytes: RawSpan, _ line: Range<Int>) -> UInt64? {
        // Strictly CRLF, and no other CR: RFC 9112 §2.2 lets a lone LF end only start-lines and fields.
        guard line.count > 2 else { return nil }
        let content = line.lowerBound..<line.upperBound - 2
        guard bytes.octet(content.upperBound) == ASCII.carriageReturn,
            bytes.firstIndex(of: ASCII.carriageReturn, in: content) == nil,
            bytes.firstIndex(of: 0, in: content) == nil
        else { return nil }
        var size: UInt64 = 0
        var index = content.lowerBound
        while index < content.upperBound, let digit = ASCII.hexDigit(bytes.octet(index)) {
            // 60 bits are more than any connection carries; beyond them the sum of chunks could overflow.
            guard size >> 56 == 0 else { return nil }
            size = size << 4 | UInt64(digit)
            index += 1
        }
        guard index > content.lowerBound else { return nil }
        while index < content.upperBound, ASCII.isBlank(bytes.octet(index)) { index += 1 }
        guard index == content.upperBound || bytes.octet(index) == UInt8(ascii: ";") else { return nil }
        return size
    }

    /// Finds the end of a line, keeping its beginning when the span ends first.
    private mutating func completeLine(
        _ bytes: RawSpan, _ position: inout Int, _ desk: inout Desk
    ) -> Completion {
        let room = desk.limits.chunkLineBytes - partial.count
        let visible = position..<min(bytes.byteCount, position + max(room, 0))
        guard let feed = bytes.firstIndex(of: ASCII.lineFeed, in: visible) else {
            if visible.upperBound < bytes.byteCount || visible.count >= room { return .tooLong }
            guard keep(bytes, visible, &desk) else { return .tooLong }
            position = bytes.byteCount
            return .more
        }
        if partial.isEmpty {
            position = feed + 1
            return .whole(end: feed + 1, inPartial: false)
        }
        guard keep(bytes, position..<feed + 1, &desk) else { return .tooLong }
        position = feed + 1
        return .whole(end: feed + 1, inPartial: true)
    }

    /// Reads the trailer section (RFC 9112 §7.1.2). The body is complete since the last chunk (RFC 9112 §8), so trailers
    /// that cannot be read cost the sync, not the body.
    private mutating func trailers(_ bytes: RawSpan, _ position: inout Int, _ desk: inout Desk) -> BodyStep {
        // By far the most sections are empty.
        if partial.isEmpty, bytes.matches("\r\n", at: position) {
            position += 2
            return .ended(nil)
        }
        let room = desk.limits.trailerBytes - partial.count
        let old = partial.count
        let visible = position..<min(bytes.byteCount, position + max(room, 0))
        guard keep(bytes, visible, &desk) else {
            dropPartial(&desk)
            return .endedWithoutSync
        }
        guard let end = SectionEnd.find(unsafe partial.span.bytes, scanned..<partial.count, isTrailer: true) else {
            if visible.upperBound < bytes.byteCount || visible.count >= room {
                desk.counters.trailerLimit += 1
                dropPartial(&desk)
                return .endedWithoutSync
            }
            scanned = max(0, partial.count - 3)
            position = bytes.byteCount
            return .more
        }
        position += end - old
        let section = try? FieldSection(unsafe partial.span.bytes, 0..<end, &desk)
        let fields = section == nil ? nil : desk.forms.fields(unsafe partial.span.bytes)
        dropPartial(&desk)
        guard let fields else { return .endedWithoutSync }
        return .ended(fields.isEmpty ? nil : fields)
    }
}

/// Finds the empty line that ends a head or a trailer section.
enum SectionEnd {
    /// The offset behind the empty line, looking at line feeds within `range`; nil when it is not there yet.
    ///
    /// A trailer section may consist of the empty line alone.
    static func find(_ bytes: RawSpan, _ range: Range<Int>, isTrailer: Bool = false) -> Int? {
        if isTrailer, bytes.byteCount > 0 {
            if bytes.octet(0) == ASCII.lineFeed { return 1 }
            if bytes.matches("\r\n", at: 0) { return 2 }
        }
        var index = range.lowerBound
        while let feed = bytes.firstIndex(of: ASCII.lineFeed, in: index..<range.upperBound) {
            let next = feed + 1
            guard next < range.upperBound else { return nil }
            if bytes.octet(next) == ASCII.lineFeed { return next + 1 }
            if bytes.octet(next) == ASCII.carriageReturn {
                guard next + 1 < range.upperBound else { return nil }
                if bytes.octet(next + 1) == ASCII.lineFeed { return next + 2 }
            }
            index = next
        }
        return nil
    }
}
