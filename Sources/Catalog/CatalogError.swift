/// What can go wrong with a catalog. Each case says whether a person must act (open errors), the data must be rebuilt
/// (malformed), or the call may be repeated (storage).
public enum CatalogError: Error, CustomStringConvertible, Hashable {
    /// Another process has the catalog open for writing. Wait for it, or read only.
    case locked(path: String)
    /// There is no catalog at the path.
    case missing(path: String)
    /// A crash came while the catalog was made: it has nothing in it yet. Opening it for writing finishes it.
    case unfinished(path: String)
    /// RocksDB found its files damaged. They are only a view: rebuild them.
    case corrupt(path: String, reason: String)
    /// The catalog was written by a version of Oxbow with another format.
    case wrongVersion(path: String, found: String, expected: String)
    /// The medium or RocksDB failed (disk full, I/O error): stop acknowledging, the call may be repeated later.
    case storage(path: String, operation: String, reason: String)
    /// A row does not decode: a defect or damage; the name of the record, the offset in it, and what was expected.
    case malformed(record: String, offset: Int, reason: String)
    /// The catalog was opened for reading only.
    case readOnly(path: String)

    /// What failed, on what, and what to do.
    public var description: String {
        switch self {
        case .locked(let path):
            "catalog \(path) is in use by another process; wait until it has ended, or use a command that only reads"
        case .missing(let path):
            "no catalog at \(path); check the vault's path, or run `oxbow rebuild` if its segment files are there"
        case .unfinished(let path):
            "catalog \(path) is not made to its end; run `oxbow rebuild`, or open the vault for writing"
        case .corrupt(let path, let reason):
            "catalog \(path) is damaged (\(reason)); run `oxbow rebuild` to make it anew from the segment files"
        case .wrongVersion(let path, let found, let expected):
            "catalog \(path) has format \(found), this oxbow reads \(expected); run `oxbow rebuild` or another version"
        case .storage(let path, let operation, let reason):
            "catalog \(path): \(operation) failed (\(reason)); check free space and the disk, then try again"
        case .malformed(let record, let offset, let reason):
            "catalog row \(record) does not decode at byte \(offset): \(reason); run `oxbow rebuild`"
        case .readOnly(let path):
            "catalog \(path) was opened for reading only"
        }
    }
}
