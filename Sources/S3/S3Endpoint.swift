internal import Objects

/// Where an S3 service listens and how buckets are addressed there.
public struct S3Endpoint: Hashable, Sendable {
    /// How the bucket is named in a request ("Virtual hosting of buckets", Amazon S3 User Guide).
    public enum Addressing: String, Sendable {
        /// `http://host/bucket/key`.
        case path
        /// `http://bucket.host/key`.
        case virtualHosted = "virtual-hosted"
    }

    /// True for `https`.
    public var isSecure: Bool
    /// Host name or address, without brackets.
    public var host: String
    /// Port; nil for the scheme's own.
    public var port: Int?
    /// Region that requests are signed for.
    public var region: String
    /// How buckets are addressed.
    public var addressing: Addressing
    /// True for Amazon's own service, whose host follows from the region.
    public var isAmazon: Bool

    /// An endpoint of its parts.
    public init(
        isSecure: Bool, host: String, port: Int? = nil, region: String, addressing: Addressing, isAmazon: Bool = false
    ) {
        self.isSecure = isSecure
        self.host = host
        let standard = isSecure ? 443 : 80
        self.port = port == standard ? nil : port
        self.region = region
        self.addressing = addressing
        self.isAmazon = isAmazon
    }

    /// Amazon's endpoint of a region ("Amazon Simple Storage Service endpoints", AWS General Reference).
    public static func amazon(region: String, addressing: Addressing = .virtualHosted) -> S3Endpoint {
        let suffix = region.hasPrefix("cn-") ? "amazonaws.com.cn" : "amazonaws.com"
        return S3Endpoint(
            isSecure: true, host: "s3.\(region).\(suffix)", region: region, addressing: addressing, isAmazon: true)
    }

    /// The endpoint as people write it.
    public var url: String { "\(isSecure ? "https" : "http")://\(authority(host))" }

    /// The `Host` header, the path and the whole URL without query of a bucket or an object.
    ///
    /// A bucket with a dot would not match the service's TLS certificate as a host name, so it goes into the path.
    func address(bucket: String, key: ObjectKey?) -> (host: String, path: String, url: String) {
        let isHosted = addressing == .virtualHosted && !(isSecure && bucket.contains("."))
        let host = authority(isHosted ? "\(bucket).\(self.host)" : self.host)
        let bucketPath = PercentEncoding.encode(bucket.utf8, keeping: PercentEncoding.isUnreserved)
        let keyPath = key.map(\.escaped) ?? ""
        let path = isHosted ? "/\(keyPath)" : key == nil ? "/\(bucketPath)" : "/\(bucketPath)/\(keyPath)"
        return (host, path, "\(isSecure ? "https" : "http")://\(host)\(path)")
    }

    private func authority(_ host: String) -> String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port.map { "\(name):\($0)" } ?? name
    }
}
