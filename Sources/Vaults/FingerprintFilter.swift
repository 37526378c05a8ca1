internal import Blocks

/// A set of fingerprints that may answer yes for a few that are not in it (a Bloom filter): what a collection marks the
/// blocks in, so that its memory is 12 bits for a block however many there are.
///
/// With 12 bits and 8 probes about 0.3 % of what could go is kept until the next collection, whose filter is salted
/// anew; nothing that was inserted is ever denied.
struct FingerprintFilter {
    private static let bitsPerItem = 12
    private static let probes: UInt64 = 8

    private var words: [UInt64]
    private let salt: UInt64

    /// An empty set with room for `count` fingerprints, in at most `bytesMax`: with more in it, it denies less.
    init(count: UInt64, bytesMax: Int, salt: UInt64) {
        let (bits, overflows) = count.multipliedReportingOverflow(by: UInt64(Self.bitsPerItem))
        let wordsMax = max(1, bytesMax / 8)
        words = Array(repeating: 0, count: overflows ? wordsMax : min(wordsMax, max(1024, Int(bits / 64) + 1)))
        self.salt = salt | 1
    }

    /// Bytes of the set.
    var byteCount: Int { words.count * 8 }

    /// Puts a fingerprint into the set.
    mutating func insert(_ fingerprint: Fingerprint) {
        var (hash, step) = hashes(of: fingerprint)
        for _ in 0..<Self.probes {
            let (word, bit) = place(hash)
            words[word] |= bit
            hash &+= step
        }
    }

    /// False only when the fingerprint was never inserted.
    func contains(_ fingerprint: Fingerprint) -> Bool {
        var (hash, step) = hashes(of: fingerprint)
        for _ in 0..<Self.probes {
            let (word, bit) = place(hash)
            if words[word] & bit == 0 { return false }
            hash &+= step
        }
        return true
    }

    /// A fingerprint is a cryptographic digest: its words are hashes already.
    private func hashes(of fingerprint: Fingerprint) -> (UInt64, UInt64) {
        ((fingerprint.word0 ^ fingerprint.word2) &* salt, (fingerprint.word1 ^ fingerprint.word3) | 1)
    }

    private func place(_ hash: UInt64) -> (word: Int, bit: UInt64) {
        (Int(hash.multipliedFullWidth(by: UInt64(words.count)).high), 1 << (hash & 63))
    }
}
