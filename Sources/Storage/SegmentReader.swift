public import Encryption
internal import Glibc

/// Reads one segment, finished or still being written, from its file or from the vault's medium.
///
/// Keeps the file open. `Sendable`: its state never changes and reads name their own offset, so any number of threads
/// may share one.
public final class SegmentReader: Sendable {
    /// The header of the file.
    public let header: SegmentHeader
    /// Bounds of what is read into memory.
    public let options: StorageOptions

    let file: SegmentSource
    /// The vault's keys; nil for a vault in clear.
    let keys: VaultKeys?

    /// Opens the segment file at `path`, and makes sure that it is one, of this vault and with this number; nil accepts
    /// any.
    ///
    /// Throws ``StorageError/noSuchSegment(path:)``, ``StorageError/notASegment(path:reason:)``,
    /// ``StorageError/unsupportedVersion(path:offset:found:supported:)``,
    /// ``StorageError/otherVault(path:expected:found:)``, ``StorageError/otherNumber(path:expected:found:)``,
    /// ``StorageError/damaged(path:offset:reason:)`` or ``StorageError/io(operation:path:offset:errno:)``.
    public convenience init(
        path: String, vault: VaultID?, number: UInt64?, options: StorageOptions = StorageOptions(),
        keys: VaultKeys? = nil
    ) throws(StorageError) {
        let source: SegmentSource
        do throws(StorageError) {
            source = .file(try OpenFile(path, flags: O_RDONLY))
        } catch .io(_, _, _, ENOENT) {
            throw .noSuchSegment(path: path)
        }
        try self.init(source: source, vault: vault, number: number, options: options, keys: keys)
    }

    /// Reads from a file or a medium; see ``init(path:vault:number:options:keys:)``.
    init(
        source: consuming SegmentSource, vault: VaultID?, number: UInt64?, options: StorageOptions, keys: VaultKeys?
    ) throws(StorageError) {
        let path = source.path
        file = source
        let page = try file.read(at: 0, count: SegmentFormat.pageBytes)
        header = try SegmentHeader(page: page, path: path)
        self.options = options
        self.keys = keys
        if let vault, header.vault != vault {
            throw .otherVault(path: path, expected: vault, found: header.vault)
        }
        if let number, header.number != number {
            throw .otherNumber(path: path, expected: number, found: header.number)
        }
        guard header.isEncrypted == (keys != nil) else {
            throw .otherProtection(path: path, isEncrypted: header.isEncrypted)
        }
    }

    /// Opens the file at `path` although its first page is not what was written: as if it said `header`. For repairs.
    init(
        salvaging path: String, header: SegmentHeader, options: StorageOptions, keys: VaultKeys?
    ) throws(StorageError) {
        file = .file(try OpenFile(path, flags: O_RDONLY))
        self.header = header
        self.options = options
        self.keys = keys
    }

    /// The file's path.
    public var path: String { file.path }

    /// The file's length now, in bytes.
    public func size() throws(StorageError) -> UInt64 { try file.size() }

    /// What opens this segment's descriptors and catalog records; nil in a vault in clear.
    func makeDecryptor() throws(StorageError) -> SegmentDecryptor? {
        guard let keys else { return nil }
        do throws(EncryptionError) {
            return try SegmentDecryptor(keys, segment: header.number)
        } catch {
            throw .encryption(path: path, reason: error.description)
        }
    }
}
