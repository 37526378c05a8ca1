public import Objects

/// What the layer is asked to keep.
public struct DialectOptions: Sendable {
    /// The clouds whose objects are kept; traffic of the others is counted. ``Cloud/s3`` and ``Cloud/http`` are known.
    public var dialects: Set<Cloud>
    /// Hosts (with port unless it is 80) that serve S3 with the bucket as a label before them, besides Amazon's own and
    /// those with an `s3` label: `storage.example.com` makes `logs.storage.example.com` the bucket `logs`.
    public let s3Endpoints: [String]
    /// The same, read; a text that is no host serves nothing.
    let s3Authorities: [Authority]
    /// Which exchanges are kept at all.
    public var scope: Scope
    /// Bounds of memory.
    public var limits: DialectLimits

    /// Options of their parts; S3 alone by default, everything of it in scope.
    public init(
        dialects: Set<Cloud> = [.s3], s3Endpoints: [String] = [], scope: Scope = .everything,
        limits: DialectLimits = DialectLimits()
    ) {
        self.dialects = dialects
        self.s3Endpoints = s3Endpoints
        s3Authorities = s3Endpoints.compactMap { Authority($0) }
        self.scope = scope
        self.limits = limits
    }

    /// The dialects that a word of the command line means: `s3`, `http`, or `all` for both; nil for any other word.
    public static func dialects(named word: String) -> Set<Cloud>? {
        switch word {
        case "all": [.s3, .http]
        case "s3": [.s3]
        case "http": [.http]
        default: nil
        }
    }
}
