internal import Blocks
internal import CLinux
internal import Glibc

// Segments that were rewritten elsewhere: their files stay a while under another name, for readers that began before.

extension SegmentDirectory {
    /// Ends of the names of dropped segments.
    static let droppedSuffix = ".dropped"

    /// Path of a dropped segment's file.
    func droppedPath(of segment: UInt64) -> String { path(of: segment) + Self.droppedSuffix }

    /// Takes a segment out of the vault: it is no longer listed or replayed. Its blocks can be read until
    /// ``removeDropped(olderThan:at:)`` takes the file.
    public func drop(_ segment: UInt64) throws(StorageError) {
        let (name, dropped) = (path(of: segment), droppedPath(of: segment))
        guard unsafe rename(name, dropped) == 0 else {
            throw .io(operation: "rename", path: name, offset: nil, errno: errno)
        }
        try Self.synchronizeFolder(path)
    }

    /// Removes the files of segments that were dropped more than so many nanoseconds before `now` (nanoseconds since
    /// 1970 UTC). Returns the bytes given back, and those of files that stay.
    public func removeDropped(
        olderThan grace: UInt64, at now: UInt64
    ) throws(StorageError) -> (freed: UInt64, kept: UInt64) {
        var sums: (freed: UInt64, kept: UInt64) = (0, 0)
        for name in try fileNames() {
            guard name.hasSuffix(Self.droppedSuffix),
                Self.number(ofFileNamed: String(name.dropLast(Self.droppedSuffix.count))) != nil
            else { continue }
            let file = "\(path)/\(name)"
            var status = stat()
            guard unsafe stat(file, &status) == 0 else { continue }
            let size = UInt64(clamping: status.st_size)
            // The rename that dropped it was the last change of the file's inode.
            let changed =
                UInt64(clamping: status.st_ctim.tv_sec) * 1_000_000_000 + UInt64(clamping: status.st_ctim.tv_nsec)
            if grace > 0, now < changed || now - changed < grace {
                sums.kept += size
                continue
            }
            guard unsafe unlink(file) == 0 || errno == ENOENT else {
                throw .io(operation: "remove", path: file, offset: nil, errno: errno)
            }
            sums.freed += size
        }
        return sums
    }
}
