import Foundation
import Testing

@testable import Blocks

@Suite struct BlockPoolTests {
    private let size: BlockSize

    init() throws { size = try BlockSize(bytes: 4096) }

    private func pool(_ buffers: Int) throws -> BlockPool {
        try BlockPool(blockSize: size, budgetBytes: buffers * 4096)
    }

    @Test func `the budget is the number of buffers`() throws {
        #expect(try BlockPool(blockSize: size, budgetBytes: 100 * 4096 + 4095).capacity == 100)
        #expect(try BlockPool().capacity == 6144)
    }

    @Test func `a budget of fewer than eight buffers is refused`() {
        #expect(throws: BlocksError.budgetTooSmall(bytes: 8 * 4096 - 1, leastBytes: 8 * 4096)) {
            try BlockPool(blockSize: size, budgetBytes: 8 * 4096 - 1)
        }
    }

    @Test func `an absurd budget is refused by the system, not by a crash`() throws {
        let large = try BlockSize(bytes: 8 << 20)
        #expect {
            try BlockPool(blockSize: large, budgetBytes: 1 << 52)
        } throws: { error in
            guard case .noMemory = error as? BlocksError else { return false }
            return true
        }
    }

    @Test func `every buffer is handed out once, then none`() throws {
        let pool = try pool(20)
        var seen: Set<BlockBuffer> = []
        while let buffer = pool.acquire() { #expect(seen.insert(buffer).inserted) }
        #expect(seen.count == 20)
        #expect(pool.inUse == 20)
        pool.release(Array(seen))
        #expect(pool.inUse == 0)
    }

    @Test func `the buffer released last is handed out first`() throws {
        let pool = try pool(20)
        let buffers = (0..<10).compactMap { _ in pool.acquire() }
        pool.release(buffers[3])
        pool.release(buffers[7])
        #expect(pool.acquire() == buffers[7])
        #expect(pool.acquire() == buffers[3])
    }

    @Test func `a stock takes what is there and no more`() throws {
        let pool = try pool(10)
        var stock: [BlockBuffer] = []
        pool.acquire(upTo: 7, into: &stock)
        #expect(stock.count == 7)
        pool.acquire(upTo: 7, into: &stock)
        #expect(Set(stock).count == 10)
        pool.acquire(upTo: 7, into: &stock)
        #expect(stock.count == 10)
    }

    @Test func `buffers keep what was written and do not touch their neighbours`() throws {
        let pool = try pool(16)
        let buffers = (0..<16).compactMap { _ in pool.acquire() }
        for buffer in buffers {
            pool.withMutableBytes(of: buffer) { room in
                #expect(room.byteCount == 4096)
                for offset in 0..<4096 {
                    room.storeBytes(of: UInt8(buffer.index), toByteOffset: offset, as: UInt8.self)
                }
            }
        }
        let mark: [UInt8] = [1, 2, 3]
        pool.copy(mark.span.bytes, into: buffers[5], at: 4093)
        for buffer in buffers {
            let bytes = pool.withBytes(of: buffer, count: 4096) { span in
                (0..<4096).map { span.unsafeLoad(fromByteOffset: $0, as: UInt8.self) }
            }
            var expected = [UInt8](repeating: UInt8(buffer.index), count: 4096)
            if buffer == buffers[5] { expected.replaceSubrange(4093..., with: mark) }
            #expect(bytes == expected)
        }
    }

    @Test func `buffers begin on a page`() throws {
        let pool = try pool(16)
        for index in 0..<16 {
            #expect(UInt(bitPattern: pool.address(of: BlockBuffer(index: Int32(index)))) % 4096 == 0)
        }
    }

    @Test func `waiting ends when another thread releases`() throws {
        let pool = try pool(8)
        let buffers = (0..<8).compactMap { _ in pool.acquire() }
        let thread = Thread { pool.release(buffers[4]) }
        thread.start()
        #expect(pool.acquireWaiting() == buffers[4])
    }

    @Test func `threads that pass buffers around never share one`() throws {
        let pool = try pool(8)
        let group = DispatchGroup()
        let clashes = LockedCount()
        for worker in 1...4 {
            group.enter()
            Thread {
                for round in 0..<3000 {
                    let buffer = pool.acquireWaiting()
                    let mark = UInt64(worker) << 32 | UInt64(round)
                    pool.withMutableBytes(of: buffer) { $0.storeBytes(of: mark, as: UInt64.self) }
                    sched_yield()
                    let found = pool.withBytes(of: buffer, count: 8) { $0.unsafeLoad(as: UInt64.self) }
                    if found != mark { clashes.add() }
                    pool.release(CollectionOfOne(buffer))
                }
                group.leave()
            }.start()
        }
        group.wait()
        #expect(clashes.value == 0)
        #expect(pool.inUse == 0)
    }

    @Test func `releasing a buffer twice stops the program`() async {
        await #expect(processExitsWith: .failure) {
            let pool = try BlockPool(blockSize: BlockSize(bytes: 4096), budgetBytes: 1 << 20)
            let buffer = pool.acquireWaiting()
            pool.release(buffer)
            pool.release(buffer)
        }
    }

    @Test func `reading beyond a buffer stops the program`() async {
        await #expect(processExitsWith: .failure) {
            let pool = try BlockPool(blockSize: BlockSize(bytes: 4096), budgetBytes: 1 << 20)
            pool.withBytes(of: pool.acquireWaiting(), count: 4097) { _ in }
        }
    }
}

/// A counter that threads share.
final class LockedCount: @unchecked Sendable {
    // `count` is touched with the lock held.
    private let lock = NSLock()
    private var count = 0

    func add() { lock.withLock { count += 1 } }
    var value: Int { lock.withLock { count } }
}
