public import Objects

/// A place in the new cloud.
public struct TargetLocation: Hashable, Sendable, Comparable {
    /// The bucket, or the folder that stands for one.
    public let bucket: String
    /// The key within it, opaque bytes.
    public let key: ObjectKey

    /// A location of its two parts.
    public init(bucket: String, key: ObjectKey) {
        self.bucket = bucket
        self.key = key
    }

    /// The location as `escaped-bucket/escaped-key`, unambiguous because a slash in a bucket is escaped.
    public var path: String {
        PercentEncoding.encode(bucket.utf8, keeping: PercentEncoding.isUnreserved) + "/" + key.escaped
    }

    /// Orders by bucket, then by the key's bytes.
    public static func < (earlier: TargetLocation, later: TargetLocation) -> Bool {
        earlier.bucket != later.bucket ? earlier.bucket < later.bucket : earlier.key < later.key
    }
}
