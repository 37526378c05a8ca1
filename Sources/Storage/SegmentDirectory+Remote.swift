internal import CLinux
internal import Glibc

// Segments that are on the vault's medium. Beside such a segment's file, or where its file was, stands a mark: it says that
// the medium has the segment, so that its file may go, and how long it is. Marks are made anew from the medium's listing
// by a rebuild.

/// What a mark says.
public struct StoredSegment: Sendable, Hashable {
    /// Length in bytes.
    public var size: UInt64

    /// A mark of its parts.
    public init(size: UInt64) { self.size = size }
}

/// A segment file in the vault's folder.
public struct LocalSegment: Sendable, Hashable {
    /// The segment.
    public var number: UInt64
    /// The file's length in bytes.
    public var size: UInt64
    /// True when the medium has the segment too.
    public var isStored: Bool
}

extension SegmentDirectory {
    /// Ends of the names of marks.
    static let markSuffix = ".stored"
    private static let markWord = "oxbow stored 1 "

    /// What the mark of a segment says; nil when the medium does not have it for all that is known.
    public func stored(_ segment: UInt64) throws(StorageError) -> StoredSegment? {
        let path = markPath(of: segment)
        let bytes: [UInt8]
        do throws(StorageError) {
            bytes = try OpenFile(path, flags: O_RDONLY).read(at: 0, count: 64)
        } catch .io(_, _, _, ENOENT) {
            return nil
        }
        let text = String(decoding: bytes, as: UTF8.self)
        guard text.hasPrefix(Self.markWord), text.hasSuffix("\n"),
            let size = UInt64(text.dropFirst(Self.markWord.count).dropLast())
        else {
            throw .damaged(path: path, offset: 0, reason: "it is no mark; `oxbow rebuild` makes it anew")
        }
        return StoredSegment(size: size)
    }

    /// Marks a segment as one that the medium has, durably.
    public func markStored(_ segment: UInt64, _ stored: StoredSegment) throws(StorageError) {
        let (final, draft) = (markPath(of: segment), markPath(of: segment) + ".new")
        do {
            let file = try OpenFile(draft, flags: O_WRONLY | O_CREAT | O_TRUNC)
            try file.write(Array("\(Self.markWord)\(stored.size)\n".utf8), at: 0)
            try file.synchronize()
        }
        guard unsafe rename(draft, final) == 0 else {
            throw .io(operation: "create", path: final, offset: nil, errno: errno)
        }
        try Self.synchronizeFolder(path)
    }

    /// The segment files that are here, ascending.
    public func localSegments() throws(StorageError) -> [LocalSegment] {
        let names = Set(try fileNames())
        var found: [LocalSegment] = []
        for name in names {
            guard let number = Self.number(ofFileNamed: name), !names.contains(name + Self.retiredSuffix) else {
                continue
            }
            var status = stat()
            guard unsafe stat("\(path)/\(name)", &status) == 0 else { continue }
            found.append(
                LocalSegment(
                    number: number, size: UInt64(clamping: status.st_size),
                    isStored: names.contains(name + Self.markSuffix)))
        }
        return found.sorted { $0.number < $1.number }
    }

    /// Takes away the file of a segment that the medium has. Who has it open reads on.
    public func evict(_ segment: UInt64) throws(StorageError) {
        guard try stored(segment) != nil else { return }
        guard unsafe unlink(path(of: segment)) == 0 || errno == ENOENT else {
            throw .io(operation: "remove", path: path(of: segment), offset: nil, errno: errno)
        }
    }

    /// All bytes of a segment's file.
    public func bytes(of segment: UInt64) throws(StorageError) -> [UInt8] {
        let file = try OpenFile(path(of: segment), flags: O_RDONLY)
        return try file.read(at: 0, count: Int(try file.size()))
    }

    /// A reader of a segment on the medium; nil when it is not marked as being there.
    func openRemote(_ segment: UInt64) throws(StorageError) -> SegmentReader? {
        guard let remote else { return nil }
        var known = try stored(segment)?.size
        // One that was retired can be read as long as it is there.
        if known == nil, isRetired(segment) { known = try retiredSegments().first { $0.number == segment }?.size }
        guard let size = known else { return nil }
        let source = RemoteSegment(
            segments: remote, number: segment, size: size, path: path(of: segment) + " (in the bucket)")
        return try SegmentReader(
            source: .remote(source), vault: vault, number: segment, options: options, keys: keys)
    }

    private func markPath(of segment: UInt64) -> String { path(of: segment) + Self.markSuffix }
}
