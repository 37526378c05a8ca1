public import Objects

/// Why bytes that are not held are missing, as far as somebody reported it. Ranges are sorted and do not overlap.
///
/// Two reports of the same range are reconciled by the cause that says most (``rank(of:)``), so that the result does not
/// depend on the order in which they came.
public struct ReportedGaps: Hashable, Sendable {
    /// A range and why it is missing.
    public struct Entry: Hashable, Sendable {
        /// The missing bytes; the end is `UInt64.max` for "all to the end".
        public var range: Range<UInt64>
        /// Why.
        public var cause: GapCause

        /// An entry of its parts.
        public init(range: Range<UInt64>, cause: GapCause) {
            self.range = range
            self.cause = cause
        }
    }

    /// The entries, ascending.
    public private(set) var entries: [Entry] = []
    /// True when reports were dropped because there were too many: what is missing without an entry is then missing by
    /// that limit.
    public private(set) var isOverflown = false

    /// No reports.
    public init() {}

    /// The cause of a missing range that nobody reported.
    public var defaultCause: GapCause { isOverflown ? .limit : .neverSeen }

    /// How much a cause says: of two causes for the same bytes the one of higher rank is kept.
    public static func rank(of cause: GapCause) -> Int {
        switch cause {
        case .neverSeen: 0
        case .notCaptured: 1
        case .captureEnded: 2
        case .captureStartedLate: 3
        case .connectionEnded: 4
        case .framingLost: 5
        case .snapped: 6
        case .outage: 7
        case .kernelDrop: 8
        case .keyMissing: 9
        case .flowEvicted: 10
        case .limit: 11
        case .overload: 12
        }
    }

    /// Index of the first entry that ends behind `position`.
    private func firstEnding(after position: UInt64) -> Int {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].range.upperBound <= position { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Adds a report; at most `max` entries are kept.
    public mutating func report(_ range: Range<UInt64>, _ cause: GapCause, max: Int = 4096) {
        guard !range.isEmpty else { return }
        let first = firstEnding(after: range.lowerBound)
        var end = first
        var merged: [Entry] = []
        var position = range.lowerBound
        func add(_ range: Range<UInt64>, _ cause: GapCause) {
            guard !range.isEmpty else { return }
            if let last = merged.last, last.cause == cause, last.range.upperBound == range.lowerBound {
                merged[merged.count - 1].range = last.range.lowerBound..<range.upperBound
            } else {
                merged.append(Entry(range: range, cause: cause))
            }
        }
        while end < entries.count, entries[end].range.lowerBound < range.upperBound {
            let old = entries[end]
            let overlap = old.range.clamped(to: range)
            if old.range.lowerBound < overlap.lowerBound { add(old.range.lowerBound..<overlap.lowerBound, old.cause) }
            add(position..<Swift.max(position, overlap.lowerBound), cause)
            add(overlap, Self.rank(of: old.cause) >= Self.rank(of: cause) ? old.cause : cause)
            if overlap.upperBound < old.range.upperBound { add(overlap.upperBound..<old.range.upperBound, old.cause) }
            position = overlap.upperBound
            end += 1
        }
        if position < range.upperBound { add(position..<range.upperBound, cause) }
        guard entries.count - (end - first) + merged.count <= max else {
            isOverflown = true
            return
        }
        entries.replaceSubrange(first..<end, with: merged)
        joinNeighbour(at: first + merged.count)
        joinNeighbour(at: first)
    }

    /// Joins the entry at `index` with the one before when they adjoin and have the same cause.
    private mutating func joinNeighbour(at index: Int) {
        guard index > 0, index < entries.count, entries[index - 1].cause == entries[index].cause,
            entries[index - 1].range.upperBound == entries[index].range.lowerBound
        else { return }
        entries[index - 1].range = entries[index - 1].range.lowerBound..<entries[index].range.upperBound
        entries.remove(at: index)
    }

    /// Takes out what was reported of `range`, because it is held now, and returns it.
    public mutating func withdraw(_ range: Range<UInt64>) -> [Entry] {
        let first = firstEnding(after: range.lowerBound)
        var end = first
        var withdrawn: [Entry] = []
        var kept: [Entry] = []
        while end < entries.count, entries[end].range.lowerBound < range.upperBound {
            let old = entries[end]
            let overlap = old.range.clamped(to: range)
            withdrawn.append(Entry(range: overlap, cause: old.cause))
            if old.range.lowerBound < overlap.lowerBound {
                kept.append(Entry(range: old.range.lowerBound..<overlap.lowerBound, cause: old.cause))
            }
            if overlap.upperBound < old.range.upperBound {
                kept.append(Entry(range: overlap.upperBound..<old.range.upperBound, cause: old.cause))
            }
            end += 1
        }
        if !withdrawn.isEmpty { entries.replaceSubrange(first..<end, with: kept) }
        return withdrawn
    }

    /// Cuts a missing range into pieces of one cause each.
    public func pieces(of range: Range<UInt64>) -> [Entry] {
        var pieces: [Entry] = []
        var position = range.lowerBound
        var index = firstEnding(after: range.lowerBound)
        while index < entries.count, entries[index].range.lowerBound < range.upperBound {
            let overlap = entries[index].range.clamped(to: range)
            if overlap.lowerBound > position {
                pieces.append(Entry(range: position..<overlap.lowerBound, cause: defaultCause))
            }
            pieces.append(Entry(range: overlap, cause: entries[index].cause))
            position = overlap.upperBound
            index += 1
        }
        if position < range.upperBound {
            pieces.append(Entry(range: position..<range.upperBound, cause: defaultCause))
        }
        return pieces
    }
}

extension ReportedGaps {
    func encode(as field: Int, into encoder: inout RecordEncoder) {
        guard !entries.isEmpty || isOverflown else { return }
        encoder.message(field) { encoder in
            if isOverflown { encoder.flag(1, true) }
            for entry in entries {
                encoder.message(2) { encoder in
                    encoder.number(1, entry.range.lowerBound)
                    encoder.number(2, entry.range.upperBound)
                    encoder.number(3, entry.cause.code)
                }
            }
        }
    }

    init(decoding decoder: RecordDecoder) throws(CatalogError) {
        var decoder = decoder
        while let field = try decoder.next() {
            switch field.number {
            case 1: isOverflown = try decoder.flag(field)
            case 2:
                var entry = try decoder.message(field)
                var start: UInt64 = 0
                var end: UInt64 = 0
                var cause = GapCause.neverSeen
                while let field = try entry.next() {
                    switch field.number {
                    case 1: start = try entry.number(field)
                    case 2: end = try entry.number(field)
                    case 3: cause = try GapCause(decoding: field, of: entry)
                    default: break
                    }
                }
                guard start < end, entries.last.map({ $0.range.upperBound <= start }) ?? true else {
                    throw decoder.malformed("a gap that is empty or out of order")
                }
                entries.append(Entry(range: start..<end, cause: cause))
            default: break
            }
        }
    }
}
