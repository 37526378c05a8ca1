internal import CLinux
internal import Glibc

/// Owns a file descriptor and turns its system calls' failures into errors that name the file.
///
/// Interrupted calls are repeated, short reads and writes continued. `Sendable` because positional reads and writes
/// share no state: the descriptor and the path never change.
struct OpenFile: ~Copyable, Sendable {
    let descriptor: Int32
    let path: String

    /// Opens or creates a file; the descriptor is not inherited by child processes.
    init(_ path: String, flags: Int32, mode: mode_t = 0o600) throws(StorageError) {
        var descriptor: Int32
        repeat { descriptor = unsafe oxbow_open(path, flags, mode) } while descriptor < 0 && errno == EINTR
        guard descriptor >= 0 else {
            throw .io(operation: flags & O_CREAT == 0 ? "open" : "create", path: path, offset: nil, errno: errno)
        }
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close(descriptor) }

    /// The file's length in bytes.
    func size() throws(StorageError) -> UInt64 {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw failure("inspect") }
        return UInt64(clamping: status.st_size)
    }

    /// Fills `room` from `offset` on; returns fewer bytes only at the end of the file.
    @unsafe
    func read(at offset: UInt64, into room: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
        guard let start = room.baseAddress else { return 0 }
        guard let position = off_t(exactly: offset), position <= off_t.max - room.count else { return 0 }
        var done = 0
        while done < room.count {
            let count = unsafe pread(descriptor, start + done, room.count - done, position + done)
            if count == 0 { break }
            if count < 0 {
                if errno == EINTR { continue }
                throw failure("read", at: offset + UInt64(done))
            }
            done += count
        }
        return done
    }

    /// Up to `count` bytes from `offset` on; fewer only at the end of the file.
    func read(at offset: UInt64, count: Int) throws(StorageError) -> [UInt8] {
        var failed: StorageError?
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { room, initialized in
            do throws(StorageError) {
                initialized = unsafe try read(at: offset, into: UnsafeMutableRawBufferPointer(room))
            } catch {
                failed = error
            }
        }
        if let failed { throw failed }
        return bytes
    }

    /// Writes the memory that `vectors` describe, one after the other, at `offset`. On an error part of it may be
    /// written. Uses up `vectors`.
    @unsafe
    func write(_ vectors: inout [iovec], at offset: UInt64) throws(StorageError) {
        _ = unsafe try write(&vectors, at: offset) { _ in true }
    }

    /// As ``write(_:at:)``, through a descriptor that takes whole multiples of a size only; returns how many bytes were
    /// written, which is less than all when the call is refused as such, or ended within one of them.
    @unsafe
    func writeAligned(
        _ vectors: inout [iovec], at offset: UInt64, multiple: UInt64
    ) throws(StorageError) -> UInt64 {
        do throws(StorageError) {
            return unsafe try write(&vectors, at: offset) { $0.isMultiple(of: multiple) }
        } catch .io(_, _, let place, EINVAL) {
            return (place ?? offset) - offset
        }
    }

    /// Writes, and goes on after a part as long as `goesOn` says so of the place; returns how many bytes were written.
    @unsafe
    private func write(
        _ vectors: inout [iovec], at offset: UInt64, _ goesOn: (UInt64) -> Bool
    ) throws(StorageError) -> UInt64 {
        var position = offset
        var first = 0
        while unsafe first < vectors.count, goesOn(position) {
            let count = unsafe vectors.withUnsafeBufferPointer { all in
                unsafe pwritev(
                    descriptor, all.baseAddress.map { unsafe $0 + first },
                    Int32(min(all.count - first, Int(oxbow_iov_max))),
                    off_t(position))
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw failure("write", at: position)
            }
            // Nothing written without an error is what a full medium answers to some kernels.
            guard count > 0 else { throw .io(operation: "write", path: path, offset: position, errno: ENOSPC) }
            position += UInt64(count)
            var rest = count
            while unsafe first < vectors.count, unsafe rest >= vectors[first].iov_len {
                unsafe rest -= vectors[first].iov_len
                first += 1
            }
            if rest > 0 {
                unsafe vectors[first].iov_base = vectors[first].iov_base.map { unsafe $0 + rest }
                unsafe vectors[first].iov_len -= rest
            }
        }
        return position - offset
    }

    /// Writes `bytes` at `offset`.
    func write(_ bytes: [UInt8], at offset: UInt64) throws(StorageError) {
        var failed: StorageError?
        unsafe bytes.withUnsafeBytes { bytes in
            var vectors = unsafe [iovec(readingFrom: bytes.baseAddress, count: bytes.count)]
            do throws(StorageError) {
                unsafe try write(&vectors, at: offset)
            } catch {
                failed = error
            }
        }
        if let failed { throw failed }
    }

    /// Writes bytes that are there once more, so that the next sync has to force them to the medium.
    func rewrite(_ range: Range<UInt64>) throws(StorageError) {
        var position = range.lowerBound
        while position < range.upperBound {
            let bytes = try read(at: position, count: Int(min(range.upperBound - position, 1 << 20)))
            guard !bytes.isEmpty else { return }
            try write(bytes, at: position)
            position += UInt64(bytes.count)
        }
    }

    /// Returns when everything written so far is on stable storage, as far as the medium tells the truth.
    func synchronize() throws(StorageError) {
        while fdatasync(descriptor) != 0 {
            guard errno == EINTR else { throw failure("sync") }
        }
    }

    /// Lets the kernel begin to write out what was written to `range`, so that the next sync finds little left to do. It
    /// promises nothing, so a failure is none: the sync will say.
    func beginWriteback(_ range: Range<UInt64>) {
        _ = oxbow_begin_writeback(descriptor, off_t(clamping: range.lowerBound), off_t(clamping: range.count))
    }

    /// Lets the kernel begin to read a range into its cache (posix_fadvise(3), POSIX_FADV_WILLNEED). It promises nothing.
    func prefetch(_ range: Range<UInt64>) {
        _ = posix_fadvise(
            descriptor, off_t(clamping: range.lowerBound), off_t(clamping: range.count), POSIX_FADV_WILLNEED)
    }

    /// Cuts the file to `length` bytes.
    func truncate(to length: UInt64) throws(StorageError) {
        while ftruncate(descriptor, off_t(clamping: length)) != 0 {
            guard errno == EINTR else { throw failure("truncate", at: length) }
        }
    }

    /// Claims disk space behind the end without changing the length. A file system that cannot is no error: the space
    /// is then claimed by the writes.
    func reserve(from offset: UInt64, count: UInt64) {
        _ = oxbow_fallocate_keep_size(descriptor, off_t(clamping: offset), off_t(clamping: count))
    }

    private func failure(_ operation: String, at offset: UInt64? = nil) -> StorageError {
        .io(operation: operation, path: path, offset: offset, errno: errno)
    }
}
