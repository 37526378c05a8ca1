/// The five bytes before a record's body (RFC 8446 §5.1, RFC 5246 §6.2).
struct RecordHeader {
    /// Content types.
    enum Kind {
        static let changeCipherSpec: UInt8 = 20
        static let alert: UInt8 = 21
        static let handshake: UInt8 = 22
        static let applicationData: UInt8 = 23
    }

    /// Bytes of a header.
    static let length = 5
    /// The longest body: 2^14 and what TLS 1.2 allows protection to add.
    static let bodyMax = 16_384 + 2_048
    /// The longest record.
    static let recordMax = length + bodyMax

    /// The content type.
    var type: UInt8
    /// Bytes of the body.
    var bodyLength: Int

    /// Bytes of the record.
    var recordLength: Int { Self.length + bodyLength }

    /// Reads a header; nil when it is none.
    @inline(__always)
    init?(_ bytes: RawSpan, at offset: Int) {
        type = bytes.octet(offset)
        bodyLength = bytes.network16(offset + 3)
        guard (20...23).contains(type), bytes.octet(offset + 1) == 3, bytes.octet(offset + 2) <= 4,
            bodyLength <= Self.bodyMax
        else { return nil }
    }

    /// True when the bytes there agree with a header as far as they go.
    static func isPossible(_ bytes: RawSpan, at offset: Int) -> Bool {
        let count = bytes.byteCount - offset
        if count >= length { return RecordHeader(bytes, at: offset) != nil }
        if count > 0, !(20...23).contains(bytes.octet(offset)) { return false }
        if count > 1, bytes.octet(offset + 1) != 3 { return false }
        return count <= 2 || bytes.octet(offset + 2) <= 4
    }
}
