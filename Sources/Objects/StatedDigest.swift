/// A digest algorithm that a cloud states for objects.
public enum DigestAlgorithm: String, Sendable, Hashable, CaseIterable {
    case md5, sha1, sha256, crc32, crc32c
    /// CRC-64/NVME, reflected, as in `x-amz-checksum-crc64nvme` and `x-ms-content-crc64`'s sibling.
    case crc64nvme

    /// Length of the digest in bytes.
    public var byteCount: Int {
        switch self {
        case .md5: 16
        case .sha1: 20
        case .sha256: 32
        case .crc32, .crc32c: 4
        case .crc64nvme: 8
        }
    }
}

/// What the digest was computed over.
public enum DigestScope: Sendable, Hashable {
    /// The object's (or the part's) bytes from first to last.
    case whole
    /// The digest of the concatenated digests of `parts` parts, as in S3 multipart ETags (`…-12`).
    case composite(parts: Int)
}

/// A digest that the cloud stated, or that a client stated and the cloud accepted.
public struct StatedDigest: Hashable, Sendable {
    /// The algorithm.
    public var algorithm: DigestAlgorithm
    /// The digest's bytes, big-endian for CRCs, as the clouds send them.
    public var value: [UInt8]
    /// What was digested.
    public var scope: DigestScope
    /// Where it stood: `etag`, `content-md5`, `x-amz-checksum-crc32`, ... Kept for people who ask why.
    public var source: String
    /// True when the source may lawfully hold something else than this digest (an ETag): a difference then counts as a
    /// mismatch only when nothing else explains it.
    public var isAdvisory: Bool

    /// A stated digest of its parts.
    public init(
        algorithm: DigestAlgorithm, value: [UInt8], scope: DigestScope = .whole, source: String,
        isAdvisory: Bool = false
    ) {
        self.algorithm = algorithm
        self.value = value
        self.scope = scope
        self.source = source
        self.isAdvisory = isAdvisory
    }
}
