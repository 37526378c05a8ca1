/// `Content-Range: bytes first-last/total` (RFC 9110 §14.4): the place of a 206 answer's bytes.
struct ContentRange: Hashable {
    /// Offset of the first byte.
    let first: UInt64
    /// Offset of the last byte, not below `first`.
    let last: UInt64
    /// Length of the whole object; nil for `*`.
    let total: UInt64?

    /// Number of bytes, at least 1.
    var length: UInt64 { last - first + 1 }

    /// True when it is all of the object.
    var isWhole: Bool { first == 0 && total == length }

    /// The range of a field's value; nil when it is unsatisfied (`bytes */n`), of another unit, or contradicts itself.
    init?(_ value: String?) {
        guard let value = value?.trimmed, value.lowercased().hasPrefix("bytes ") else { return nil }
        let halves = value.dropFirst(6).split(separator: "/", omittingEmptySubsequences: false)
        guard halves.count == 2 else { return nil }
        let ends = halves[0].split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = UInt64(ends[0].trimmed), let last = UInt64(ends[1].trimmed), first <= last,
            last < UInt64.max
        else { return nil }
        let totalText = halves[1].trimmed
        var total: UInt64?
        if totalText != "*" {
            guard let number = UInt64(totalText), last < number else { return nil }
            total = number
        }
        self.first = first
        self.last = last
        self.total = total
    }
}
