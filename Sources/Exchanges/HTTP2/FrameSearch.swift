/// Looks for frame boundaries in a half-connection whose place in its frames is lost.
///
/// A boundary is believed when headers chain from it: each must stand exactly where the one before says that its frame
/// ends, and be what a careful sender writes on a stream that can exist. Payload may hold frames too, a recording of
/// HTTP/2 for example. What payload cannot do is chain across the header of its own frame, and that comes at least every
/// SETTINGS_MAX_FRAME_SIZE bytes. So a chain is believed when it has three headers and is longer than that, or when
/// three of its headers began segments of their own, as those of small messages do.
struct FrameSearch {
    /// What a plausible header may say.
    struct Rules {
        /// Bytes of a frame's payload.
        var lengthMax: Int
        /// The highest stream that may exist by now.
        var streamMax: UInt32
    }

    /// A chain.
    private struct Chain {
        /// Offset of its first header.
        var start: UInt64
        /// Offset of its next header.
        var due: UInt64
        var headers = 0
        /// Headers that began a segment.
        var segments = 0
        /// The stream whose header block goes on; 0 when none does.
        var continues: UInt32 = 0
    }

    /// Chains followed at a time; more are not begun until one breaks.
    private static let chainsMax = 8
    private static let headersMin = 3

    private var chains: [Chain] = []
    /// The last bytes seen, fewer than a header has.
    private var tail: [UInt8] = []

    /// Forgets everything.
    mutating func reset() {
        chains.removeAll(keepingCapacity: true)
        tail.removeAll(keepingCapacity: true)
    }

    /// Forgets what bytes that never come would have had to prove: those before `end`.
    mutating func skip(to end: UInt64) {
        chains.removeAll { $0.due < end }
        tail.removeAll(keepingCapacity: true)
    }

    /// Looks at bytes from `position` on, which follow those of the call before.
    ///
    /// Returns a chain that is believed: the offset of its first header, and the place of its last one, relative to the
    /// span, negative when that began in the bytes of earlier calls; those are in `begun`. Nil: not yet, and the span was
    /// used up.
    mutating func find(
        _ bytes: RawSpan, from position: Int, _ run: Run, _ rules: Rules, begun: inout [UInt8]
    ) -> (start: UInt64, last: Int)? {
        let origin = run.offset(of: position)
        // Every place whose nine bytes are visible by now and were not before.
        let first = -tail.count
        let last = bytes.byteCount - position - FrameHeader.byteCount
        if last >= first {
            var index = 0
            while index < chains.count {
                if let found = follow(index, bytes, position, last, run, rules) {
                    return conclude(chains[index].start, found, position, &begun)
                }
                if chains[index].headers == 0 { chains.remove(at: index) } else { index += 1 }
            }
            var place = first
            while place <= last, chains.count < Self.chainsMax {
                guard let next = nextZero(from: place, through: last, bytes, position) else { break }
                place = next + 1
                let start = UInt64(bitPattern: Int64(bitPattern: origin) + Int64(next))
                if isKnown(start) { continue }
                chains.append(Chain(start: start, due: start))
                if let found = follow(chains.count - 1, bytes, position, last, run, rules) {
                    return conclude(start, found, position, &begun)
                }
                if chains[chains.count - 1].headers == 0 { chains.removeLast() }
            }
        }
        keepTail(bytes, position)
        return nil
    }

    /// True when a chain that is followed has had, or has due, a header here.
    private func isKnown(_ place: UInt64) -> Bool { chains.contains { $0.start == place || $0.due == place } }

    /// Follows a chain as far as the bytes go. A chain that breaks is left with no headers.
    private mutating func follow(
        _ index: Int, _ bytes: RawSpan, _ position: Int, _ last: Int, _ run: Run, _ rules: Rules
    ) -> Int? {
        var chain = chains[index]
        let origin = run.offset(of: position)
        while true {
            let place = Int(truncatingIfNeeded: Int64(bitPattern: chain.due &- origin))
            guard place <= last else { break }
            let header = FrameHeader { octet(place + $0, bytes, position) }
            guard header.isPlausible(lengthMax: rules.lengthMax, streamMax: rules.streamMax),
                chain.continues == 0
                    ? header.type != FrameType.continuation
                    : header.type == FrameType.continuation && header.stream == chain.continues
            else {
                chain.headers = 0
                break
            }
            chain.headers += 1
            if place == 0, run.isSegmentStart(at: position) { chain.segments += 1 }
            if chain.headers >= Self.headersMin,
                chain.due - chain.start > UInt64(rules.lengthMax) || chain.segments >= Self.headersMin
            {
                return place
            }
            if header.holdsHeaders { chain.continues = header.isEndHeaders ? 0 : header.stream }
            chain.due += UInt64(FrameHeader.byteCount + header.length)
        }
        chains[index] = chain
        return nil
    }

    private mutating func conclude(
        _ start: UInt64, _ place: Int, _ position: Int, _ begun: inout [UInt8]
    ) -> (start: UInt64, last: Int) {
        begun.removeAll(keepingCapacity: true)
        if place < 0 { begun += tail.suffix(-place) }
        reset()
        return (start, place + position)
    }

    private mutating func keepTail(_ bytes: RawSpan, _ position: Int) {
        let room = FrameHeader.byteCount - 1
        let count = min(room, bytes.byteCount - position)
        tail.removeFirst(max(0, tail.count + count - room))
        for index in bytes.byteCount - count..<bytes.byteCount { tail.append(bytes.octet(index)) }
    }

    // MARK: The bytes kept and those at hand as one: places count from the first byte at hand

    private func octet(_ place: Int, _ bytes: RawSpan, _ position: Int) -> UInt8 {
        place < 0 ? tail[tail.count + place] : bytes.octet(position + place)
    }

    /// The next place of a zero: headers begin with one, but for frames that are longer than anyone sends.
    private func nextZero(from start: Int, through last: Int, _ bytes: RawSpan, _ position: Int) -> Int? {
        var place = start
        while place < 0, place <= last {
            if octet(place, bytes, position) == 0 { return place }
            place += 1
        }
        guard place <= last else { return nil }
        return bytes.firstIndex(of: 0, in: position + place..<position + last + 1).map { $0 - position }
    }
}
