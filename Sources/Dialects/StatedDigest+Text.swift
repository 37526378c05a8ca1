internal import Objects

extension StatedDigest {
    /// A digest from base64 (RFC 4648 §4); nil unless it has the algorithm's length.
    init?(_ algorithm: DigestAlgorithm, base64 text: some StringProtocol, scope: DigestScope = .whole, source: String) {
        guard let value = Self.bytes(base64: text), value.count == algorithm.byteCount else { return nil }
        self.init(algorithm: algorithm, value: value, scope: scope, source: source)
    }

    /// A digest from hexadecimal digits; nil unless it has the algorithm's length.
    init?(_ algorithm: DigestAlgorithm, hexadecimal text: some StringProtocol, source: String) {
        guard let value = Self.bytes(hexadecimal: text), value.count == algorithm.byteCount else { return nil }
        self.init(algorithm: algorithm, value: value, source: source)
    }

    /// The bytes of an even number of hexadecimal digits, nil for anything else.
    static func bytes(hexadecimal text: some StringProtocol) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard !digits.isEmpty, digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = hexadecimalValue(digits[index]), let low = hexadecimalValue(digits[index + 1]) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    /// The bytes of padded base64 (RFC 4648 §4), nil for anything else. Digests are short, so no table is kept.
    static func bytes(base64 text: some StringProtocol) -> [UInt8]? {
        var digits = Array(text.utf8)
        guard !digits.isEmpty, digits.count.isMultiple(of: 4) else { return nil }
        var padding = 0
        while padding < 2, digits.last == UInt8(ascii: "=") {
            digits.removeLast()
            padding += 1
        }
        var bytes: [UInt8] = []
        var bits: UInt32 = 0
        var bitCount = 0
        for digit in digits {
            guard let value = base64Value(digit) else { return nil }
            bits = bits << 6 | UInt32(value)
            bitCount += 6
            if bitCount >= 8 {
                bitCount -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(bitCount)))
            }
        }
        return bytes
    }

    private static func base64Value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): digit - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): digit - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}

/// The value of a hexadecimal digit, nil for another byte.
func hexadecimalValue(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
}
