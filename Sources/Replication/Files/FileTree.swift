internal import Glibc
internal import Objects

/// Folders and files below one folder, reached name by name without following links, so that no key and no link that
/// someone laid there leads out of it.
///
/// A name holds either a file or a folder. Where a key needs the other kind, the marked name is taken (`KeyEscaping`);
/// folders are never removed, so the answer to "which name" does not change once given.
struct FileTree: Sendable {
    /// A file's place: the open folder and the name in it.
    struct Place {
        let folder: FileDescriptor
        let name: String
    }

    private let root: FileDescriptor

    init(root path: String) throws(SystemFailure) {
        root = try FileDescriptor.open(path: path, flags: O_RDONLY | O_DIRECTORY)
    }

    /// Opens folder after folder; makes those that are missing when `isMaking`. Nil when one is missing and must not
    /// be made.
    func folder(_ names: some Collection<String>, isMaking: Bool) throws(SystemFailure) -> FileDescriptor? {
        var folder = root
        for name in names {
            guard let next = try Self.enter(name, folder, isMaking: isMaking) else { return nil }
            folder = next
        }
        return folder
    }

    /// The place of an object's file; nil when a folder of it is missing and must not be made.
    func place(of location: TargetLocation, isMaking: Bool) throws(SystemFailure) -> Place? {
        var names = KeyEscaping.name(ofBucket: location.bucket) + KeyEscaping.names(of: location.key)
        let name = names.removeLast()
        guard let folder = try folder(names, isMaking: isMaking) else { return nil }
        return Place(folder: folder, name: name)
    }

    /// Opens an object's file for reading; nil when there is none.
    func open(_ location: TargetLocation) throws(SystemFailure) -> FileDescriptor? {
        guard let place = try place(of: location, isMaking: false) else { return nil }
        // The marked name goes first, as in `moveIn`.
        if let marked = try Self.openFile(place.name + KeyEscaping.objectMark, place) { return marked }
        return try Self.openFile(place.name, place)
    }

    private static func openFile(_ name: String, _ place: Place) throws(SystemFailure) -> FileDescriptor? {
        // Without O_NONBLOCK a pipe that someone laid there would hold us for ever.
        let flags = O_RDONLY | O_NONBLOCK
        guard let file = try FileDescriptor.openIfPresent(name, in: place.folder, flags: flags) else { return nil }
        return try file.status().st_mode & S_IFMT == S_IFREG ? file : nil
    }

    /// Moves a finished file into an object's place, over an older one, and makes the move durable.
    func moveIn(_ name: String, from folder: FileDescriptor, to place: Place) throws(SystemFailure) {
        // The marked name goes first: once taken it stays the object's.
        let marked = place.name + KeyEscaping.objectMark
        let target = unsafe faccessat(place.folder.number, marked, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ? marked : place.name
        if unsafe renameat(folder.number, name, place.folder.number, target) != 0 {
            guard errno == EISDIR || errno == ENOTEMPTY || errno == EEXIST else { throw SystemFailure("rename", name) }
            guard unsafe renameat(folder.number, name, place.folder.number, marked) == 0 else {
                throw SystemFailure("rename", name)
            }
        }
        try place.folder.sync()
    }

    /// Removes an object's file; false when there was none.
    func remove(_ location: TargetLocation) throws(SystemFailure) -> Bool {
        guard let place = try place(of: location, isMaking: false) else { return false }
        for name in [place.name + KeyEscaping.objectMark, place.name] {
            if unsafe unlinkat(place.folder.number, name, 0) == 0 {
                try place.folder.sync()
                return true
            }
            guard errno == ENOENT || errno == EISDIR else { throw SystemFailure("unlink", name) }
        }
        return false
    }

    private static func enter(
        _ name: String, _ folder: FileDescriptor, isMaking: Bool
    ) throws(SystemFailure) -> FileDescriptor? {
        let marked = name + KeyEscaping.folderMark
        let flags = O_RDONLY | O_DIRECTORY
        if let there = try FileDescriptor.openIfPresent(marked, in: folder, flags: flags) { return there }
        if let there = try FileDescriptor.openIfPresent(name, in: folder, flags: flags) { return there }
        guard isMaking else { return nil }
        // Another task may make the same folder, or move a file into its name, at this very moment.
        if let made = try make(name, folder) { return made }
        return try make(marked, folder)
    }

    /// Makes a folder and opens it; nil when a file has the name.
    private static func make(_ name: String, _ folder: FileDescriptor) throws(SystemFailure) -> FileDescriptor? {
        if unsafe mkdirat(folder.number, name, 0o777) == 0 {
            try folder.sync()
        } else if errno != EEXIST {
            throw SystemFailure("mkdir", name)
        }
        return try FileDescriptor.openIfPresent(name, in: folder, flags: O_RDONLY | O_DIRECTORY)
    }
}
