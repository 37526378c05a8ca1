/// What fragments of one datagram have in common (RFC 791 §3.2, RFC 8200 §4.5).
struct FragmentKey: Hashable {
    var source: IPAddress
    var destination: IPAddress
    var identification: UInt32
    /// Protocol of the payload. RFC 8200 leaves it out, but parts of one datagram agree in it.
    var payloadProtocol: UInt8
    /// The chain of VLAN and network ids, so that equal addresses of two overlays never mix within a datagram.
    var tenant: UInt32
}

/// One fragment as it is on the wire: which datagram, and which part of it.
struct Fragment {
    var key: FragmentKey
    /// Offset of its bytes in the datagram's payload, a multiple of 8, 0 to 65528.
    var start: Int
    /// True when it is not the last one.
    var isFollowed: Bool
}

/// A datagram of which fragments came.
struct FragmentedDatagram {
    /// Where the datagram is on its way.
    enum State {
        /// Parts are missing.
        case open
        /// It was delivered; its parts are remembered so that copies of them are known.
        case finished
        /// It shall not be put together, and what comes of it is dropped for the same reason.
        case refused(FrameFault)
    }

    /// What adding a fragment did.
    enum Addition {
        case kept
        case finished
        case dropped(FrameFault)
        /// The whole datagram is to be given up, this fragment with it.
        case spoilt(FrameFault)
    }

    /// A part that came. Its sum stands in for its bytes when those are gone.
    struct Part {
        var start: Int
        var end: Int
        var sum: UInt16
    }

    var key: FragmentKey
    var state = State.open
    /// Capture time at which the state began.
    var since: UInt64
    /// Parts in the order of their offsets. They overlap only with equal bytes.
    var parts: [Part] = []
    /// Bytes so far, with holes.
    var bytes: [UInt8] = []
    /// Where the datagram ends, once its last fragment came.
    var end: Int?
    /// How many fragments its sender had sent to its receiver when the latest of its own came.
    var number: UInt64 = 0
    /// Neighbours in its queue, in the order of ``since``; -1 at the ends.
    var earlier: Int32 = -1
    var later: Int32 = -1

    /// Largest payload of a datagram. An IPv4 header takes at least 20 of these.
    static let payloadBytesMax = 65_535

    init(key: FragmentKey, since: UInt64) {
        self.key = key
        self.since = since
    }

    /// True when it was delivered.
    var isFinished: Bool { if case .finished = state { true } else { false } }

    /// True when a fragment with these bytes came before.
    func holdsCopy(of fragment: Fragment, _ content: borrowing RawSpan) -> Bool {
        let end = fragment.start &+ content.byteCount
        guard let part = parts.first(where: { $0.start == fragment.start && $0.end == end }) else { return false }
        return part.sum == Self.sum(content)
    }

    /// Takes in a fragment of an open datagram. Bytes that overlap must be equal in IPv4, where a path may cut copies
    /// differently; in IPv6 only exact copies may (RFC 8200 §4.5).
    mutating func add(_ fragment: Fragment, _ content: borrowing RawSpan, partsMax: Int) -> Addition {
        let start = fragment.start
        let stop = start &+ content.byteCount
        guard content.byteCount > 0, stop <= Self.payloadBytesMax,
            !fragment.isFollowed || content.byteCount & 7 == 0
        else { return .dropped(.badFragment) }
        if let end, fragment.isFollowed ? stop > end : stop != end { return .spoilt(.badFragment) }
        var isCovered = false
        for part in parts {
            if !fragment.isFollowed, part.end > stop { return .spoilt(.badFragment) }
            let common = max(part.start, start)..<max(min(part.end, stop), max(part.start, start))
            guard !common.isEmpty else { continue }
            let isCopy = part.start == start && part.end == stop
            guard isCopy || key.source.isIPv4, isEqual(content, from: start, in: common) else {
                return .spoilt(.fragmentOverlap)
            }
            isCovered = isCovered || (part.start <= start && part.end >= stop)
        }
        if isCovered { return .dropped(.fragmentDuplicate) }
        guard parts.count < partsMax else { return .spoilt(.fragmentLimit) }
        store(content, from: start, to: stop)
        let place = parts.firstIndex { $0.start > start } ?? parts.count
        parts.insert(Part(start: start, end: stop, sum: Self.sum(content)), at: place)
        if !fragment.isFollowed { end = stop }
        return isWhole ? .finished : .kept
    }

    private mutating func store(_ content: borrowing RawSpan, from start: Int, to stop: Int) {
        if bytes.count < stop { bytes.append(contentsOf: repeatElement(0, count: stop &- bytes.count)) }
        var target = bytes.mutableSpan
        for index in 0..<content.byteCount { target[start &+ index] = content.byte(index) }
    }

    private func isEqual(_ content: borrowing RawSpan, from start: Int, in range: Range<Int>) -> Bool {
        for index in range where bytes[index] != content.byte(index &- start) { return false }
        return true
    }

    private var isWhole: Bool {
        guard let end else { return false }
        var reached = 0
        for part in parts {
            guard part.start <= reached else { return false }
            reached = max(reached, part.end)
        }
        return reached == end
    }

    private static func sum(_ content: borrowing RawSpan) -> UInt16 {
        UInt16(truncatingIfNeeded: InternetChecksum.sum(content))
    }
}
