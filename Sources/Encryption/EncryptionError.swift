/// Why bytes could not be encrypted or opened.
public enum EncryptionError: Error, Hashable, Sendable {
    /// The bytes are not what was encrypted with this key at this place: damaged, moved, replaced, or encrypted with another key.
    case notAuthentic
    /// The bytes were encrypted in an epoch whose key is not there: `keys.json` is older than the data.
    case unknownEpoch(UInt32)
    /// OpenSSL refused, for want of memory or by its configuration. Stop.
    case library(operation: String)
    /// `keys.json` is not what oxbow writes. Stop.
    case malformedKeys(reason: String)
    /// None of the wrapped keys opens with the secret that was given. Stop, and ask for another.
    case wrongSecret
    /// The secret is too short to protect anything.
    case weakSecret(reason: String)
}

extension EncryptionError: CustomStringConvertible {
    /// What is wrong.
    public var description: String {
        switch self {
        case .notAuthentic: "its authentication fails: it was changed, moved or replaced, or belongs to another key"
        case .unknownEpoch(let epoch):
            "it was encrypted in key epoch \(epoch), which keys.json does not have; restore the newest copy of that file"
        case .library(let operation):
            "OpenSSL refused \(operation): check memory, and OPENSSL_CONF for a provider that leaves it out"
        case .malformedKeys(let reason): "it is not a key file of a vault: \(reason)"
        case .wrongSecret: "none of its keys opens with the secret that was given"
        case .weakSecret(let reason): reason
        }
    }
}
