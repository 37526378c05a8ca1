/// What spares the ledger a scan for most events: whether a name is known at all, which version is on top, and how long
/// its history is.
struct NameRecord {
    /// The end of the key (time and tag) of the newest version or tombstone that was ever written; empty when there is none.
    var newest: [UInt8] = []
    /// True when some version was not made by an answer that was seen (it was only read, or only removed): an upload may
    /// turn out to be its origin.
    var hasInferred = false
    /// Number of rows in the history, at most the limit.
    var historyCount = 0

    init() {}

    var encoded: [UInt8] {
        var encoder = RecordEncoder(capacity: 64)
        if !newest.isEmpty { encoder.bytes(1, newest) }
        encoder.flag(2, hasInferred)
        encoder.integer(3, historyCount)
        return encoder.bytes
    }

    init(decoding bytes: [UInt8]) throws(CatalogError) {
        var decoder = RecordDecoder(bytes, record: "name")
        while let field = try decoder.next() {
            switch field.number {
            case 1: newest = try decoder.bytes(field)
            case 2: hasInferred = try decoder.flag(field)
            case 3: historyCount = try decoder.integer(field)
            default: break
            }
        }
    }
}
