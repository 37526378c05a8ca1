extension Fingerprint {
    /// The fingerprint whose 32 digest bytes begin at `offset` of `bytes`; the caller has checked that they are there.
    public init(bytes: RawSpan, at offset: Int = 0) {
        precondition(offset >= 0 && bytes.byteCount - offset >= Self.byteCount, "a fingerprint has 32 bytes")
        func word(_ index: Int) -> UInt64 {
            // Checked above; any eight bytes are a UInt64.
            UInt64(bigEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset + 8 * index, as: UInt64.self))
        }
        self.init(word(0), word(1), word(2), word(3))
    }

    /// The 32 digest bytes in the order in which SHA-256 gives them.
    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.byteCount)
        append(to: &bytes)
        return bytes
    }

    /// Appends the 32 digest bytes.
    public func append(to bytes: inout [UInt8]) {
        Self.append(word0, to: &bytes)
        Self.append(word1, to: &bytes)
        Self.append(word2, to: &bytes)
        Self.append(word3, to: &bytes)
    }

    private static func append(_ word: UInt64, to bytes: inout [UInt8]) {
        for shift in stride(from: UInt64(56), through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: word >> shift))
        }
    }
}

extension Fingerprint: CustomStringConvertible {
    /// 64 hexadecimal digits, as `sha256sum` prints them.
    public var description: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
