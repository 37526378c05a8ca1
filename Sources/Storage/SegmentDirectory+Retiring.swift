internal import CLinux
internal import Glibc

// Segments of a medium that were rewritten elsewhere. Their objects stay for a time of grace: for who reads them now, and for
// folders that know nothing of it. Until an object goes, a mark of its own stands in the place of the one that said that
// the medium has the segment.

/// A segment that is no part of the vault any more, and that the medium still has.
public struct RetiredSegment: Sendable, Hashable {
    /// The segment.
    public var number: UInt64
    /// Its length in bytes.
    public var size: UInt64
    /// What was in use of it stands in segments up to this one: the object may go only when the medium has all of those.
    public var copiesUpTo: UInt64
    /// When it was retired, nanoseconds since 1970 UTC.
    public var since: UInt64
}

extension SegmentDirectory {
    /// Ends of the names of marks of retired segments.
    static let retiredSuffix = ".retired"
    private static let retiredWord = "oxbow retired 1 "

    /// Takes a segment that the medium has out of the vault, durably: it is no longer listed or replayed here. What was in use of
    /// it is durable in segments up to `copiesUpTo`.
    public func retire(_ segment: UInt64, copiesUpTo: UInt64) throws(StorageError) {
        guard let stored = try stored(segment) else { throw .noSuchSegment(path: path(of: segment)) }
        let (final, draft) = (retiredPath(of: segment), retiredPath(of: segment) + ".new")
        do {
            let file = try OpenFile(draft, flags: O_WRONLY | O_CREAT | O_TRUNC)
            try file.write(Array("\(Self.retiredWord)\(stored.size) \(copiesUpTo)\n".utf8), at: 0)
            try file.synchronize()
        }
        guard unsafe rename(draft, final) == 0 else {
            throw .io(operation: "create", path: final, offset: nil, errno: errno)
        }
        // From here on the mark counts, whatever of the rest a crash leaves.
        try Self.synchronizeFolder(path)
        try removeFiles(of: segment)
    }

    /// The retired segments that the medium still has, ascending.
    public func retiredSegments() throws(StorageError) -> [RetiredSegment] {
        var found: [RetiredSegment] = []
        for name in try fileNames() where name.hasSuffix(Self.retiredSuffix) {
            guard let number = Self.number(ofFileNamed: String(name.dropLast(Self.retiredSuffix.count))) else {
                continue
            }
            if let segment = try retired(number, at: "\(path)/\(name)") { found.append(segment) }
        }
        return found.sorted { $0.number < $1.number }
    }

    /// What a mark says; nil when it went meanwhile, with the object.
    private func retired(_ number: UInt64, at file: String) throws(StorageError) -> RetiredSegment? {
        let bytes: [UInt8]
        do throws(StorageError) {
            bytes = try OpenFile(file, flags: O_RDONLY).read(at: 0, count: 128)
        } catch .io(_, _, _, ENOENT) {
            return nil
        }
        let text = String(decoding: bytes, as: UTF8.self)
        let numbers = text.dropFirst(Self.retiredWord.count).dropLast().split(separator: " ").map { UInt64($0) }
        guard text.hasPrefix(Self.retiredWord), text.hasSuffix("\n"), numbers.count == 2,
            let size = numbers[0], let copiesUpTo = numbers[1]
        else {
            throw .damaged(path: file, offset: 0, reason: "it is no mark; remove it, and run `oxbow rebuild`")
        }
        var status = stat()
        guard unsafe stat(file, &status) == 0 else { return nil }
        let since = UInt64(clamping: status.st_ctim.tv_sec) * 1_000_000_000 + UInt64(clamping: status.st_ctim.tv_nsec)
        return RetiredSegment(number: number, size: size, copiesUpTo: copiesUpTo, since: since)
    }

    /// Those of the retired segments whose objects may go: retired more than `grace` nanoseconds before `now`, with everything
    /// that was in use of them on the medium, and not the last one there, by which a new folder knows how far the numbers
    /// went.
    public func removableSegments(olderThan grace: UInt64, at now: UInt64) throws(StorageError) -> [RetiredSegment] {
        let retired = try retiredSegments()
        if retired.isEmpty { return [] }
        let firstUnsent = try localSegments().first { !$0.isStored }?.number ?? .max
        // Retired ones are there as well, until they go.
        var last = retired.last?.number ?? 0
        for number in try segmentNumbers().reversed() where number > last {
            if try stored(number) != nil {
                last = number
                break
            }
        }
        return retired.filter { segment in
            let isOld = grace == 0 || (now >= segment.since && now - segment.since >= grace)
            return isOld && segment.copiesUpTo < firstUnsent && segment.number < last
        }
    }

    /// Removes a retired segment's object, then its mark. Repeated after a failure or a crash, it goes on where it was.
    public func removeRetired(_ segment: UInt64) throws(StorageError) {
        guard let medium = try remote?.medium() else { return }
        try medium.remove(SegmentNumber(segment).objectName)
        try removeFiles(of: segment)
        let mark = retiredPath(of: segment)
        guard unsafe unlink(mark) == 0 || errno == ENOENT else {
            throw .io(operation: "remove", path: mark, offset: nil, errno: errno)
        }
    }

    /// True for a segment that was retired here and is still on the medium.
    public func isRetired(_ segment: UInt64) -> Bool { unsafe access(retiredPath(of: segment), F_OK) == 0 }

    /// Path of the mark of a retired segment.
    private func retiredPath(of segment: UInt64) -> String { path(of: segment) + Self.retiredSuffix }

    /// Takes away the file of a retired segment, and the mark that the medium has it, in this order: a file without that mark
    /// would be sent.
    private func removeFiles(of segment: UInt64) throws(StorageError) {
        for file in [path(of: segment), path(of: segment) + Self.markSuffix] {
            guard unsafe unlink(file) == 0 || errno == ENOENT else {
                throw .io(operation: "remove", path: file, offset: nil, errno: errno)
            }
        }
    }
}
