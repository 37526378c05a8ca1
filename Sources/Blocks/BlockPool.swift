import Glibc

/// A buffer of a ``BlockPool``: an index, cheap to hand between threads.
///
/// Whoever holds it owns the bytes, alone, until it hands the buffer on or releases it.
public struct BlockBuffer: Hashable, Sendable, BitwiseCopyable {
    /// Position in the pool, from 0.
    public var index: Int32

    /// The buffer at this position.
    @inlinable
    public init(index: Int32) { self.index = index }
}

/// The fixed set of block-sized buffers that all bytes pass through between the splitter and the disk.
///
/// Its size is the back-pressure of the pipeline: when every buffer is taken, the producer waits for the writer. The
/// buffers lie side by side in one reserved range of address space, page-aligned, so that a full block can be written
/// straight from its buffer. Memory is taken from the system only when a buffer is first used, and the buffer released
/// last is handed out first, so a small run touches few pages and a warm one finds them in the cache.
///
/// Taking and releasing lock once per call: producers keep a private stock (``acquire(upTo:into:)``), consumers release
/// whole batches (``release(_:)``).
@safe
public final class BlockPool: @unchecked Sendable {
    // Sendable because: `base`, `blockSize`, `capacity`, `mutex` and `freed` never change after init; `free`, `isFree`
    // and `waiting` are touched only with `mutex` held; and the bytes of a buffer belong to its one holder, who got the
    // buffer through the mutex or through a queue, either of which orders his accesses after the previous holder's.

    /// Length of every buffer.
    public let blockSize: BlockSize
    /// Number of buffers.
    public let capacity: Int

    private let base: UnsafeMutableRawPointer
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let freed: UnsafeMutablePointer<pthread_cond_t>
    private var free: [BlockBuffer]
    private var isFree: [Bool]
    private var waiting = 0

    /// 384 MiB: whole blocks of 5,000 transfers at once. What fewer transfers do not need is never touched.
    public static let defaultBudgetBytes = 384 << 20
    /// The fewest buffers with which the pipeline moves: some being filled, some being hashed, some being written.
    public static let leastCapacity = 8

    /// Reserves as many buffers of `blockSize` as `budgetBytes` holds.
    ///
    /// Throws ``BlocksError/budgetTooSmall(bytes:leastBytes:)`` below ``leastCapacity`` buffers, and
    /// ``BlocksError/noMemory(bytes:errno:)`` when the system refuses the address space.
    public init(blockSize: BlockSize = .standard, budgetBytes: Int = BlockPool.defaultBudgetBytes) throws(BlocksError) {
        let capacity = min(budgetBytes / blockSize.bytes, Int(Int32.max))
        guard capacity >= Self.leastCapacity else {
            throw .budgetTooSmall(bytes: budgetBytes, leastBytes: Self.leastCapacity * blockSize.bytes)
        }
        let length = capacity * blockSize.bytes
        // NORESERVE: the budget is a bound, not a claim; pages come when a buffer is first written.
        let mapped = unsafe mmap(
            nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else {
            throw .noMemory(bytes: length, errno: errno)
        }
        self.blockSize = blockSize
        self.capacity = capacity
        unsafe base = mapped
        unsafe mutex = .allocate(capacity: 1)
        unsafe freed = .allocate(capacity: 1)
        unsafe pthread_mutex_init(mutex, nil)
        unsafe pthread_cond_init(freed, nil)
        free = (0..<Int32(capacity)).reversed().map { BlockBuffer(index: $0) }
        isFree = Array(repeating: true, count: capacity)
    }

    deinit {
        unsafe munmap(base, capacity * blockSize.bytes)
        unsafe pthread_cond_destroy(freed)
        unsafe pthread_mutex_destroy(mutex)
        unsafe freed.deallocate()
        unsafe mutex.deallocate()
    }

    /// Buffers that are taken now, whether in a producer's stock, being filled, or on their way to the disk.
    public var inUse: Int { withLock { capacity - free.count } }

    /// Takes a buffer if one is free. Never blocks.
    public func acquire() -> BlockBuffer? { withLock { take() } }

    /// Takes a buffer, waiting until one is free.
    ///
    /// Returns only if some other thread releases: the caller must not be the one who holds them all.
    public func acquireWaiting() -> BlockBuffer {
        withLock {
            waiting += 1
            defer { waiting -= 1 }
            while true {
                if let buffer = take() { return buffer }
                unsafe pthread_cond_wait(freed, mutex)
            }
        }
    }

    /// Takes up to `count` buffers with one lock and appends them to `stock`. Never blocks.
    public func acquire(upTo count: Int, into stock: inout [BlockBuffer]) {
        withLock {
            for _ in 0..<min(count, free.count) {
                if let buffer = take() { stock.append(buffer) }
            }
        }
    }

    /// Gives back one buffer. Releasing a buffer twice is a mistake of the program and stops it.
    public func release(_ buffer: BlockBuffer) {
        withLock {
            give(buffer)
            wake(released: 1)
        }
    }

    /// Gives back the buffers with one lock.
    public func release(_ buffers: some Collection<BlockBuffer>) {
        withLock {
            for buffer in buffers { give(buffer) }
            wake(released: buffers.count)
        }
    }

    /// Gives back the buffers of these blocks with one lock.
    public func release(_ blocks: [BlockDescriptor]) {
        withLock {
            for block in blocks { give(block.buffer) }
            wake(released: blocks.count)
        }
    }

    /// Lends the first `count` bytes of a buffer that the caller holds.
    @inlinable
    public func withBytes<Result: ~Copyable, Failure: Error>(
        of buffer: BlockBuffer, count: Int, _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        precondition(count >= 0 && count <= blockSize.bytes, "more bytes than a block buffer holds")
        return try body(
            unsafe RawSpan(_unsafeStart: UnsafeRawPointer(address(of: buffer)), byteCount: count))
    }

    /// Lends the first `count` bytes of a buffer that the caller holds, for writing; nil for all of it.
    @inlinable
    public func withMutableBytes<Result: ~Copyable, Failure: Error>(
        of buffer: BlockBuffer, count: Int? = nil, _ body: (inout MutableRawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let count = count ?? blockSize.bytes
        precondition(count >= 0 && count <= blockSize.bytes, "more bytes than a block buffer holds")
        var span = unsafe MutableRawSpan(_unsafeStart: address(of: buffer), byteCount: count)
        return try body(&span)
    }

    /// Copies `bytes` into a buffer that the caller holds, beginning at byte `offset` of it.
    public func copy(_ bytes: RawSpan, into buffer: BlockBuffer, at offset: Int) {
        precondition(
            offset >= 0 && offset <= blockSize.bytes && bytes.byteCount <= blockSize.bytes - offset,
            "more bytes than a block buffer holds")
        unsafe bytes.withUnsafeBytes { source in
            guard let start = source.baseAddress else { return }
            unsafe (address(of: buffer) + offset).copyMemory(from: start, byteCount: source.count)
        }
    }

    /// Where a buffer's bytes begin, for system calls that take addresses (`pwritev`). Valid while the pool lives.
    @unsafe
    public func address(of buffer: BlockBuffer) -> UnsafeMutableRawPointer {
        precondition(buffer.index >= 0 && buffer.index < capacity, "no buffer of this pool")
        return unsafe base + Int(buffer.index) * blockSize.bytes
    }

    private func withLock<Result>(_ body: () -> Result) -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return body()
    }

    /// With the mutex held.
    private func take() -> BlockBuffer? {
        guard let buffer = free.popLast() else { return nil }
        isFree[Int(buffer.index)] = false
        return buffer
    }

    /// With the mutex held.
    private func give(_ buffer: BlockBuffer) {
        precondition(!isFree[Int(buffer.index)], "block buffer \(buffer.index) released twice")
        isFree[Int(buffer.index)] = true
        free.append(buffer)
    }

    /// With the mutex held. Costs a system call only when somebody waits.
    private func wake(released count: Int) {
        guard waiting > 0, count > 0 else { return }
        if waiting == 1 || count == 1 {
            unsafe pthread_cond_signal(freed)
        } else {
            unsafe pthread_cond_broadcast(freed)
        }
    }
}
