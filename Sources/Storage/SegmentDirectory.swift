public import Blocks
public import Encryption
internal import CLinux
internal import Glibc

/// The folder of a vault's segment files: lists, creates, opens and drops them.
///
/// A file appears under its name, sixteen hexadecimal digits and `.oxs`, only with its header written and durable. One
/// process writes to a vault at a time; the vault's lock sees to it.
public struct SegmentDirectory: Sendable {
    /// Path of the folder, `segments` in the vault.
    public let path: String
    /// The vault.
    public let vault: VaultID
    /// The vault's block size, for the headers of new segments.
    public let blockSize: BlockSize
    /// Sizes and bounds.
    public let options: StorageOptions
    /// The vault's keys; nil for a vault in clear.
    public let keys: VaultKeys?
    /// The number before the first that is given here: so those who share a medium give different ones. 0 in a vault of
    /// files alone.
    public let numberBase: UInt64
    /// Where sealed segments are besides; nil in a vault of files alone.
    public let remote: RemoteSegments?

    /// The folder at `path`; ``prepare()`` makes it.
    public init(
        path: String, vault: VaultID, blockSize: BlockSize = .standard, options: StorageOptions = StorageOptions(),
        keys: VaultKeys? = nil, numberBase: UInt64 = 0, remote: RemoteSegments? = nil
    ) {
        self.keys = keys
        self.numberBase = numberBase
        self.remote = remote
        self.path = path
        self.vault = vault
        self.blockSize = blockSize
        self.options = options
    }

    /// Makes the folder if it is not there, and its entry in the folder above durable.
    public func prepare() throws(StorageError) {
        guard unsafe mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw .io(operation: "create", path: path, offset: nil, errno: errno)
        }
        try Self.synchronizeFolder(path + "/..")
    }

    /// Numbers of the segments in the folder or marked as being on the medium, ascending. Other files are left alone.
    public func segmentNumbers() throws(StorageError) -> [UInt64] {
        var numbers: Set<UInt64> = []
        var retired: Set<UInt64> = []
        for name in try fileNames() {
            if name.hasSuffix(Self.retiredSuffix) {
                if let number = Self.number(ofFileNamed: String(name.dropLast(Self.retiredSuffix.count))) {
                    retired.insert(number)
                }
            } else if let number = Self.number(
                ofFileNamed: name.hasSuffix(Self.markSuffix) ? String(name.dropLast(Self.markSuffix.count)) : name)
            {
                numbers.insert(number)
            }
        }
        return numbers.subtracting(retired).sorted()
    }

    /// Names of all files in the folder.
    func fileNames() throws(StorageError) -> [String] { try Self.fileNames(in: path) }

    /// Names of all entries of a folder.
    static func fileNames(in path: String) throws(StorageError) -> [String] {
        guard let folder = unsafe opendir(path) else {
            throw .io(operation: "list", path: path, offset: nil, errno: errno)
        }
        defer { unsafe closedir(folder) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = unsafe readdir(folder) else { break }
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            names.append(name)
        }
        guard errno == 0 else { throw .io(operation: "list", path: path, offset: nil, errno: errno) }
        return names
    }

    /// Path of a segment's file, whether it is there or not.
    public func path(of segment: UInt64) -> String { "\(path)/\(segment.sixteenDigits).oxs" }

    /// Creates the segment after the last one and after `highestUsed`, the highest number that the catalog ever saw:
    /// numbers of segments that were collected must not come back. `writer` tells this run from others.
    public func createSegment(writer: UInt64 = 0, highestUsed: UInt64 = 0) throws(StorageError) -> SegmentWriter {
        let number = max(try segmentNumbers().last ?? 0, highestUsed, numberBase) + 1
        let header = SegmentHeader(
            vault: vault, number: number, writer: writer, createdTime: Self.now(), blockSize: blockSize,
            isEncrypted: keys != nil)
        let (final, draft) = (path(of: number), path(of: number) + ".new")
        // A draft that is there already is left from a stop between creating and naming: nothing is in it.
        let file = try OpenFile(draft, flags: O_RDWR | O_CREAT | O_TRUNC)
        try file.write(header.encoded(), at: 0)
        try file.synchronize()
        try Self.rename(draft, to: final)
        try Self.synchronizeFolder(path)
        // Opened anew under its name, for messages.
        return try SegmentWriter(
            file: try OpenFile(final, flags: O_RDWR), header: header, options: options, keys: keys)
    }

    /// Opens a segment that an earlier run left unsealed, cuts a torn tail off, makes the rest durable, and goes on.
    ///
    /// `durableTo` is the offset that a checkpoint calls durable. Throws ``StorageError/alreadySealed(path:)`` for a
    /// finished segment, and ``StorageError/damaged(path:offset:reason:)``, with nothing changed, when bytes that were
    /// durable once are bad: then leave the segment as it is and create another.
    public func resumeSegment(_ number: UInt64, durableTo: UInt64 = 0) throws(StorageError) -> SegmentWriter {
        if try stored(number) != nil { throw .alreadySealed(path: path(of: number)) }
        let reader = try openSegment(number)
        let file = try OpenFile(reader.path, flags: O_RDWR)
        // The run that named the file may have stopped, or failed, before the name was durable.
        try Self.synchronizeFolder(path)
        return try SegmentWriter(file: file, resuming: reader, durableTo: durableTo, options: options)
    }

    /// Opens a segment for reading, also one that was dropped and whose file is still there.
    public func openSegment(_ number: UInt64) throws(StorageError) -> SegmentReader {
        do throws(StorageError) {
            return try SegmentReader(
                path: path(of: number), vault: vault, number: number, options: options, keys: keys)
        } catch .noSuchSegment {
            if let reader = try openRemote(number) { return reader }
            let dropped = droppedPath(of: number)
            guard unsafe access(dropped, F_OK) == 0 else { throw .noSuchSegment(path: path(of: number)) }
            return try SegmentReader(path: dropped, vault: vault, number: number, options: options, keys: keys)
        }
    }

    /// The number in a segment's file name; nil for other files.
    static func number(ofFileNamed name: String) -> UInt64? {
        guard name.utf8.count == 20, name.hasSuffix(".oxs") else { return nil }
        let digits = name.utf8.prefix(16)
        guard digits.allSatisfy({ isdigit(Int32($0)) != 0 || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0) })
        else { return nil }
        return UInt64(name.prefix(16), radix: 16)
    }

    private static func rename(_ draft: String, to final: String) throws(StorageError) {
        if unsafe oxbow_rename_exclusively(AT_FDCWD, draft, final) == 0 { return }
        // Some file systems cannot refuse to replace; a link can, and leaves the draft to be removed.
        if errno == EINVAL || errno == ENOSYS {
            if unsafe link(draft, final) == 0 {
                unsafe unlink(draft)
                return
            }
        }
        throw .io(operation: "create", path: final, offset: nil, errno: errno)
    }

    static func synchronizeFolder(_ path: String) throws(StorageError) {
        let folder = try OpenFile(path, flags: O_RDONLY | O_DIRECTORY)
        guard fsync(folder.descriptor) == 0 || errno == EINVAL else {
            throw .io(operation: "sync", path: path, offset: nil, errno: errno)
        }
    }

    private static func now() -> UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(clamping: time.tv_sec) &* 1_000_000_000 &+ UInt64(clamping: time.tv_nsec)
    }
}
