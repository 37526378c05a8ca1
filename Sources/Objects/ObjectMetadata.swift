/// What a cloud keeps about a version beside its bytes.
public struct ObjectMetadata: Hashable, Sendable {
    /// System headers that clouds store and give back, lower-case names: `content-type`, `content-encoding`,
    /// `content-disposition`, `content-language`, `cache-control`, `expires`.
    public var headers: [String: String] = [:]
    /// User metadata, names in lower case without the cloud's prefix (`x-amz-meta-`).
    public var user: [String: String] = [:]
    /// Object tags.
    public var tags: [String: String] = [:]
    /// Canned ACL as stated by the request (`x-amz-acl`).
    public var acl: String?
    /// Storage class as stated (`x-amz-storage-class`).
    public var storageClass: String?
    /// `Last-Modified` in seconds since 1970 UTC, as the cloud stated it.
    public var lastModified: Int64?

    /// Empty metadata.
    public init() {}

    /// True when nothing is known.
    public var isEmpty: Bool { self == ObjectMetadata() }
}
