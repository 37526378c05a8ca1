/// A bounded dictionary that forgets what was not used lately.
///
/// Two generations: entries enter the young one; when it holds half the limit it becomes the old one and the previous
/// old one is forgotten. An entry that is read moves to the young generation. So an entry survives at least half the
/// limit of other uses, and each call costs one or two look-ups and no list to keep.
struct RecentTable<Key: Hashable, Value> {
    private var young: [Key: Value] = [:]
    private var old: [Key: Value] = [:]
    private let generationLimit: Int
    /// Entries forgotten so far.
    private(set) var forgotten: UInt64 = 0

    /// A table of at most `limit` entries (at least two).
    init(limit: Int) { generationLimit = max(1, limit / 2) }

    /// Number of entries.
    var count: Int { young.count + old.count }

    /// The value, marked as used.
    mutating func value(of key: Key) -> Value? {
        if let value = young[key] { return value }
        guard let value = old.removeValue(forKey: key) else { return nil }
        store(value, key)
        return value
    }

    /// The value, without marking it as used.
    func peek(_ key: Key) -> Value? { young[key] ?? old[key] }

    /// Sets the value.
    mutating func store(_ value: Value, _ key: Key) {
        old.removeValue(forKey: key)
        if young[key] == nil, young.count >= generationLimit {
            forgotten += UInt64(old.count)
            old = young
            young = [:]
        }
        young[key] = value
    }

    /// Drops the value.
    mutating func remove(_ key: Key) {
        young.removeValue(forKey: key)
        old.removeValue(forKey: key)
    }
}
