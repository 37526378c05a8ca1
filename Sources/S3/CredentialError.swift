/// No usable credentials, or a file of them that cannot be read. Holds no part of a key.
public struct CredentialError: Error, Sendable, CustomStringConvertible {
    /// What is wrong.
    public var reason: String
    /// What to do about it.
    public var remedy: String

    /// One line.
    public var description: String { "credentials: \(reason). \(remedy)" }
}
