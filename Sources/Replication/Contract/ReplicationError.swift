internal import S3

/// Why a migration cannot begin or go on. Every case stops the run; what concerns one object is an exception in the
/// report instead, and what the target says is a ``TargetFailure``.
public enum ReplicationError: Error, Sendable, CustomStringConvertible {
    /// The target's URL cannot be read.
    case badTarget(url: String, reason: String, remedy: String)
    /// No usable credentials, or a file of them that cannot be read.
    case credentials(reason: String, remedy: String)
    /// Source buckets cannot be told apart at the target.
    case mapping(reason: String, remedy: String)
    /// The journal cannot be used.
    case journal(path: String, reason: String, remedy: String)
    /// The vault cannot be read.
    case source(reason: String)
    /// An option is out of its range.
    case option(name: String, reason: String)
    /// The target failed so many objects one after the other that the next would fail as well.
    case tooManyFailures(count: Int, last: String)

    /// One line: what failed, on what, what to do.
    public var description: String {
        switch self {
        case .badTarget(let url, let reason, let remedy): "target \(url): \(reason). \(remedy)"
        case .credentials(let reason, let remedy): "credentials: \(reason). \(remedy)"
        case .mapping(let reason, let remedy): "bucket mapping: \(reason). \(remedy)"
        case .journal(let path, let reason, let remedy): "journal \(path): \(reason). \(remedy)"
        case .source(let reason): "vault: \(reason)"
        case .option(let name, let reason): "option \(name): \(reason)"
        case .tooManyFailures(let count, let last):
            "the target failed \(count) objects one after the other, at last: \(last)"
        }
    }
}
