/// What a person may set about an S3 target beside its URL and credentials.
public struct S3Settings: Sendable {
    /// What becomes of the source's storage class.
    public enum StorageClass: Sendable, Equatable {
        /// Stated as the source had it; left to the target when it refuses it, and listed.
        case asSource
        /// Left to the target.
        case targetDefault
        /// This one for every object.
        case fixed(String)
    }

    /// What becomes of the source's storage class. Default: as the source had it.
    public var storageClass: StorageClass = .asSource
    /// True to apply canned ACLs that the source stated. Default false: most accounts forbid ACLs today.
    public var appliesACL = false
    /// True to send `x-amz-checksum-sha256` beside `Content-MD5` and the signed hash. Default true; servers that do not
    /// know it ignore it.
    public var sendsChecksums = true
    /// Most connections at once. Default 16.
    public var connectionsMax = 16
    /// Longest time to connect, in seconds. Default 10.
    public var connectSeconds = 10.0
    /// Longest silence of a connection, in seconds. Default 120, since completing a large upload takes its time.
    public var idleSeconds = 120.0
    /// When and how often to try again.
    public var retry = RetryPolicy()

    /// The defaults.
    public init() {}
}
