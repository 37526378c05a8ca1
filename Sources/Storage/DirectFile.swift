internal import CLinux
internal import Glibc

/// A second descriptor of a file, whose writes go from memory to the medium without a stay in the page cache (open(2),
/// O_DIRECT): less than a twentieth of the CPU, and no page of the machine's memory for bytes that nobody may read again.
/// Nothing is durable by it: that takes a sync, as ever.
///
/// Buffered writes and reads of the same file through another descriptor stay coherent, since the kernel drops cached pages
/// of a range that is written this way, and ranges are whole pages.
@safe
struct DirectFile: ~Copyable {
    private let file: OpenFile
    /// Page-aligned memory for what lies elsewhere; grows to the largest head there was.
    private var staging: UnsafeMutableRawPointer?
    private var stagingBytes = 0

    /// Nil where the file system has no such writes (tmpfs before Linux 6.5, some network file systems) or refuses another
    /// descriptor: buffered writes do as well.
    init?(_ path: String) {
        guard let file = try? OpenFile(path, flags: O_WRONLY | oxbow_o_direct) else { return nil }
        self.file = file
        unsafe staging = nil
    }

    deinit { unsafe free(staging) }

    /// Writes memory that begins and ends on pages at `offset`, a multiple of the page size, and `head`, of whole pages
    /// too but anywhere in memory, before it.
    ///
    /// Returns how many bytes came that far; what is missing may go through another descriptor. Throws what a medium says
    /// that is full or broken, after which part of the bytes may be there.
    @unsafe
    mutating func write(_ head: [UInt8], _ pages: [iovec], at offset: UInt64) throws(StorageError) -> UInt64 {
        guard let staging = unsafe staging(of: head.count) else { return 0 }
        unsafe head.withUnsafeBytes { head in
            if let start = head.baseAddress { unsafe staging.copyMemory(from: start, byteCount: head.count) }
        }
        var vectors = unsafe [iovec(readingFrom: staging, count: head.count)] + pages
        return unsafe try file.writeAligned(&vectors, at: offset, multiple: UInt64(SegmentFormat.pageBytes))
    }

    private mutating func staging(of count: Int) -> UnsafeMutableRawPointer? {
        if count > stagingBytes {
            unsafe free(staging)
            stagingBytes = max(count, 64 << 10)
            unsafe staging = unsafe aligned_alloc(SegmentFormat.pageBytes, stagingBytes)
            if unsafe staging == nil { stagingBytes = 0 }
        }
        return unsafe staging
    }
}
