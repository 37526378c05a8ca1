public import Blocks
internal import Glibc

/// Why a vault could not do what was asked. Every case names the path and, in its description, the remedy.
public enum VaultError: Error, CustomStringConvertible, Sendable {
    /// The folder is not a vault. Stop the program.
    case notAVault(path: String)
    /// The folder exists, is not empty and is no vault: creating one there would mix it with other data. Stop.
    case notEmpty(path: String)
    /// The vault's format is newer or older than this program reads. Stop.
    case formatVersion(path: String, found: Int, known: ClosedRange<Int>)
    /// The vault's format does not know what was asked for; an upgrade brings it. Stop.
    case needsUpgrade(path: String, found: Int, feature: String)
    /// The vault is encrypted and no secret was given. Stop.
    case needsKey(path: String, kinds: [String])
    /// The secret that was given opens none of the vault's keys. Stop.
    case wrongKey(path: String)
    /// A secret was given for a vault that is not encrypted. Stop.
    case notEncrypted(path: String)
    /// `keys.json` is missing, damaged, or of another vault. Stop.
    case damagedKeys(path: String, reason: String)
    /// OpenSSL refused, or a secret is too weak. Stop.
    case encryption(String)
    /// There is a vault already where one was to be made. Stop.
    case alreadyAVault(path: String)
    /// `vault.json` cannot be read. Stop.
    case damagedDescription(path: String, reason: String)
    /// Another process writes to the vault. Retry later.
    case locked(path: String, owner: String)
    /// The operating system refused. Stop.
    case system(operation: String, path: String, errno: Int32)
    /// The block size asked for differs from the vault's. Stop.
    case blockSize(path: String, found: Int, asked: Int)
    /// The catalog failed. Stop; `oxbow rebuild` makes a new one from the segments.
    case catalog(String)
    /// A segment file failed. Stop writing; what was acknowledged before is safe.
    case storage(String)
    /// A block that a manifest names is not in the index. The object is damaged.
    case missingBlock(fingerprint: String, object: String, range: Range<UInt64>)
    /// A block's bytes differ from its fingerprint or checksum. The object is damaged.
    case damagedBlock(fingerprint: String, object: String, range: Range<UInt64>, reason: String)
    /// The vault's backend refuses or does not answer. Stop; what waits in the folder goes there with the next run.
    case backend(place: String, reason: String)
    /// What was asked for is not to be had of a vault with a backend, or of a folder that only reads one. Stop.
    case notWithBackend(path: String, what: String, remedy: String)
    /// Block buffers or digests could not be set up. Stop.
    case blocks(BlocksError)
    /// The range asked for is not held. Mark the object incomplete.
    case notHeld(object: String, offset: UInt64)
    /// There is no room for more, on the medium or within the vault's quota. What was acknowledged is safe. Stop, or wait.
    case noRoom(VaultShortage)
    /// The user stopped it; what was done is kept.
    case interrupted
    /// A vault was to be exported into itself, or a copy of its files. Stop.
    case sameVault(path: String)
    /// No such object or version in the vault.
    case noSuchObject(String)

    /// What happened, where, and what to do.
    public var description: String {
        switch self {
        case .notAVault(let path):
            "\(path) is not a vault (it has no vault.json); name a vault's folder, or make one with `oxbow replay`"
        case .notEmpty(let path):
            "\(path) is not empty and not a vault; name an empty or new folder"
        case .formatVersion(let path, let found, let known):
            "vault \(path) has format \(found), this oxbow reads formats \(known.lowerBound) to \(known.upperBound); use the oxbow that wrote it, or a newer one"
        case .needsUpgrade(let path, let found, let feature):
            "vault \(path) has format \(found), which knows no \(feature); run `oxbow vault upgrade --vault \(path)` first (older releases of oxbow cannot read it then)"
        case .needsKey(let path, let kinds):
            "vault \(path) is encrypted; say --key-file, --passphrase-file or --key-command (it opens with: \(kinds.joined(separator: ", ")))"
        case .wrongKey(let path):
            "the key does not open vault \(path): it is another vault's, or was replaced by `oxbow vault rekey`; try the right one"
        case .notEncrypted(let path):
            "a key was given, and vault \(path) is not encrypted; leave the key out. If it was encrypted before, somebody changed its vault.json: restore that from a copy"
        case .damagedKeys(let path, let reason):
            "\(path) cannot be used: \(reason). Restore the file from a copy; without it the vault cannot be read"
        case .encryption(let reason):
            reason
        case .alreadyAVault(let path):
            "\(path) is a vault already; `oxbow vault info` tells about it"
        case .damagedDescription(let path, let reason):
            "\(path) cannot be read: \(reason); restore the file from a backup of the vault"
        case .locked(let path, let owner):
            "vault \(path) is being written by \(owner); wait until it ends, or stop it"
        case .system(let operation, let path, let code):
            "\(operation) \(path): \(systemMessage(code))\(systemRemedy(code))"
        case .blockSize(let path, let found, let asked):
            "vault \(path) has blocks of \(found) bytes, not \(asked); leave --block-size out for an existing vault"
        case .catalog(let reason):
            "\(reason)"
        case .storage(let reason):
            "\(reason)"
        case .missingBlock(let fingerprint, let object, let range):
            "block \(fingerprint), \(Self.text(range)) of \(object), is in no segment; restore the segments from a backup, or replay the capture again"
        case .damagedBlock(let fingerprint, let object, let range, let reason):
            "block \(fingerprint), \(Self.text(range)) of \(object), is damaged: \(reason). To get it back, run `oxbow rebuild --check-blocks` and replay the capture again"
        case .backend(let place, let reason):
            "backend \(place): \(reason)"
        case .notWithBackend(let path, let what, let remedy):
            "vault \(path) has a backend: \(what). \(remedy)"
        case .blocks(let error):
            error.description
        case .notHeld(let object, let offset):
            "\(object) is not held at offset \(offset); `oxbow why` names the gap"
        case .noRoom(let shortage): "\(shortage). What was stored is safe; run the command again then"
        case .interrupted: "interrupted; run the command again to go on"
        case .sameVault(let path):
            "\(path) is the vault that is to be exported, or a copy of its files; name a new folder, or one of an earlier export"
        case .noSuchObject(let name):
            "\(name) is not in the vault; `oxbow ls` names what is"
        }
    }

    /// First and last byte, counted from 0, as `--range` takes them.
    private static func text(_ range: Range<UInt64>) -> String {
        "bytes \(range.lowerBound) to \(max(range.upperBound, range.lowerBound + 1) - 1)"
    }
}

/// The operating system's words for an error number.
func systemMessage(_ code: Int32) -> String { unsafe String(cString: strerror(code)) }

/// What a person can do about the commonest error numbers.
private func systemRemedy(_ code: Int32) -> String {
    switch code {
    case ENOSPC, EDQUOT: "; free space on that file system and run the command again"
    case EACCES, EPERM: "; run as a user who may write there"
    case EROFS: "; the file system is read-only"
    case ENOENT: "; check the path"
    default: ""
    }
}
