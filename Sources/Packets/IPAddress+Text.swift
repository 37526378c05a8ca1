extension IPAddress: CustomStringConvertible {
    /// Dotted decimal, or the canonical IPv6 form of RFC 5952.
    public var description: String {
        isIPv4 ? Self.dotted(UInt32(truncatingIfNeeded: low)) : ipv6Description
    }

    /// The address as it stands before `:port`: IPv6 in brackets (RFC 3986 §3.2.2).
    public var bracketed: String { isIPv4 ? description : "[\(description)]" }

    /// The 16-bit group at `index`, 0 to 7, of an IPv6 address.
    private func group(_ index: Int) -> UInt16 {
        UInt16(truncatingIfNeeded: (index < 4 ? high : low) >> UInt64(48 - 16 * (index & 3)))
    }

    private var ipv6Description: String {
        // RFC 5952 §5: an IPv4-mapped address shows its last 32 bits dotted.
        if high == 0, low >> 32 == 0xFFFF { return "::ffff:\(Self.dotted(UInt32(truncatingIfNeeded: low)))" }
        let zeros = longestZeroRun
        var text = ""
        var index = 0
        while index < 8 {
            if index == zeros.lowerBound {
                text += "::"
                index = zeros.upperBound
                continue
            }
            if !text.isEmpty, !text.hasSuffix("::") { text += ":" }
            text += String(group(index), radix: 16)
            index += 1
        }
        return text
    }

    /// RFC 5952 §4.2: the longest run of zero groups, the first of equals, and only when it is longer than one. An empty
    /// range past the end when there is none.
    private var longestZeroRun: Range<Int> {
        var longest = 8..<8
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, group(end) == 0 { end += 1 }
            if end - start > max(longest.count, 1) { longest = start..<end }
            start = end + 1
        }
        return longest
    }

    private static func dotted(_ bits: UInt32) -> String {
        "\(bits >> 24).\(bits >> 16 & 255).\(bits >> 8 & 255).\(bits & 255)"
    }
}

extension IPAddress {
    /// The address that `text` writes in dotted decimal or in any form of RFC 4291 §2.2; nil when it is neither. Zone
    /// identifiers, brackets and leading zeros in decimal parts are refused.
    public init?(_ text: some StringProtocol) {
        if let bits = Self.parseIPv4(text.utf8[...]) {
            self.init(ipv4: bits)
        } else if let groups = Self.parseIPv6(text.utf8[...]) {
            let words = groups.reduce(into: (high: UInt64(0), low: UInt64(0))) { words, group in
                words.high = words.high << 16 | words.low >> 48
                words.low = words.low << 16 | UInt64(group)
            }
            self.init(ipv6High: words.high, low: words.low)
        } else {
            return nil
        }
    }

    private static func parseIPv4<Text: Collection<UInt8>>(_ text: Text) -> UInt32? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bits: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.count), part.count == 1 || part.first != UInt8(ascii: "0"),
                part.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
            else { return nil }
            let value = part.reduce(UInt32(0)) { $0 * 10 + UInt32($1 - UInt8(ascii: "0")) }
            guard value <= 255 else { return nil }
            bits = bits << 8 | value
        }
        return bits
    }

    /// Eight groups, or nil.
    private static func parseIPv6<Text: Collection<UInt8>>(_ text: Text) -> [UInt16]? where Text.SubSequence == Text {
        let colon = UInt8(ascii: ":")
        // Split at the one "::", if there is one; each side is a plain list of groups.
        var index = text.startIndex
        while index < text.endIndex {
            let next = text.index(after: index)
            if text[index] == colon, next < text.endIndex, text[next] == colon {
                guard let before = groups(text[..<index], mayEndDotted: false),
                    let after = groups(text[text.index(after: next)...], mayEndDotted: true),
                    before.count + after.count < 8
                else { return nil }
                return before + Array(repeating: 0, count: 8 - before.count - after.count) + after
            }
            index = next
        }
        guard let all = groups(text, mayEndDotted: true), all.count == 8 else { return nil }
        return all
    }

    private static func groups<Text: Collection<UInt8>>(_ text: Text, mayEndDotted: Bool) -> [UInt16]?
    where Text.SubSequence == Text {
        guard !text.isEmpty else { return [] }
        let parts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count <= 8 else { return nil }
        var groups: [UInt16] = []
        for (place, part) in parts.enumerated() {
            if mayEndDotted, place == parts.count - 1, let bits = parseIPv4(part) {
                groups.append(UInt16(truncatingIfNeeded: bits >> 16))
                groups.append(UInt16(truncatingIfNeeded: bits))
                continue
            }
            guard (1...4).contains(part.count), part.first != UInt8(ascii: "+"), part.first != UInt8(ascii: "-"),
                let group = UInt16(String(decoding: part, as: UTF8.self), radix: 16)
            else { return nil }
            groups.append(group)
        }
        return groups
    }
}
