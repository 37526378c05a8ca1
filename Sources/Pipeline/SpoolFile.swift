internal import CLinux
internal import Glibc

/// The file in which packets wait that memory has no room for: slots of one arena each.
///
/// It survives nothing and is never synced: what it holds was not taken in yet, and a later run cannot know what came
/// between. A file that an earlier run left behind is removed when it is opened. Reading and writing different slots from
/// two threads is safe: every call names its place.
final class SpoolFile: Sendable {
    let path: String
    private let descriptor: Int32

    /// Makes the file, and its folder when that is missing.
    init(folder: String, name: String) throws(SpoolError) {
        path = "\(folder)/\(name)"
        if unsafe mkdir(folder, 0o700) != 0, errno != EEXIST { throw SpoolError(path: folder, errno: errno) }
        if unsafe unlink(path) != 0, errno != ENOENT { throw SpoolError(path: path, errno: errno) }
        // Packets may hold what only the vault's owner may read.
        descriptor = unsafe oxbow_open(path, O_RDWR | O_CREAT | O_EXCL, 0o600)
        guard descriptor >= 0 else { throw SpoolError(path: path, errno: errno) }
    }

    /// A spool on a device that is there already, and stays.
    init(device: String) throws(SpoolError) {
        path = ""
        descriptor = unsafe oxbow_open(device, O_RDWR, 0)
        guard descriptor >= 0 else { throw SpoolError(path: device, errno: errno) }
    }

    deinit {
        close(descriptor)
        if !path.isEmpty { unsafe unlink(path) }
    }

    /// Writes bytes at an offset; 0 or the error number.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Int32 {
        var done = 0
        while done < bytes.count {
            guard let start = bytes.baseAddress else { return 0 }
            let count = unsafe pwrite(descriptor, start + done, bytes.count - done, offset + done)
            if count < 0 {
                if errno == EINTR { continue }
                return errno
            }
            done += count
        }
        return 0
    }

    /// Fills `bytes` from an offset; 0 or the error number.
    func read(_ bytes: UnsafeMutableRawBufferPointer, at offset: Int) -> Int32 {
        var done = 0
        while done < bytes.count {
            guard let start = bytes.baseAddress else { return 0 }
            let count = unsafe pread(descriptor, start + done, bytes.count - done, offset + done)
            if count < 0 {
                if errno == EINTR { continue }
                return errno
            }
            if count == 0 { return EIO }
            done += count
        }
        return 0
    }

    /// Gives the room back; nothing in the file is needed any more.
    func clear() { _ = ftruncate(descriptor, 0) }

    /// Removes spool files that earlier runs left behind; how many there were.
    static func removeStale(in folder: String) -> Int {
        guard let directory = unsafe opendir(folder) else { return 0 }
        defer { unsafe closedir(directory) }
        var removed = 0
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            guard name.hasSuffix(".spool") else { continue }
            if unsafe unlink("\(folder)/\(name)") == 0 { removed += 1 }
        }
        return removed
    }
}

/// Why there is no spool.
struct SpoolError: Error, CustomStringConvertible {
    var path: String
    var errno: Int32
    var description: String { "\(path): \(unsafe String(cString: oxbow_error_text(errno)))" }
}
