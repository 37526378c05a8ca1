internal import Glibc

/// A file and the part of it that is in memory: a buffer that slides along the file.
///
/// It owns the descriptor and the buffer, and is the only place in this layer that reads a file. Memory is the buffer's:
/// it grows when a record does not fit, and never beyond what the caller asks `require` for.
@safe
struct ReadWindow: ~Copyable {
    private let descriptor: Int32
    private var buffer: UnsafeMutableRawPointer
    /// Bytes in the buffer.
    private var capacity: Int
    /// Index in the buffer of the first byte not consumed.
    private var head = 0
    /// Index behind the last byte that was read.
    private var tail = 0
    /// Offset in the file of `tail`.
    private var tailOffset: UInt64 = 0
    /// Bytes the file had when it was opened.
    let sizeAtOpen: UInt64
    /// The error number of the last read that failed; 0 while none has.
    private(set) var readErrno: Int32 = 0

    /// Why a file cannot be opened.
    enum OpenFault: Error {
        case system(errno: Int32)
        case directory
        case notRegular(String)
    }

    /// Opens a regular file for a window of `byteCount` bytes. Nothing is read yet.
    init(path: String, byteCount: Int) throws(OpenFault) {
        // Without O_NONBLOCK, opening a pipe would wait for its writer.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw .system(errno: errno) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            let code = errno
            close(descriptor)
            throw .system(errno: code)
        }
        if let fault = Self.fault(ofMode: status.st_mode) {
            close(descriptor)
            throw fault
        }
        posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL)
        self.descriptor = descriptor
        sizeAtOpen = UInt64(clamping: status.st_size)
        // Page alignment is what the kernel copies to fastest.
        capacity = max(byteCount, Self.pageBytes)
        unsafe buffer = .allocate(byteCount: capacity, alignment: Self.pageBytes)
    }

    deinit {
        close(descriptor)
        unsafe buffer.deallocate()
    }

    private static func fault(ofMode mode: mode_t) -> OpenFault? {
        switch mode & S_IFMT {
        case S_IFREG: nil
        case S_IFDIR: .directory
        case S_IFIFO: .notRegular("pipe")
        case S_IFSOCK: .notRegular("socket")
        case S_IFBLK: .notRegular("block device")
        case S_IFCHR: .notRegular("character device")
        default: .notRegular("special file")
        }
    }

    /// Offset in the file of the first byte not consumed.
    var offset: UInt64 { tailOffset &- UInt64(available) }

    /// Bytes in memory and not consumed.
    var available: Int { tail &- head }

    /// The first byte not consumed and those behind it. Valid until the next call of `require` or `skip`.
    var start: UnsafeRawPointer {
        // Safe: `head` never passes the buffer's end.
        unsafe UnsafeRawPointer(buffer + head)
    }

    /// Makes `count` bytes available, reading on when they are not. False when the file ends before that, or cannot be
    /// read; ``available`` then says how many there are and ``readErrno`` why.
    @inline(__always)
    mutating func require(_ count: Int) -> Bool { available >= count || refill(count) }

    /// Consumes `count` bytes, which are available.
    @inline(__always)
    mutating func consume(_ count: Int) {
        precondition(count <= available)
        head &+= count
    }

    /// Consumes `count` bytes, available or not. Where the file ends shows at the next `require`.
    mutating func skip(_ count: UInt64) {
        if count <= UInt64(available) {
            head &+= Int(count)
            return
        }
        tailOffset = offset &+ count
        head = tail
    }

    /// Calls `body` with the first `count` available bytes.
    @inline(__always)
    func withBytes<Result, Failure: Error>(
        _ count: Int, _ body: (borrowing RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        precondition(count <= available)
        // Safe: the span lives for the call, in which the borrowed window cannot change.
        return try body(unsafe RawSpan(_unsafeStart: start, byteCount: count))
    }

    /// Moves what is left to the buffer's front and reads behind it.
    private mutating func refill(_ count: Int) -> Bool {
        let rest = available
        if count > capacity {
            grow(toHold: count)
        } else if head > 0 {
            // Safe: moves what is available down within the buffer; the areas may overlap.
            unsafe buffer.copyMemory(from: start, byteCount: rest)
        }
        head = 0
        tail = rest
        while available < count {
            guard let position = off_t(exactly: tailOffset) else { return false }
            // Safe: from `tail` to `capacity` the buffer is free.
            let read = unsafe pread(descriptor, buffer + tail, capacity - tail, position)
            if read > 0 {
                tail &+= read
                tailOffset &+= UInt64(read)
            } else if read == 0 {
                return false
            } else if errno != EINTR {
                readErrno = errno
                return false
            }
        }
        return true
    }

    /// Replaces the buffer by one of `count` bytes, which has what is available at its front.
    private mutating func grow(toHold count: Int) {
        let larger = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: Self.pageBytes)
        // Safe: what is available fitted in the old buffer, and the new one is larger.
        unsafe larger.copyMemory(from: start, byteCount: available)
        unsafe buffer.deallocate()
        unsafe buffer = larger
        capacity = count
    }

    private static let pageBytes = 4_096
}

/// The window is the only owner of its descriptor and buffer, and neither belongs to a thread: it may move between
/// threads as a whole, and cannot be shared since it cannot be copied and every step mutates it.
extension ReadWindow: @unchecked Sendable {}
