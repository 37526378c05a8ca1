/// What a target could not do, in words that a person can act on. Holds no credential and no signature.
public struct TargetFailure: Error, Sendable, CustomStringConvertible {
    /// What kind of failure it is.
    public enum Kind: String, Sendable, CaseIterable {
        /// No connection: refused, unknown host, timed out, TLS.
        case unreachable
        /// The credentials are missing, unknown, expired, or their signature is wrong.
        case badCredentials = "bad-credentials"
        /// The credentials are good but may not do this.
        case accessDenied = "access-denied"
        /// This machine's clock differs too much from the target's.
        case clockSkew = "clock-skew"
        /// The bucket is in another region or at another endpoint.
        case redirected
        /// The bucket does not exist.
        case noSuchBucket = "no-such-bucket"
        /// The object does not exist.
        case noSuchObject = "no-such-object"
        /// The upload does not exist any more.
        case noSuchUpload = "no-such-upload"
        /// The object changed under a guarded copy.
        case changed
        /// The target asked to slow down until the attempts were used up.
        case throttled
        /// The target does not know the request.
        case unsupported
        /// The target refuses this storage class, ACL or tag set.
        case metadataRefused = "metadata-refused"
        /// The target received other bytes than were sent.
        case corrupted
        /// The target failed on its side until the attempts were used up.
        case serverFailure = "server-failure"
        /// The answer breaks the protocol.
        case malformedAnswer = "malformed-answer"
        /// The target refuses the request for another reason.
        case refused
        /// The disk or the quota is full.
        case full
        /// A file operation failed.
        case file
    }

    /// What the migration does about it.
    public enum Reaction: Sendable {
        /// The object is an exception; the run goes on.
        case failObject
        /// Nothing else would go better: the run stops, the journal stays.
        case stopRun
    }

    /// What kind of failure it is.
    public var kind: Kind
    /// The operation, in the target's own word (`PutObject`).
    public var operation: String
    /// What it was done to: `bucket/key` with the key escaped, and the endpoint.
    public var subject: String
    /// HTTP status, if an answer came.
    public var status: Int?
    /// The target's error code (`NoSuchBucket`), if it gave one.
    public var code: String?
    /// The target's or the system's message.
    public var message: String
    /// The target's request id, for its operator.
    public var requestID: String?
    /// How many times it was tried.
    public var attempts: Int
    /// What to do about it; empty when nothing is known.
    public var remedy: String
    /// The region that the target says the bucket is in.
    public var region: String?

    /// A failure of its parts.
    public init(
        kind: Kind, operation: String, subject: String, status: Int? = nil, code: String? = nil, message: String,
        requestID: String? = nil, attempts: Int = 1, remedy: String = ""
    ) {
        self.kind = kind
        self.operation = operation
        self.subject = subject
        self.status = status
        self.code = code
        self.message = message
        self.requestID = requestID
        self.attempts = attempts
        self.remedy = remedy
    }

    /// What the migration does about it.
    public var reaction: Reaction {
        switch kind {
        case .unreachable, .badCredentials, .clockSkew, .redirected, .noSuchBucket, .full: .stopRun
        default: .failObject
        }
    }

    /// One line: what failed, on what, why, what to do.
    public var description: String {
        var text = "\(operation) \(subject): "
        var facts: [String] = []
        if let status { facts.append("HTTP \(status)") }
        if let code { facts.append(code) }
        if !facts.isEmpty { text += facts.joined(separator: " ") + ": " }
        text += message
        if let requestID { text += " (request id \(requestID))" }
        if attempts > 1 { text += ", after \(attempts) attempts" }
        if !remedy.isEmpty { text += ". " + remedy }
        return text
    }
}
