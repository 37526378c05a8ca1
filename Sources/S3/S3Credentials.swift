/// Keys of an S3 account. Prints, dumps and mirrors as a placeholder, so that no log or error can hold the secret.
public struct S3Credentials: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The access key's id; not a secret by itself, yet never printed.
    public let accessKeyID: String
    /// The secret.
    public let secretAccessKey: String
    /// The token that goes with temporary keys.
    public let sessionToken: String?

    /// Credentials of their parts.
    public init(accessKeyID: String, secretAccessKey: String, sessionToken: String? = nil) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken
    }

    /// A placeholder.
    public var description: String { "S3Credentials(hidden)" }
    /// A placeholder.
    public var debugDescription: String { description }
    /// A mirror without children.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}
