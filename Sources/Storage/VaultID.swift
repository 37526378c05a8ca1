internal import Glibc

/// Says which vault a file belongs to: 128 random bits, drawn once when the vault is made.
public struct VaultID: Hashable, Sendable, BitwiseCopyable {
    /// Bytes 0-7, big-endian.
    public var high: UInt64
    /// Bytes 8-15, big-endian.
    public var low: UInt64

    /// The id of these words.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A new id from the system's random source.
    public static func random() -> VaultID {
        var generator = SystemRandomNumberGenerator()
        return VaultID(high: generator.next(), low: generator.next())
    }

    /// The id that ``description`` spells: 32 hexadecimal digits; nil for anything else.
    public init?(_ text: String) {
        guard text.utf8.count == 32, text.utf8.allSatisfy({ isxdigit(Int32($0)) != 0 }),
            let high = UInt64(text.prefix(16), radix: 16), let low = UInt64(text.suffix(16), radix: 16)
        else { return nil }
        self.init(high: high, low: low)
    }
}

extension VaultID {
    /// Its 16 bytes, in the order in which ``description`` spells them.
    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return bytes
    }

    /// Appends its 16 bytes, in the order in which ``description`` spells them.
    func append(to bytes: inout [UInt8]) {
        bytes.appendLittleEndian(high.byteSwapped)
        bytes.appendLittleEndian(low.byteSwapped)
    }

    /// The id whose 16 bytes begin at `offset`; the caller has checked that they are there.
    init(bytes: RawSpan, at offset: Int) {
        self.init(
            high: bytes.littleEndian(at: offset, as: UInt64.self).byteSwapped,
            low: bytes.littleEndian(at: offset + 8, as: UInt64.self).byteSwapped)
    }
}

extension VaultID: CustomStringConvertible {
    /// 32 hexadecimal digits.
    public var description: String { high.sixteenDigits + low.sixteenDigits }
}

extension UInt64 {
    /// Sixteen hexadecimal digits, as segment files are named.
    var sixteenDigits: String {
        let digits = String(self, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}
