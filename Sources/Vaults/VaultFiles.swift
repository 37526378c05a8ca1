internal import CLinux
internal import Glibc

/// Reads a small file whole; more than `limit` bytes are an error of size.
func readWholeFile(_ path: String, limit: Int) throws(VaultError) -> [UInt8] {
    let descriptor = unsafe oxbow_open(path, O_RDONLY, 0)
    guard descriptor >= 0 else { throw .system(operation: "open", path: path, errno: errno) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while true {
        let count = unsafe chunk.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
        if count < 0 {
            if errno == EINTR { continue }
            throw .system(operation: "read", path: path, errno: errno)
        }
        if count == 0 { return bytes }
        bytes += chunk[..<count]
        guard bytes.count <= limit else { throw .system(operation: "read", path: path, errno: EFBIG) }
    }
}

/// Writes a file so that after a crash it is there whole or not at all: temporary name, fsync, rename, fsync of the
/// folder.
func writeFileDurably(_ path: String, _ bytes: [UInt8]) throws(VaultError) {
    let temporary = "\(path).new"
    let descriptor = unsafe oxbow_open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    guard descriptor >= 0 else { throw .system(operation: "create", path: temporary, errno: errno) }
    do {
        defer { close(descriptor) }
        var written = 0
        while written < bytes.count {
            let rest = bytes[written...]
            let count = unsafe rest.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                throw VaultError.system(operation: "write", path: temporary, errno: errno)
            }
            written += count
        }
        guard fsync(descriptor) == 0 else { throw VaultError.system(operation: "fsync", path: temporary, errno: errno) }
    }
    guard unsafe rename(temporary, path) == 0 else { throw .system(operation: "rename", path: path, errno: errno) }
    try syncFolder(folder(above: path))
}

/// Throws the system's error of a full disk when the file system of `path` has less than `bytes` free for this user.
///
/// RocksDB cannot be left to find out: a write that fails for want of room can end the whole process by one of its
/// assertions (`sync_without_flush_called_` in Debian 12's 7.8).
func requireRoom(_ bytes: UInt64, at path: String) throws(VaultError) {
    var status = statvfs()
    guard unsafe statvfs(path, &status) == 0 else { throw .system(operation: "inspect", path: path, errno: errno) }
    let free = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
    guard free.overflow || free.partialValue >= bytes else {
        throw .system(operation: "write to", path: path, errno: ENOSPC)
    }
}

/// Makes the entries of a folder durable.
func syncFolder(_ path: String) throws(VaultError) {
    let descriptor = unsafe oxbow_open(path, O_RDONLY | O_DIRECTORY, 0)
    guard descriptor >= 0 else { throw .system(operation: "open", path: path, errno: errno) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw .system(operation: "fsync", path: path, errno: errno) }
}

/// Makes a folder and those above it, durably; one that exists is fine.
func makeFolder(_ path: String) throws(VaultError) {
    if unsafe mkdir(path, 0o755) != 0 {
        switch errno {
        case EEXIST:
            // Perhaps made by a run that stopped before the entry was durable. A folder above that is closed to us was not
            // made by us.
            _ = try? syncFolder(folder(above: path))
            return
        case ENOENT where folder(above: path) != path:
            try makeFolder(folder(above: path))
            guard unsafe mkdir(path, 0o755) == 0 || errno == EEXIST else {
                throw .system(operation: "mkdir", path: path, errno: errno)
            }
        default: throw .system(operation: "mkdir", path: path, errno: errno)
        }
    }
    // Without it a stop of the machine may take the folder away with everything that was made durable in it.
    try syncFolder(folder(above: path))
}

/// The folder that has the entry of `path`.
private func folder(above path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}

/// The names in a folder but `.` and `..`.
func namesInFolder(_ path: String) throws(VaultError) -> [String] {
    guard let folder = unsafe opendir(path) else { throw .system(operation: "open", path: path, errno: errno) }
    defer { unsafe closedir(folder) }
    var names: [String] = []
    while let entry = unsafe readdir(folder) {
        let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
            unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
        }
        if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
}

/// Removes a folder and everything in it. Symbolic links are removed, not followed.
func removeFolder(_ path: String) throws(VaultError) {
    for name in try namesInFolder(path) {
        let child = "\(path)/\(name)"
        var status = stat()
        guard unsafe lstat(child, &status) == 0 else { throw .system(operation: "stat", path: child, errno: errno) }
        if status.st_mode & S_IFMT == S_IFDIR {
            try removeFolder(child)
        } else {
            guard unsafe unlink(child) == 0 else { throw .system(operation: "remove", path: child, errno: errno) }
        }
    }
    guard unsafe rmdir(path) == 0 else { throw .system(operation: "remove", path: path, errno: errno) }
}

/// Nanoseconds since 1970 UTC by the system's clock.
func wallClock() -> UInt64 {
    var now = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &now)
    return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
}

/// Nanoseconds of a clock that never goes back.
func monotonicClock() -> UInt64 {
    var now = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &now)
    return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
}
