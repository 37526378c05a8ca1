internal import Objects

/// An ETag (RFC 9110 §8.8.3), and what S3 hides in it.
struct EntityTag: Hashable {
    /// The opaque text without quotes and without `W/`.
    let text: String
    /// True for `W/"…"`: equal in meaning, not in bytes, so it is no digest of any bytes.
    let isWeak: Bool

    /// The tag of a field's value or an XML element's text, quoted or not; nil when nothing is in it.
    init?(_ value: String?) {
        guard let value else { return nil }
        let bytes = Array(value.utf8)
        var first = 0
        var end = bytes.count
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
        while first < end, isSpace(bytes[first]) { first += 1 }
        while first < end, isSpace(bytes[end - 1]) { end -= 1 }
        isWeak = end - first >= 2 && bytes[first] | 0x20 == UInt8(ascii: "w") && bytes[first + 1] == UInt8(ascii: "/")
        if isWeak { first += 2 }
        if first < end, bytes[first] == UInt8(ascii: "\"") { first += 1 }
        if first < end, bytes[end - 1] == UInt8(ascii: "\"") { end -= 1 }
        guard first < end else { return nil }
        text = String(decoding: bytes[first..<end], as: UTF8.self)
    }

    /// The digest that S3 documents the tag to be for objects that are not encrypted with KMS or customer keys: MD5 for
    /// 32 hexadecimal digits, MD5 of the parts' MD5s for `…-N` ("Checking object integrity", S3 User Guide). Other
    /// servers are free to put anything there, hence advisory.
    var digest: StatedDigest? {
        let length = text.utf8.count
        guard !isWeak, length >= 32, let value = StatedDigest.bytes(hexadecimal: text.prefix(32)), value.count == 16
        else { return nil }
        if length == 32 { return StatedDigest(algorithm: .md5, value: value, source: "etag", isAdvisory: true) }
        let rest = text.dropFirst(32)
        guard rest.first == "-", let parts = Int(rest.dropFirst()), (1...10_000).contains(parts) else { return nil }
        return StatedDigest(
            algorithm: .md5, value: value, scope: .composite(parts: parts), source: "etag", isAdvisory: true)
    }
}
