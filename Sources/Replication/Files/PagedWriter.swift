internal import Glibc
internal import NIOCore

/// Writes the bytes of a large file in order: whole pages past the page cache (open(2), O_DIRECT), since the sync that follows
/// waits for the medium anyway and the copy in memory would only push out what the machine works with; the rest, and
/// everything where a file system has no such writes, as any other write.
///
/// Holds ``roomBytes`` of memory. Nothing is durable by it: that takes the file's sync.
@safe
struct PagedWriter: ~Copyable {
    /// Bytes written at a time.
    static let roomBytes = 1 << 20
    /// Page size of any machine that Oxbow runs on, and a multiple of any medium's sector.
    private static let pageBytes = 4096

    private let file: FileDescriptor
    private var direct: FileDescriptor?
    /// Page-aligned memory of ``roomBytes``; nil when writes go straight to the file.
    private var room: UnsafeMutableRawPointer?
    private var filled = 0
    /// Where the first byte in the room belongs.
    private var offset: UInt64

    /// Goes on in `file` at `offset` with `length` bytes.
    init(_ file: FileDescriptor, at offset: UInt64, length: UInt64) {
        self.file = file
        self.offset = offset
        unsafe room = nil
        guard length >= UInt64(Self.roomBytes), offset.isMultiple(of: UInt64(Self.pageBytes)) else { return }
        // Opened anew: a flag of the descriptor would hold for what others write through it.
        guard
            let direct = try? FileDescriptor.open(path: "/proc/self/fd/\(file.number)", flags: O_WRONLY | __O_DIRECT)
        else { return }
        self.direct = direct
        unsafe room = aligned_alloc(Self.pageBytes, Self.roomBytes)
    }

    deinit { unsafe free(room) }

    /// Takes the next bytes; they may stay in memory until ``finish()``.
    mutating func write(_ buffer: ByteBuffer) throws(SystemFailure) {
        guard let room = unsafe room else {
            try file.write(buffer, at: offset)
            offset += UInt64(buffer.readableBytes)
            return
        }
        var taken = 0
        while taken < buffer.readableBytes {
            let count = min(buffer.readableBytes - taken, Self.roomBytes - filled)
            unsafe buffer.withUnsafeReadableBytes { bytes in
                unsafe UnsafeMutableRawBufferPointer(start: room + filled, count: count).copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: bytes[taken..<taken + count]))
            }
            taken += count
            filled += count
            if filled == Self.roomBytes { try empty() }
        }
    }

    /// Writes what is still in memory.
    mutating func finish() throws(SystemFailure) {
        if filled > 0 { try empty() }
    }

    private mutating func empty() throws(SystemFailure) {
        guard let room = unsafe room else { return }
        let pages = filled - filled % Self.pageBytes
        var written = 0
        if let direct, pages > 0 {
            let whole = unsafe UnsafeRawBufferPointer(start: room, count: pages)
            do throws(SystemFailure) {
                unsafe try direct.write(whole, at: offset)
                written = pages
            } catch {
                // Opened, but not written: some file systems say it so. What was written is written again.
                guard error.code == EINVAL else { throw error }
                self.direct = nil
            }
        }
        let rest = unsafe UnsafeRawBufferPointer(start: room + written, count: filled - written)
        if unsafe !rest.isEmpty { unsafe try file.write(rest, at: offset + UInt64(written)) }
        offset += UInt64(filled)
        filled = 0
    }
}
