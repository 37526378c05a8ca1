/// The full name of an object: `<cloud>://<endpoint>/<bucket>/<key>`.
///
/// For ``Cloud/http`` the bucket is the host (with a port that is not the scheme's default), the endpoint is the same,
/// and the key is the path without its first slash.
public struct ObjectName: Hashable, Sendable, Comparable {
    /// The family of the store.
    public let cloud: Cloud
    /// Endpoint or account: the host that serves the bucket, lower case, with its port unless that is the default one.
    public let endpoint: String
    /// Bucket or container.
    public let bucket: String
    /// The key within the bucket.
    public let key: ObjectKey

    /// A name of its four parts, taken as they are.
    public init(cloud: Cloud, endpoint: String, bucket: String, key: ObjectKey) {
        self.cloud = cloud
        self.endpoint = endpoint
        self.bucket = bucket
        self.key = key
    }

    /// The name as an unambiguous URL with the key escaped; ``init(url:)`` reads it back.
    public var url: String {
        let path = cloud == .http ? endpoint : "\(endpoint)/\(bucket)"
        return "\(cloud.rawValue)://\(path)/\(key.escaped)"
    }

    /// The name that ``url`` prints, or nil when `url` is not of that form.
    public init?(url: String) {
        guard let colon = url.range(of: "://"), let cloud = Cloud(rawValue: String(url[..<colon.lowerBound])) else {
            return nil
        }
        var parts = url[colon.upperBound...].split(
            separator: "/", maxSplits: cloud == .http ? 1 : 2, omittingEmptySubsequences: false)
        guard parts.count == (cloud == .http ? 2 : 3), let endpoint = parts.first, !endpoint.isEmpty else { return nil }
        if cloud == .http { parts.insert(endpoint, at: 1) }
        self.init(
            cloud: cloud, endpoint: String(endpoint), bucket: String(parts[1]),
            key: ObjectKey(bytes: PercentEncoding.decode(parts[2].utf8)))
    }

    /// Orders by cloud, endpoint, bucket and key bytes.
    public static func < (earlier: ObjectName, later: ObjectName) -> Bool {
        if earlier.cloud != later.cloud { return earlier.cloud < later.cloud }
        if earlier.endpoint != later.endpoint { return earlier.endpoint < later.endpoint }
        if earlier.bucket != later.bucket { return earlier.bucket < later.bucket }
        return earlier.key < later.key
    }
}

extension String {
    /// The first place where `pattern` stands, found without Foundation.
    fileprivate func range(of pattern: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(pattern) { return start..<index(start, offsetBy: pattern.count) }
            start = index(after: start)
        }
        return nil
    }
}
