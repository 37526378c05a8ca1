public import Objects

/// What came of recomputing a stated digest from the bytes held.
public enum DigestOutcome: UInt8, Sendable, Hashable {
    /// Not recomputed.
    case untested = 0
    /// Equal.
    case matched = 1
    /// Different.
    case mismatched = 2
    /// Different, but that proves nothing: the layout that the digest needs (part sizes) was only guessed.
    case inconclusive = 3
}

/// A digest that the cloud stated, and what came of checking it.
public struct CheckedDigest: Hashable, Sendable {
    /// The digest.
    public var digest: StatedDigest
    /// What came of it.
    public var outcome: DigestOutcome

    /// A digest of its parts.
    public init(_ digest: StatedDigest, outcome: DigestOutcome = .untested) {
        self.digest = digest
        self.outcome = outcome
    }
}

extension StatedDigest {
    /// True when both state the same thing, whatever the source.
    func equals(_ other: StatedDigest) -> Bool {
        algorithm == other.algorithm && scope == other.scope && value == other.value
    }

    /// The digest that an S3 ETag is when it has that form: MD5 of the bytes, or MD5 of the parts' MD5s and their number.
    /// Advisory: encrypted objects have ETags of the same form that are no digests (Amazon S3 API Reference, "Object").
    init?(etag: String) {
        let text = Array(etag.utf8)
        guard (32...38).contains(text.count) else { return nil }
        var value: [UInt8] = []
        value.reserveCapacity(16)
        for index in stride(from: 0, to: 32, by: 2) {
            guard let byte = UInt8(hexadecimalHigh: text[index], low: text[index + 1]) else { return nil }
            value.append(byte)
        }
        var scope = DigestScope.whole
        if text.count > 32 {
            var parts = 0
            for digit in text[33...] {
                guard digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9") else { return nil }
                parts = parts * 10 + Int(digit - UInt8(ascii: "0"))
            }
            guard text[32] == UInt8(ascii: "-"), (1...10_000).contains(parts) else { return nil }
            scope = .composite(parts: parts)
        }
        self.init(algorithm: .md5, value: value, scope: scope, source: "etag", isAdvisory: true)
    }
}

extension UInt8 {
    fileprivate init?(hexadecimalHigh high: UInt8, low: UInt8) {
        func digit(_ byte: UInt8) -> UInt8? {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
            default: nil
            }
        }
        guard let high = digit(high), let low = digit(low) else { return nil }
        self = high << 4 | low
    }
}

extension CheckedDigest {
    func encode(as field: Int, into encoder: inout RecordEncoder) {
        encoder.message(field) { encoder in
            encoder.number(1, digest.algorithm.code)
            encoder.bytes(2, digest.value)
            if case .composite(let parts) = digest.scope { encoder.integer(3, parts) }
            encoder.string(4, digest.source)
            encoder.flag(5, digest.isAdvisory)
            encoder.number(6, UInt64(outcome.rawValue))
        }
    }

    init(decoding decoder: RecordDecoder) throws(CatalogError) {
        var decoder = decoder
        var digest = StatedDigest(algorithm: .md5, value: [], source: "")
        var outcome = DigestOutcome.untested
        while let field = try decoder.next() {
            switch field.number {
            case 1: digest.algorithm = try DigestAlgorithm(decoding: field, of: decoder)
            case 2: digest.value = try decoder.bytes(field)
            case 3: digest.scope = .composite(parts: try decoder.integer(field))
            case 4: digest.source = try decoder.string(field)
            case 5: digest.isAdvisory = try decoder.flag(field)
            case 6: outcome = try decoder.known(field, DigestOutcome.init(rawValue:))
            default: break
            }
        }
        self.init(digest, outcome: outcome)
    }
}
