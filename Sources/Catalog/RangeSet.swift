/// A set of byte positions, kept as sorted ranges that neither overlap nor adjoin.
public struct RangeSet: Hashable, Sendable {
    /// The ranges, ascending, with at least one position between neighbours.
    public private(set) var ranges: [Range<UInt64>] = []

    /// The empty set.
    public init() {}

    /// True when nothing is in it.
    public var isEmpty: Bool { ranges.isEmpty }

    /// Number of positions in the set.
    public var total: UInt64 { ranges.reduce(0) { $0 &+ ($1.upperBound - $1.lowerBound) } }

    /// Index of the first range that ends at or behind `position`; `ranges.count` when there is none.
    private func firstEnding(atOrAfter position: UInt64) -> Int {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < position { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Adds positions.
    public mutating func insert(_ range: Range<UInt64>) {
        guard !range.isEmpty else { return }
        guard let last = ranges.last, range.lowerBound <= last.upperBound else {
            ranges.append(range)
            return
        }
        if range.lowerBound >= last.lowerBound {
            ranges[ranges.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
            return
        }
        let first = firstEnding(atOrAfter: range.lowerBound)
        var end = first
        var joined = range
        while end < ranges.count, ranges[end].lowerBound <= range.upperBound {
            joined = min(joined.lowerBound, ranges[end].lowerBound)..<max(joined.upperBound, ranges[end].upperBound)
            end += 1
        }
        ranges.replaceSubrange(first..<end, with: CollectionOfOne(joined))
    }

    /// True when every position of `range` is in the set; true for an empty range.
    public func contains(_ range: Range<UInt64>) -> Bool {
        guard !range.isEmpty else { return true }
        let index = firstEnding(atOrAfter: range.upperBound)
        return index < ranges.count && ranges[index].lowerBound <= range.lowerBound
    }

    /// True when inserting `range` would not make one more range: it overlaps or adjoins one.
    public func touches(_ range: Range<UInt64>) -> Bool {
        let index = firstEnding(atOrAfter: range.lowerBound)
        return index < ranges.count && ranges[index].lowerBound <= range.upperBound
    }

    /// The parts of `range` that are not in the set, ascending.
    public func missing(within range: Range<UInt64>) -> [Range<UInt64>] {
        var missing: [Range<UInt64>] = []
        var position = range.lowerBound
        var index = firstEnding(atOrAfter: range.lowerBound)
        while index < ranges.count, ranges[index].lowerBound < range.upperBound {
            if ranges[index].lowerBound > position { missing.append(position..<ranges[index].lowerBound) }
            position = max(position, ranges[index].upperBound)
            index += 1
        }
        if position < range.upperBound { missing.append(position..<range.upperBound) }
        return missing
    }

    /// End of the last range; 0 when the set is empty.
    public var end: UInt64 { ranges.last?.upperBound ?? 0 }
}

extension RangeSet {
    /// Writes the ranges as pairs of distance from the end of the one before, and length.
    func encode(as field: Int, into encoder: inout RecordEncoder) {
        guard !ranges.isEmpty else { return }
        encoder.message(field) { encoder in
            var end: UInt64 = 0
            for range in ranges {
                encoder.packed(range.lowerBound - end)
                encoder.packed(range.upperBound - range.lowerBound)
                end = range.upperBound
            }
        }
    }

    init(decoding decoder: RecordDecoder) throws(CatalogError) {
        var decoder = decoder
        var end: UInt64 = 0
        while !decoder.isAtEnd {
            let distance = try decoder.packed()
            let length = try decoder.packed()
            let (start, startOverflows) = end.addingReportingOverflow(distance)
            let (next, endOverflows) = start.addingReportingOverflow(length)
            guard !startOverflows, !endOverflows, length > 0, distance > 0 || ranges.isEmpty else {
                throw decoder.malformed("a range that is empty, out of order or too far")
            }
            ranges.append(start..<next)
            end = next
        }
    }
}
