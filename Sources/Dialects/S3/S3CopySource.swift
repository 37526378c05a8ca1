internal import Objects

/// `x-amz-copy-source`: the object that a server-side copy reads (CopyObject, S3 API reference).
struct S3CopySource: Hashable {
    /// The object.
    let name: ObjectName
    /// The version, when one is named.
    let versionID: String?

    /// Reads `[/]bucket/key[?versionId=…]`, percent-encoded, or an access point's ARN with `/object/` before the key;
    /// nil for anything else. The source lies at the same endpoint as the target.
    init?(_ value: String?, near target: S3Location) {
        guard var rest = value?.trimmed[...] else { return nil }
        var version: String?
        // The question mark of the version is not encoded; one in a key should be, and is only taken for a version's
        // when that follows.
        let mark = "?versionId="
        if let place = rest.indices.first(where: { rest[$0...].hasPrefix(mark) }) {
            let value = rest[place...].dropFirst(mark.count).prefix { $0 != "&" }
            version = String(decoding: PercentEncoding.decode(value.utf8), as: UTF8.self)
            rest = rest[..<place]
        }
        // Some clients encode the slash between bucket and key as well, so the whole is decoded before it is split.
        var bytes = PercentEncoding.decode(rest.utf8)[...]
        let slash = UInt8(ascii: "/")
        if bytes.first == slash { bytes = bytes.dropFirst() }
        let bucket: String?
        let key: ArraySlice<UInt8>
        if bytes.starts(with: "arn:".utf8) {
            guard let place = Self.place(of: Array("/object/".utf8), in: bytes) else { return nil }
            // The ARN names an access point by itself; it stands where a bucket's name would.
            bucket = String(validating: bytes[..<place].map { $0 == slash ? UInt8(ascii: ":") : $0 }, as: UTF8.self)
            key = bytes[(place + 8)...]
        } else {
            guard let end = bytes.firstIndex(of: slash) else { return nil }
            bucket = String(validating: bytes[..<end], as: UTF8.self)
            key = bytes[(end + 1)...]
        }
        guard let bucket, !bucket.isEmpty, !key.isEmpty else { return nil }
        name = ObjectName(cloud: .s3, endpoint: target.endpoint, bucket: bucket, key: ObjectKey(bytes: Array(key)))
        versionID = version.flatMap { $0.isEmpty ? nil : $0 }
    }

    private static func place(of pattern: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
        guard bytes.count >= pattern.count else { return nil }
        return (bytes.startIndex...(bytes.endIndex - pattern.count)).first {
            bytes[$0..<($0 + pattern.count)].elementsEqual(pattern)
        }
    }
}
