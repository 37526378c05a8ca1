/// Takes apart a `multipart/byteranges` answer (RFC 9110 §14.6) without copying payload.
///
/// Each part states its place in `Content-Range`, so its length is known before its bytes: the decoder counts instead
/// of searching for boundaries, and then demands the boundary where it must stand. Anything else ends the decoding;
/// parts finished before are sure. Owned by one exchange; bounded by one part's head.
struct ByteRangesDecoder {
    /// What `next` found.
    enum Step: Hashable {
        /// A part begins.
        case part(ContentRange)
        /// Bytes of the part: these of the input, at this offset from the part's first.
        case payload(Range<Int>, at: UInt64)
        /// The part's bytes are all there.
        case partEnd
        /// The input is used up.
        case needsMore
    }

    /// What a gap did.
    enum Loss: Hashable {
        /// So many bytes of the part are missing here; decoding goes on.
        case payload(at: UInt64, length: UInt64)
        /// No payload is missing.
        case none
        /// The framing is lost; inside a part, its bytes from this offset on are missing.
        case framing(at: UInt64?)
    }

    private enum Place: Hashable {
        case boundary
        case head
        case data(ContentRange, done: UInt64)
        case done
        case failed
    }

    /// True when a boundary or a part's head was not what it must be.
    var hasFailed: Bool { place == .failed }
    /// True when no byte of the present part is outstanding.
    var isPartWhole: Bool {
        if case .data(let range, let done) = place { return done == range.length }
        return !hasFailed
    }
    /// True when a limit was the reason.
    private(set) var hitLimit = false

    private var place = Place.boundary
    private let delimiter: [UInt8]
    private var line: [UInt8] = []
    private var headBytes = 0
    private var range: ContentRange?
    private var parts = 0
    private let partLimit: Int
    private let headLimit: Int

    /// A decoder at the body's first byte.
    init(boundary: [UInt8], partLimit: Int, headLimit: Int) {
        delimiter = Array("--".utf8) + boundary
        self.partLimit = partLimit
        self.headLimit = headLimit
    }

    /// The boundary parameter of a `Content-Type` value; nil unless it is multipart/byteranges with one of 1 to 70
    /// bytes (RFC 2046 §5.1.1).
    static func boundary(ofContentType value: String?) -> [UInt8]? {
        guard let value else { return nil }
        let pieces = value.split(separator: ";")
        guard let type = pieces.first, type.trimmed.lowercased() == "multipart/byteranges" else { return nil }
        for piece in pieces.dropFirst() {
            let halves = piece.split(separator: "=", maxSplits: 1)
            guard halves.count == 2, halves[0].trimmed.lowercased() == "boundary" else { continue }
            var text = halves[1].trimmed[...]
            if text.utf8.count >= 2, text.first == "\"", text.last == "\"" { text = text.dropFirst().dropLast() }
            return (1...70).contains(text.utf8.count) ? Array(text.utf8) : nil
        }
        return nil
    }

    /// Reads on at `position` and advances it.
    mutating func next(_ bytes: borrowing RawSpan, _ position: inout Int) -> Step {
        if case .data(let range, let done) = place, done == range.length { return endPart() }
        while position < bytes.byteCount {
            switch place {
            case .boundary, .head:
                readLine(bytes, &position)
                if case .data(let range, 0) = place { return .part(range) }
            case .data(let range, let done):
                let count = Int(min(range.length - done, UInt64(bytes.byteCount - position)))
                if count == 0 { return endPart() }
                let slice = position..<position + count
                position += count
                place = .data(range, done: done + UInt64(count))
                return .payload(slice, at: done)
            case .done, .failed: position = bytes.byteCount
            }
        }
        return .needsMore
    }

    /// So many bytes of the body are missing here; nil for all to its end.
    mutating func skip(_ length: UInt64?) -> Loss {
        switch place {
        case .done, .failed: return .none
        case .data(let range, let done):
            if let length, length <= range.length - done {
                place = .data(range, done: done + length)
                return .payload(at: done, length: length)
            }
            place = .failed
            return .framing(at: done)
        case .boundary, .head:
            place = .failed
            return .framing(at: nil)
        }
    }

    /// The body ended with its outer framing; false when the last boundary was not there. It may lack its line end.
    mutating func finish() -> Bool {
        if place == .boundary, !line.isEmpty { takeLine() }
        return place == .done
    }

    private mutating func endPart() -> Step {
        place = .boundary
        line = []
        return .partEnd
    }

    private mutating func readLine(_ bytes: borrowing RawSpan, _ position: inout Int) {
        while position < bytes.byteCount {
            let byte = bytes.octet(position)
            position += 1
            headBytes += 1
            guard headBytes <= headLimit else {
                hitLimit = true
                place = .failed
                return
            }
            if byte == UInt8(ascii: "\n") {
                if line.last == UInt8(ascii: "\r") { line.removeLast() }
                takeLine()
                line.removeAll(keepingCapacity: true)
                return
            }
            line.append(byte)
        }
    }

    private mutating func takeLine() {
        if place == .boundary {
            // The line end that belongs to the delimiter comes first; before the first part it may be missing.
            if line.isEmpty { return }
            if line == delimiter {
                place = .head
                range = nil
                headBytes = 0
                parts += 1
                hitLimit = parts > partLimit
                if hitLimit { place = .failed }
            } else {
                let isClose = line.starts(with: delimiter) && line.dropFirst(delimiter.count).elementsEqual("--".utf8)
                place = isClose ? .done : .failed
            }
            return
        }
        if line.isEmpty {
            headBytes = 0
            place = range.map { .data($0, done: 0) } ?? .failed
            return
        }
        let name = Array("content-range:".utf8)
        guard line.count > name.count, zip(line, name).allSatisfy({ $0 | 0x20 == $1 || $0 == $1 }) else { return }
        let value = String(decoding: line[name.count...], as: UTF8.self)
        // A second or unreadable place makes the part's place unknown.
        guard range == nil, let read = ContentRange(value) else {
            place = .failed
            return
        }
        range = read
    }
}
