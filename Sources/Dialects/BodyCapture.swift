/// A body that is read whole, as far as its limit.
struct BodyCapture {
    /// The bytes before the first gap or the limit.
    private(set) var bytes: [UInt8] = []
    /// False when a gap, a cut or the limit took something.
    private(set) var isWhole = true
    /// True when the limit did.
    private(set) var hitLimit = false
    private let limit: Int

    /// An empty capture of at most `limit` bytes.
    init(limit: Int) { self.limit = limit }

    /// Appends what the limit and the rest of the shared budget allow; gives the number of bytes kept.
    mutating func append(_ slice: borrowing RawSpan, budget: Int) -> Int {
        guard isWhole else { return 0 }
        let count = min(slice.byteCount, limit - bytes.count, max(0, budget))
        if count < slice.byteCount {
            isWhole = false
            hitLimit = true
        }
        bytes.reserveCapacity(bytes.count + count)
        for index in 0..<count { bytes.append(slice.octet(index)) }
        return count
    }

    /// Something is missing here: what follows cannot be joined to what was read.
    mutating func cut() { isWhole = false }
}
