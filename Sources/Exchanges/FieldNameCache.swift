import HTTPTypes

/// Remembers field names with their treatment, so that a head costs no allocation and no table look-up per name.
///
/// Direct-mapped over the name's exact bytes (letter case included), of fixed size: whatever names the traffic invents,
/// they only push each other out.
struct FieldNameCache {
    /// A name and what the parser does with its field. Immutable and shared: a reference costs one count where the
    /// name's two strings cost two, and a head has dozens.
    final class Entry: Sendable {
        /// The name as sent.
        let name: HTTPField.Name
        /// What the table of secrets and framing says.
        let treatment: SecretFields.Treatment
        fileprivate let key: Key

        fileprivate init(name: HTTPField.Name, key: Key) {
            self.name = name
            self.key = key
            treatment = SecretFields.treatment(of: name.canonicalName)
        }
    }

    /// A name of up to 32 bytes, padded with zeros, which no name contains.
    fileprivate struct Key: Equatable, Sendable {
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

        var slot: Int {
            // Multiply-mix; names differ mostly in their first and last bytes, all of which are in the words.
            var hash = words.0 &* 0x9E37_79B9_7F4A_7C15
            hash = (hash ^ (hash >> 29) ^ words.1) &* 0xBF58_476D_1CE4_E5B9
            hash = (hash ^ (hash >> 31) ^ words.2) &* 0x94D0_49BB_1331_11EB
            hash = (hash ^ (hash >> 30) ^ words.3) &* 0x9E37_79B9_7F4A_7C15
            return Int(truncatingIfNeeded: hash >> 54)
        }

        static func == (one: Key, other: Key) -> Bool { one.words == other.words }
    }

    private static let nameLengthMax = 32
    /// Ten bits of the hash.
    private var entries = [Entry?](repeating: nil, count: 1_024)

    /// The name in `range`, or nil when it is no token (RFC 9110 §5.1).
    mutating func entry(_ bytes: RawSpan, _ range: Range<Int>) -> Entry? {
        guard let key = Self.key(bytes, range) else { return Self.make(bytes, range, Key()) }
        let slot = key.slot
        if let known = entries[slot], known.key == key { return known }
        guard let made = Self.make(bytes, range, key) else { return nil }
        entries[slot] = made
        return made
    }

    private static func make(_ bytes: RawSpan, _ range: Range<Int>, _ key: Key) -> Entry? {
        guard let name = HTTPField.Name(bytes.text(range)) else { return nil }
        return Entry(name: name, key: key)
    }

    private static func key(_ bytes: RawSpan, _ range: Range<Int>) -> Key? {
        guard !range.isEmpty, range.count <= nameLengthMax else { return nil }
        var key = Key()
        key.words.0 = word(bytes, range, 0)
        if range.count > 8 { key.words.1 = word(bytes, range, 8) }
        if range.count > 16 { key.words.2 = word(bytes, range, 16) }
        if range.count > 24 { key.words.3 = word(bytes, range, 24) }
        return key
    }

    /// Up to eight bytes of the range from `skip`, padded with zeros; `skip` lies within the range.
    @inline(__always)
    private static func word(_ bytes: RawSpan, _ range: Range<Int>, _ skip: Int) -> UInt64 {
        let start = range.lowerBound + skip
        let count = min(8, range.upperBound - start)
        if start + 8 <= bytes.byteCount {
            let mask = UInt64.max >> UInt64(64 - 8 * count)
            return UInt64(littleEndian: bytes.word(start)) & mask
        }
        var word: UInt64 = 0
        for index in 0..<count { word |= UInt64(bytes.octet(start + index)) << UInt64(8 * index) }
        return word
    }
}
