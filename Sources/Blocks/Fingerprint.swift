/// SHA-256 of a block's raw bytes, as four words in memory.
public struct Fingerprint: Hashable, Sendable, Comparable, BitwiseCopyable {
    /// Bytes 0-7 of the digest, big-endian.
    public var word0: UInt64
    /// Bytes 8-15.
    public var word1: UInt64
    /// Bytes 16-23.
    public var word2: UInt64
    /// Bytes 24-31.
    public var word3: UInt64

    /// A fingerprint of its words.
    @inlinable
    public init(_ word0: UInt64, _ word1: UInt64, _ word2: UInt64, _ word3: UInt64) {
        self.word0 = word0
        self.word1 = word1
        self.word2 = word2
        self.word3 = word3
    }

    /// Length of a fingerprint in bytes.
    public static var byteCount: Int { 32 }

    /// Orders by the digest's bytes, as the index does.
    @inlinable
    public static func < (earlier: Fingerprint, later: Fingerprint) -> Bool {
        if earlier.word0 != later.word0 { return earlier.word0 < later.word0 }
        if earlier.word1 != later.word1 { return earlier.word1 < later.word1 }
        if earlier.word2 != later.word2 { return earlier.word2 < later.word2 }
        return earlier.word3 < later.word3
    }

    /// The digest is uniform: its first word is hash enough.
    @inlinable
    public func hash(into hasher: inout Hasher) { hasher.combine(word0) }
}
