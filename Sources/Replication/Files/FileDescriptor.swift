internal import Glibc
internal import NIOCore

/// An open file or folder; closed with its last reference. Tasks may share it: every access names its offset.
final class FileDescriptor: Sendable {
    let number: Int32

    init(taking number: Int32) { self.number = number }

    deinit { _ = Glibc.close(number) }

    /// Opens `name` within a folder, or a path when `folder` is nil. Links are not followed at the last name.
    static func open(
        _ name: String, in folder: FileDescriptor, flags: Int32, mode: mode_t = 0o666
    ) throws(SystemFailure) -> FileDescriptor {
        try open(name, at: folder.number, flags: flags | O_NOFOLLOW, mode: mode)
    }

    /// Opens a path that the user gave; links are followed.
    static func open(path: String, flags: Int32, mode: mode_t = 0o666) throws(SystemFailure) -> FileDescriptor {
        try open(path, at: AT_FDCWD, flags: flags, mode: mode)
    }

    /// The same, or nil when there is nothing of that name, or a folder is asked for and something else has the name.
    static func openIfPresent(
        _ name: String, in folder: FileDescriptor, flags: Int32
    ) throws(SystemFailure) -> FileDescriptor? {
        let number = openRetrying(name, at: folder.number, flags: flags | O_NOFOLLOW, mode: 0)
        if number >= 0 { return FileDescriptor(taking: number) }
        if errno == ENOENT || (errno == ENOTDIR && flags & O_DIRECTORY != 0) { return nil }
        throw SystemFailure("open", name)
    }

    private static func open(
        _ name: String, at folder: Int32, flags: Int32, mode: mode_t
    ) throws(SystemFailure) -> FileDescriptor {
        let number = openRetrying(name, at: folder, flags: flags, mode: mode)
        guard number >= 0 else { throw SystemFailure("open", name) }
        return FileDescriptor(taking: number)
    }

    private static func openRetrying(_ name: String, at folder: Int32, flags: Int32, mode: mode_t) -> Int32 {
        var number: Int32
        repeat { number = unsafe openat(folder, name, flags | O_CLOEXEC, mode) } while number < 0 && errno == EINTR
        return number
    }

    /// Makes the file's bytes and its length durable.
    func sync() throws(SystemFailure) {
        var result: Int32
        repeat { result = Glibc.fsync(number) } while result != 0 && errno == EINTR
        if result != 0 { throw SystemFailure("fsync", "") }
    }

    /// Writes all readable bytes at `offset`.
    func write(_ buffer: ByteBuffer, at offset: UInt64) throws(SystemFailure) {
        var failure: SystemFailure?
        unsafe buffer.withUnsafeReadableBytes { bytes in
            do throws(SystemFailure) { unsafe try write(bytes, at: offset) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// Writes all of `bytes` at `offset`.
    @unsafe
    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(SystemFailure) {
        guard unsafe writeAll(bytes, at: off_t(offset)) else { throw SystemFailure("write", "") }
    }

    private func writeAll(_ bytes: UnsafeRawBufferPointer, at offset: off_t) -> Bool {
        var done = 0
        while done < bytes.count {
            let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count = unsafe pwrite(number, rest.baseAddress, rest.count, offset + off_t(done))
            if count < 0, errno == EINTR { continue }
            if count <= 0 { return false }
            done += count
        }
        return true
    }

    /// Appends `count` bytes at `offset` to `buffer`; false at an earlier end of the file.
    func read(_ count: Int, at offset: UInt64, into buffer: inout ByteBuffer) throws(SystemFailure) -> Bool {
        errno = 0
        let written = unsafe buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { bytes in
            unsafe readAll(into: UnsafeMutableRawBufferPointer(rebasing: bytes[..<count]), at: off_t(offset))
        }
        if written < count, errno != 0 { throw SystemFailure("read", "") }
        return written == count
    }

    /// Bytes read until the end of the buffer or the file, or an error, which `errno` then holds.
    private func readAll(into bytes: UnsafeMutableRawBufferPointer, at offset: off_t) -> Int {
        var done = 0
        while done < bytes.count {
            let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[done...])
            let count = unsafe pread(number, rest.baseAddress, rest.count, offset + off_t(done))
            if count < 0, errno == EINTR { continue }
            if count == 0 { errno = 0 }
            if count <= 0 { break }
            done += count
        }
        return done
    }

    /// Length in bytes and type.
    func status() throws(SystemFailure) -> stat {
        var status = stat()
        guard unsafe fstat(number, &status) == 0 else { throw SystemFailure("fstat", "") }
        return status
    }
}

/// A system call that failed.
struct SystemFailure: Error, CustomStringConvertible {
    let call: String
    let name: String
    let code: Int32

    init(_ call: String, _ name: String) {
        self.call = call
        self.name = name
        code = errno
    }

    var description: String {
        let reason = unsafe String(cString: strerror(code))
        return name.isEmpty ? "\(call): \(reason)" : "\(call) \(name): \(reason)"
    }
}
