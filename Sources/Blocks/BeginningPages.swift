/// Memory in small pages for the beginnings of blocks of transfers that have no buffer of their own.
///
/// Most such transfers are small or slow: a whole buffer for a few packets each would be mostly empty, and cutting a block for
/// each packet costs far more than keeping it. The pages are cut out of buffers of the pool, so that the pool's budget bounds
/// them, too; buffers that were taken stay until the end.
struct BeginningPages: ~Copyable {
    /// Where a transfer's bytes are: its pages in order, all full but the last.
    struct Chain {
        fileprivate(set) var first = BeginningPages.none
        fileprivate var last = BeginningPages.none
    }

    fileprivate static let none: Int32 = -1
    /// Pages that a buffer of the pool makes.
    private static let pagesPerBuffer = 32

    private let pool: BlockPool
    private let buffersMax: Int
    private let pageBytes: Int
    /// The pool's buffers that are pages now.
    private(set) var buffers: [BlockBuffer] = []
    /// The page behind each page, in a chain or among the free.
    private var next: [Int32] = []
    private var free = BeginningPages.none
    private var freeCount = 0

    /// Pages in at most so many buffers of `pool`.
    init(pool: BlockPool, buffersMax: Int) {
        self.pool = pool
        self.buffersMax = buffersMax
        pageBytes = max(1, pool.blockSize.bytes / Self.pagesPerBuffer)
    }

    /// The most bytes of one block that are kept: half of a whole block.
    var bytesMax: Int { pageBytes * Self.pagesPerBuffer / 2 }

    /// Appends bytes to a chain that has `filled` bytes; false, with nothing done, when there is no room for all of them.
    mutating func append(_ bytes: RawSpan, to chain: inout Chain, filled: Int) -> Bool {
        let count = bytes.byteCount
        guard filled + count <= bytesMax else { return false }
        let needed = pages(filled + count) - pages(filled)
        while freeCount < needed { guard addBuffer() else { return false } }
        var taken = 0
        while taken < count {
            let place = (filled + taken) % pageBytes
            if place == 0 { extend(&chain) }
            let part = min(pageBytes - place, count - taken)
            copy(bytes.extracting(taken..<taken + part), into: chain.last, at: place)
            taken += part
        }
        return true
    }

    /// Copies the `filled` bytes of a chain to the start of a buffer, and takes its pages back.
    mutating func move(_ chain: Chain, filled: Int, into buffer: BlockBuffer) {
        var page = chain.first
        var start = 0
        while start < filled {
            let count = min(pageBytes, filled - start)
            // Safe: the page and the buffer are whole, ours, and not the same memory.
            unsafe (pool.address(of: buffer) + start).copyMemory(from: address(of: page), byteCount: count)
            start += count
            let following = next[Int(page)]
            next[Int(page)] = free
            free = page
            freeCount += 1
            page = following
        }
    }

    private func pages(_ bytes: Int) -> Int { (bytes + pageBytes - 1) / pageBytes }

    private mutating func addBuffer() -> Bool {
        guard buffers.count < buffersMax, let buffer = pool.acquire() else { return false }
        buffers.append(buffer)
        for _ in 0..<Self.pagesPerBuffer {
            next.append(free)
            free = Int32(next.count - 1)
            freeCount += 1
        }
        return true
    }

    private mutating func extend(_ chain: inout Chain) {
        let page = free
        free = next[Int(page)]
        freeCount -= 1
        next[Int(page)] = Self.none
        if chain.last == Self.none { chain.first = page } else { next[Int(chain.last)] = page }
        chain.last = page
    }

    private func copy(_ bytes: RawSpan, into page: Int32, at offset: Int) {
        let number = Int(page)
        pool.copy(
            bytes, into: buffers[number / Self.pagesPerBuffer],
            at: number % Self.pagesPerBuffer * pageBytes + offset)
    }

    @unsafe
    private func address(of page: Int32) -> UnsafeMutableRawPointer {
        let number = Int(page)
        return unsafe pool.address(of: buffers[number / Self.pagesPerBuffer])
            + number % Self.pagesPerBuffer * pageBytes
    }
}
