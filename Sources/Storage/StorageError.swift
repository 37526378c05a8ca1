internal import CLinux
internal import Glibc

/// Why segment files could not be written, opened or believed.
public enum StorageError: Error, Hashable, Sendable {
    /// A system call failed. Stops the writer; the message says what to do for the common causes.
    case io(operation: String, path: String, offset: UInt64?, errno: Int32)
    /// The file is no segment file at all. Leave it alone.
    case notASegment(path: String, reason: String)
    /// Written by a later release in a format that this one does not know. Leave it alone.
    case unsupportedVersion(path: String, offset: UInt64, found: Int, supported: Int)
    /// A segment of another vault.
    case otherVault(path: String, expected: VaultID, found: VaultID)
    /// The number inside the file is not the one in its name: somebody renamed it.
    case otherNumber(path: String, expected: UInt64, found: UInt64)
    /// Stored bytes are not what was written. The objects that use them are harmed; nothing was changed.
    case damaged(path: String, offset: UInt64, reason: String)
    /// The segment is not in the directory.
    case noSuchSegment(path: String)
    /// A record or frame is longer than its limit.
    case tooLarge(what: String, bytes: Int, limit: Int)
    /// The block is stored in a way that this release cannot read.
    case unknownCodec(path: String, offset: UInt64, codec: UInt8)
    /// The segment is encrypted, and the vault was opened without keys; or the other way round: a segment in clear has no
    /// place in a vault with keys. Somebody changed the vault's files.
    case otherProtection(path: String, isEncrypted: Bool)
    /// OpenSSL refused. Stop.
    case encryption(path: String, reason: String)
    /// A medium did not do what was asked. `isPassing`: another attempt may go better.
    case medium(operation: String, place: String, reason: String, isPassing: Bool)
    /// A medium has something else under a segment's name: two folders write as one writer. Stop.
    case taken(place: String)
    /// An earlier write or sync of this segment failed; what was appended since the last sync is not to be relied on.
    case poisoned(path: String, cause: String)
    /// The segment is sealed and takes nothing more.
    case alreadySealed(path: String)
}

extension StorageError: CustomStringConvertible {
    /// What failed, on what, and what to do.
    public var description: String {
        switch self {
        case .io(let operation, let path, let offset, let errno):
            let place = offset.map { " at offset \($0)" } ?? ""
            let text = unsafe String(cString: oxbow_error_text(errno))
            return "cannot \(operation) \(path)\(place): \(text). \(Self.remedy(for: errno))"
        case .notASegment(let path, let reason):
            return "\(path) is not a segment file: \(reason). Move it out of the vault's segments folder"
        case .unsupportedVersion(let path, let offset, let found, let supported):
            return "\(path) at offset \(offset) has format version \(found); this release reads up to version "
                + "\(supported). Use a release that knows it"
        case .otherVault(let path, let expected, let found):
            return "\(path) belongs to vault \(found), this is vault \(expected). Move it to the vault it belongs to"
        case .otherNumber(let path, let expected, let found):
            return "\(path) is segment \(found.sixteenDigits) by its header, not \(expected.sixteenDigits). "
                + "Give it its name back: \(found.sixteenDigits).oxs"
        case .damaged(let path, let offset, let reason):
            return "\(path) is damaged at offset \(offset): \(reason). Restore the file from a copy; "
                + "`oxbow verify` names the objects that are harmed"
        case .noSuchSegment(let path):
            return "\(path) is missing. Restore it from a copy, or run `oxbow verify` to learn what is lost"
        case .tooLarge(let what, let bytes, let limit):
            return "\(what) of \(bytes) bytes is longer than the limit of \(limit) bytes"
        case .unknownCodec(let path, let offset, let codec):
            return "the block in \(path) at offset \(offset) is stored with codec \(codec), which this release does "
                + "not know. Use a release that does"
        case .otherProtection(let path, true):
            return "\(path) is encrypted, and this vault has no keys: its vault.json or keys.json was replaced. "
                + "Restore both from a copy"
        case .otherProtection(let path, false):
            return "\(path) is not encrypted, and this vault's segments are: it was put there by somebody else. "
                + "Move it out of the vault"
        case .encryption(let path, let reason):
            return "\(path): \(reason)"
        case .medium(let operation, let place, let reason, _):
            return "cannot \(operation) \(place): \(reason)"
        case .taken(let place):
            return "\(place) is there already with other bytes: another folder writes as the same writer. Stop one of "
                + "them, and make a new folder for it with `oxbow vault init --backend`"
        case .poisoned(let path, let cause):
            return "\(path) takes nothing more after an earlier failure: \(cause)"
        case .alreadySealed(let path):
            return "\(path) is sealed; append to a new segment"
        }
    }

    /// True when room on the medium is all that was missing.
    public var isOutOfSpace: Bool {
        if case .io(_, _, _, let errno) = self { errno == ENOSPC || errno == EDQUOT || errno == EFBIG } else { false }
    }

    /// True when another attempt may go better.
    public var isPassing: Bool { if case .medium(_, _, _, let isPassing) = self { isPassing } else { false } }

    private static func remedy(for errno: Int32) -> String {
        switch errno {
        case ENOSPC: "Free space on that disk, or move the vault to a larger one"
        case EDQUOT: "Raise the disk quota of this user, or free space"
        case EFBIG: "Raise the limit on file sizes (ulimit -f), or lower the segment size"
        case EIO: "The medium failed: see the kernel log (dmesg), and replace the disk before trusting it again"
        case EROFS: "The file system is mounted read-only, often after an error: see the kernel log (dmesg)"
        case EACCES, EPERM: "Give this user the right to it"
        case EMFILE, ENFILE: "Raise the limit on open files (ulimit -n)"
        case ENOENT: "Check the vault's path"
        case EEXIST: "Another process writes to this vault, or the file is left from one: stop it first"
        default: "See the kernel log (dmesg) if it persists"
        }
    }
}
