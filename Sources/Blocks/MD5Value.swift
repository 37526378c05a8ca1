/// An MD5 (RFC 1321) in two words, so that it can travel with a batch.
public struct MD5Value: Sendable, Hashable, BitwiseCopyable {
    /// The digest's bytes 0 to 7 and 8 to 15, big-endian.
    private let high, low: UInt64

    /// The digest whose 16 bytes stand at the start of `bytes`.
    init(_ bytes: [32 of UInt8]) {
        func word(_ start: Int) -> UInt64 { (start..<start + 8).reduce(0) { $0 << 8 | UInt64(bytes[$1]) } }
        (high, low) = (word(0), word(8))
    }

    /// The digest of 16 bytes; nil of any other number.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count == 16 else { return nil }
        (high, low) = (Self.word(bytes[..<8]), Self.word(bytes[8...]))
    }

    /// True when these are the digest's 16 bytes.
    public func equals(_ bytes: [UInt8]) -> Bool { Self(bytes) == self }

    private static func word(_ half: ArraySlice<UInt8>) -> UInt64 { half.reduce(0) { $0 << 8 | UInt64($1) } }
}

/// The MD5 of all that a transfer brought, from its first byte to its last, without a gap.
public struct TransferDigest: Sendable, Hashable, BitwiseCopyable {
    /// The MD5.
    public var md5: MD5Value
    /// Bytes it was computed of.
    public var byteCount: UInt64

    /// A digest of its parts.
    public init(md5: MD5Value, byteCount: UInt64) {
        self.md5 = md5
        self.byteCount = byteCount
    }
}
