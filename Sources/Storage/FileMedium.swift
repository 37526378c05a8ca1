internal import CLinux
internal import Glibc

/// Sealed segments in a folder, such as one on a mounted file server.
///
/// Objects are files below the folder, written under a temporary name, synced, and given their name at once; a name that
/// is taken is never replaced by a put with `onlyIfAbsent`.
public struct FileMedium: SegmentMedium {
    /// The folder.
    public let path: String

    /// The medium of this folder, which is made when something is put.
    public init(path: String) { self.path = path }

    /// The folder as a URL.
    public var place: String { "file:\(path)" }

    /// See ``SegmentMedium/put(_:_:onlyIfAbsent:)``.
    public func put(_ name: String, _ bytes: [UInt8], onlyIfAbsent: Bool) throws(StorageError) -> MediumPut {
        let target = try file(name)
        let folder = String(target[..<(target.lastIndex(of: "/") ?? target.endIndex)])
        try Self.makeFolder(folder)
        let draft = "\(folder)/.draft-\(UInt64.random(in: 0...UInt64.max).sixteenDigits)"
        var isNamed = false
        defer { if !isNamed { unsafe unlink(draft) } }
        do {
            let open = try OpenFile(draft, flags: O_WRONLY | O_CREAT | O_EXCL)
            if !bytes.isEmpty { try open.write(bytes, at: 0) }
            try open.synchronize()
        }
        if onlyIfAbsent {
            if unsafe link(draft, target) != 0 {
                if errno == EEXIST { return .present }
                throw .io(operation: "create", path: target, offset: nil, errno: errno)
            }
        } else {
            guard unsafe rename(draft, target) == 0 else {
                throw .io(operation: "create", path: target, offset: nil, errno: errno)
            }
            isNamed = true
        }
        try SegmentDirectory.synchronizeFolder(folder)
        return .stored
    }

    /// See ``SegmentMedium/size(of:)``.
    public func size(of name: String) throws(StorageError) -> UInt64? {
        do throws(StorageError) {
            return try OpenFile(try file(name), flags: O_RDONLY).size()
        } catch .io(_, _, _, ENOENT) {
            return nil
        }
    }

    /// See ``SegmentMedium/read(_:_:)``.
    public func read(_ name: String, _ range: Range<UInt64>) throws(StorageError) -> [UInt8] {
        let path = try file(name)
        let bytes = try OpenFile(path, flags: O_RDONLY).read(at: range.lowerBound, count: range.count)
        guard bytes.count == range.count else {
            throw .damaged(
                path: path, offset: range.lowerBound, reason: "the file ends before byte \(range.upperBound)")
        }
        return bytes
    }

    /// See ``SegmentMedium/objects(under:)``.
    public func objects(under prefix: String) throws(StorageError) -> [MediumObject] {
        var found: [MediumObject] = []
        var folders = [""]
        while let folder = folders.popLast() {
            for name in try Self.names(in: folder.isEmpty ? path : "\(path)/\(folder)") where !name.hasPrefix(".") {
                let object = folder.isEmpty ? name : "\(folder)/\(name)"
                var status = stat()
                guard unsafe stat("\(path)/\(object)", &status) == 0 else { continue }
                if status.st_mode & S_IFMT == S_IFDIR {
                    folders.append(object)
                } else if object.hasPrefix(prefix) {
                    found.append(MediumObject(name: object, size: UInt64(clamping: status.st_size)))
                }
            }
        }
        return found.sorted { $0.name < $1.name }
    }

    /// See ``SegmentMedium/remove(_:)``.
    public func remove(_ name: String) throws(StorageError) {
        let path = try file(name)
        guard unsafe unlink(path) == 0 || errno == ENOENT else {
            throw .io(operation: "remove", path: path, offset: nil, errno: errno)
        }
    }

    /// Path of an object's file. Names are ours, and lead nowhere else.
    private func file(_ name: String) throws(StorageError) -> String {
        let pieces = name.split(separator: "/", omittingEmptySubsequences: false)
        guard !pieces.contains(where: { $0.isEmpty || $0.hasPrefix(".") }) else {
            throw .io(operation: "name", path: "\(path)/\(name)", offset: nil, errno: EINVAL)
        }
        return "\(path)/\(name)"
    }

    private static func makeFolder(_ path: String) throws(StorageError) {
        if unsafe mkdir(path, 0o700) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
            throw .io(operation: "create", path: path, offset: nil, errno: errno)
        }
        try makeFolder(String(path[..<slash]))
        guard unsafe mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw .io(operation: "create", path: path, offset: nil, errno: errno)
        }
        try SegmentDirectory.synchronizeFolder(String(path[..<slash]))
    }

    private static func names(in path: String) throws(StorageError) -> [String] {
        do throws(StorageError) {
            return try SegmentDirectory.fileNames(in: path)
        } catch .io(_, _, _, ENOENT) {
            return []
        }
    }
}
