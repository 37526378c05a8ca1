import Foundation
import Objects
import TestSupport
import Testing

@testable import Blocks

@Suite struct BlockSplitterTests {
    private let block = 4096
    private let record = Record()

    private func pool(buffers: Int = 64) throws -> BlockPool {
        try BlockPool(blockSize: BlockSize(bytes: block), budgetBytes: buffers * block)
    }

    private func splitter(_ pool: BlockPool, _ limits: SplitterLimits? = nil) -> BlockSplitter<BatchRecorder> {
        BlockSplitter(pool: pool, limits: limits, output: BatchRecorder(pool: pool, record: record))
    }

    private func bytes(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
        var generator = SeededGenerator(seed: seed)
        return generator.bytes(count)
    }

    private let event = ObjectEvent.discarded(TransferID(1), reason: "test")

    @Test func `an object from its first byte is cut at every multiple of the block size`() throws {
        let pool = try pool()
        var splitter = splitter(pool)
        let payload = bytes(3 * block + 100)
        splitter.open(TransferID(1), plan: TransferPlan())
        splitter.payload(TransferID(1), payload.span.bytes, at: 0)
        splitter.close(TransferID(1), TransferEnd(length: UInt64(payload.count)))
        splitter.flush(lastPacket: 9)
        #expect(
            record.happenings == [
                .open(1), .block(1, offset: 0, Array(payload[..<4096])),
                .block(1, offset: 4096, Array(payload[4096..<8192])),
                .block(1, offset: 8192, Array(payload[8192..<12288])),
                .block(1, offset: 12288, Array(payload[12288...])), .close(1, length: 12388),
            ])
        #expect(record.lastPackets == [9])
        #expect(splitter.counters.blocks == 4)
        #expect(splitter.counters.shortBlocks == 1)
        #expect(splitter.counters.payloadBytes == 12388)
    }

    @Test func `a range is cut on the grid of its object, not its own`() throws {
        let pool = try pool()
        var splitter = splitter(pool)
        let payload = bytes(2 * block)
        splitter.open(TransferID(1), plan: TransferPlan(objectOffset: 1000))
        splitter.payload(TransferID(1), payload.span.bytes, at: 0)
        splitter.close(TransferID(1), TransferEnd(length: 8192))
        splitter.flush(lastPacket: 1)
        #expect(record.blocks(of: 1).map(\.offset) == [0, 3096, 7192])
        #expect(record.blocks(of: 1).flatMap(\.bytes) == payload)
    }

    @Test func `an object offset at the end of the number range does no harm`() throws {
        let pool = try pool()
        var splitter = splitter(pool)
        let payload = bytes(2 * block)
        splitter.open(TransferID(1), plan: TransferPlan(objectOffset: .max - 9))
        splitter.payload(TransferID(1), payload.span.bytes, at: 0)
        splitter.close(TransferID(1), TransferEnd(length: 8192))
        splitter.flush(lastPacket: 1)
        #expect(record.blocks(of: 1).map(\.offset) == [0, 10, 4106])
        #expect(record.blocks(of: 1).flatMap(\.bytes) == payload)
    }

    @Test func `a gap ends the block before it, and the block after it begins behind it`() throws {
        let pool = try pool()
        var splitter = splitter(pool)
        let payload = bytes(block)
        splitter.open(TransferID(1), plan: TransferPlan())
        splitter.payload(TransferID(1), payload.span.bytes.extracting(0..<100), at: 0)
        splitter.gap(TransferID(1), at: 100, length: 50, cause: .kernelDrop)
        splitter.payload(TransferID(1), payload.span.bytes.extracting(150..<4096), at: 150)
        splitter.gap(TransferID(1), at: 4096, length: nil, cause: .captureEnded)
        splitter.close(TransferID(1), TransferEnd(length: nil, cause: .captureEnded))
        splitter.flush(lastPacket: 1)
        #expect(
            record.happenings == [
                .open(1), .block(1, offset: 0, Array(payload[..<100])),
                .gap(1, offset: 100, length: 50, .kernelDrop), .block(1, offset: 150, Array(payload[150...])),
                .gap(1, offset: 4096, length: nil, .captureEnded), .close(1, length: nil),
            ])
    }

    @Test func `a gap to the end of the number range does no harm`() throws {
        let pool = try pool()
        var splitter = splitter(pool)
        splitter.open(TransferID(1), plan: TransferPlan())
        splitter.payload(TransferID(1), of: bytes(1), at: 0)
        splitter.gap(TransferID(1), at: 1, length: .max, cause: .notCaptured)
        splitter.close(TransferID(1), TransferEnd(length: .max))
        splitter.flush(lastPacket: 1)
        #expect(record.happenings.last == .close(1, length: .max))
    }

    @Test func `an event comes after every byte of the transfers closed before it`() throws {
        let pool = try pool()
        var splitter = splitter(pool)
        splitter.open(TransferID(1), plan: TransferPlan())
        splitter.open(TransferID(2), plan: TransferPlan())
        splitter.payload(TransferID(1), of: [1, 2], at: 0)
        splitter.payload(TransferID(2), of: [3], at: 0)
        splitter.close(TransferID(1), TransferEnd(length: 2))
        splitter.event(event)
        splitter.payload(TransferID(2), of: [4], at: 1)
        splitter.close(TransferID(2), TransferEnd(length: 2))
        splitter.flush(lastPacket: 1)
        #expect(
            record.happenings == [
                .open(1), .open(2), .block(1, offset: 0, [1, 2]), .close(1, length: 2), .event,
                .block(2, offset: 0, [3, 4]), .close(2, length: 2),
            ])
    }

    @Test func `flush sends what is whole and keeps what still grows`() throws {
        let pool = try pool()
        var splitter = splitter(pool)
        splitter.open(TransferID(1), plan: TransferPlan())
        splitter.payload(TransferID(1), of: [1, 2], at: 0)
        splitter.flush(lastPacket: 5)
        #expect(record.happenings == [.open(1)])
        splitter.flush(lastPacket: 6)
        #expect(record.batchSizes.count == 1)
        #expect(splitter.partialBlocks == 1)
        splitter.close(TransferID(1), TransferEnd(length: 2))
        splitter.flush(lastPacket: 7)
        #expect(record.happenings == [.open(1), .block(1, offset: 0, [1, 2]), .close(1, length: 2)])
        #expect(record.lastPackets == [5, 7])
    }

    @Test func `batches are sent at their limit of blocks and of steps`() throws {
        let pool = try pool()
        var limits = SplitterLimits(poolCapacity: pool.capacity)
        limits.batchBlocksMax = 4
        limits.batchStepsMax = 10
        var splitter = splitter(pool, limits)
        splitter.open(TransferID(1), plan: TransferPlan())
        splitter.payload(TransferID(1), of: bytes(9 * block), at: 0)
        #expect(record.batchSizes.map(\.blocks) == [4, 4])
        for _ in 0..<25 { splitter.event(event) }
        splitter.flush(lastPacket: 1)
        #expect(record.batchSizes.map(\.blocks) == [4, 4, 1, 0, 0])
        #expect(record.batchSizes.map(\.steps) == [1, 0, 10, 10, 5])
        #expect(splitter.counters.batches == 5)
    }

    @Test(arguments: 1...12)
    func `any interleaving, split and gap gives exactly the bytes that came, on the grid`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let pool = try pool(buffers: 8 + Int(seed % 3) * 40)
        var splitter = splitter(pool)
        var sources: [UInt64: (data: [UInt8], position: Int, objectOffset: UInt64, missing: [Range<Int>])] = [:]
        var finished = sources
        for number in 1...UInt64(60) {
            let count = Int.random(in: 0...5 * block, using: &generator)
            let offset = Bool.random(using: &generator) ? 0 : UInt64.random(in: 0..<1 << 40, using: &generator)
            sources[number] = (generator.bytes(count), 0, offset, [])
            splitter.open(TransferID(number), plan: TransferPlan(objectOffset: offset))
        }
        while let number = sources.keys.sorted().randomElement(using: &generator), var source = sources[number] {
            let rest = source.data.count - source.position
            if rest == 0 {
                splitter.close(TransferID(number), TransferEnd(length: UInt64(source.data.count)))
                finished[number] = source
                sources[number] = nil
                continue
            }
            let count = min(rest, Int.random(in: 1...2 * block, using: &generator))
            let range = source.position..<source.position + count
            if Int.random(in: 0..<8, using: &generator) == 0 {
                splitter.gap(
                    TransferID(number), at: UInt64(range.lowerBound), length: UInt64(count), cause: .notCaptured)
                source.missing.append(range)
            } else {
                splitter.payload(
                    TransferID(number), source.data.span.bytes.extracting(range), at: UInt64(range.lowerBound))
            }
            source.position += count
            sources[number] = source
        }
        splitter.flush(lastPacket: 1)
        for (number, source) in finished {
            var covered = [Bool](repeating: false, count: source.data.count)
            for (offset, bytes) in record.blocks(of: number) {
                let range = Int(offset)..<Int(offset) + bytes.count
                #expect(Array(source.data[range]) == bytes)
                #expect(!covered[range].contains(true), "no byte is in two blocks")
                let cells =
                    (source.objectOffset + offset) / 4096..<(source.objectOffset + UInt64(range.upperBound) + 4095)
                    / 4096
                #expect(cells.count == 1, "a block lies within one cell of the grid")
                covered.replaceSubrange(range, with: repeatElement(true, count: range.count))
            }
            for range in source.missing {
                covered.replaceSubrange(range, with: repeatElement(true, count: range.count))
            }
            #expect(!covered.contains(false), "no byte is lost")
        }
        #expect(splitter.openTransfers == 0)
        #expect(splitter.counters.earlyCuts > 0 || pool.capacity > 8)
    }

    @Test func `among more transfers than buffers, the one that stalled longest is cut short`() throws {
        let pool = try pool(buffers: 8)
        var splitter = splitter(pool)
        let limit = SplitterLimits(poolCapacity: 8).partialBlocksMax
        for number in 1...UInt64(limit) {
            splitter.open(TransferID(number), plan: TransferPlan())
            splitter.payload(TransferID(number), of: [1], at: 0)
        }
        for offset in 1...SplitterLimits(poolCapacity: 8).stalledAfterPieces + 1 {
            for number in [UInt64(1), 3, 4] { splitter.payload(TransferID(number), of: [2], at: offset) }
        }
        #expect(splitter.counters.earlyCuts == 0)
        splitter.open(TransferID(99), plan: TransferPlan())
        splitter.payload(TransferID(99), of: [1], at: 0)
        splitter.flush(lastPacket: 1)
        #expect(splitter.counters.earlyCuts == 1)
        #expect(record.blocks(of: 1).isEmpty)
        #expect(record.blocks(of: 2).map(\.bytes) == [[1]])
        #expect(splitter.partialBlocks == limit)
    }

    @Test func `among more busy transfers than buffers, those that have one fill whole blocks`() throws {
        let pool = try pool(buffers: 8)
        var splitter = splitter(pool)
        let limit = UInt64(SplitterLimits(poolCapacity: 8).partialBlocksMax)
        let count = 3 * limit
        for number in 1...count { splitter.open(TransferID(number), plan: TransferPlan()) }
        let piece = bytes(512)
        for round in UInt64(0)..<16 {
            for number in 1...count { splitter.payload(TransferID(number), of: piece, at: 512 * round) }
        }
        splitter.flush(lastPacket: 1)
        for number in 1...limit { #expect(record.blocks(of: number).map(\.bytes.count) == [4096, 4096]) }
        #expect(record.blocks(of: count).map(\.bytes.count) == Array(repeating: 512, count: 16))
        // Each eighth piece ends at the grid anyway.
        #expect(splitter.counters.earlyCuts == 14 * (count - limit))
    }

    @Test func `a busy transfer beyond those that have a buffer makes a block of each burst, not of a packet`() throws {
        let pool = try pool(buffers: 64)
        var limits = SplitterLimits(poolCapacity: 64)
        #expect(limits.passingBlocksMax > 0)
        limits.pageBuffersMax = 0
        var splitter = splitter(pool, limits)
        let settled = UInt64(limits.partialBlocksMax)
        let count = settled + 3 * UInt64(limits.passingBlocksMax)
        for number in 1...count { splitter.open(TransferID(number), plan: TransferPlan()) }
        let piece = bytes(256)
        for burst in UInt64(0)..<4 {
            for number in 1...count {
                for packet in UInt64(0)..<4 {
                    splitter.payload(TransferID(number), of: piece, at: 1024 * burst + 256 * packet)
                }
            }
        }
        for number in 1...count { splitter.close(TransferID(number), TransferEnd(length: 4096)) }
        splitter.flush(lastPacket: 1)
        for number in 1...settled { #expect(record.blocks(of: number).map(\.bytes.count) == [4096]) }
        for number in settled + 1...count {
            let lengths = record.blocks(of: number).map(\.bytes.count)
            #expect(lengths.count > 1 && lengths.allSatisfy { $0.isMultiple(of: 1024) })
        }
        #expect(pool.inUse <= limits.buffersHeldMax)
    }

    @Test func `small transfers beyond those that have a buffer are whole blocks, too`() throws {
        let pool = try pool(buffers: 64)
        let limits = SplitterLimits(poolCapacity: 64)
        do {
            var splitter = splitter(pool)
            let settled = UInt64(limits.partialBlocksMax)
            // Eight pages of the 32 of a buffer each.
            let count = settled + UInt64(limits.pageBuffersMax) * 4
            #expect(count > settled)
            let all = bytes(1000)
            for number in 1...count { splitter.open(TransferID(number), plan: TransferPlan()) }
            for offset in stride(from: 0, to: 1000, by: 100) {
                for number in 1...count {
                    splitter.payload(TransferID(number), of: Array(all[offset..<offset + 100]), at: UInt64(offset))
                }
            }
            #expect(splitter.partialBlocks == limits.partialBlocksMax)
            for number in 1...count { splitter.close(TransferID(number), TransferEnd(length: 1000)) }
            splitter.flush(lastPacket: 1)
            for number in 1...count { #expect(record.blocks(of: number).map(\.bytes) == [all]) }
            #expect(splitter.counters.earlyCuts == 0)
            #expect(pool.inUse <= limits.buffersHeldMax)
        }
        #expect(pool.inUse == 0)
    }

    @Test func `what begins in pages outgrows them, has gaps and ends on the grid without losing a byte`() throws {
        let pool = try pool(buffers: 64)
        var splitter = splitter(pool)
        let limits = SplitterLimits(poolCapacity: 64)
        let all = bytes(9000)
        let settled = UInt64(limits.partialBlocksMax)
        // Busy ones, so that the others begin in pages.
        for number in 1...settled {
            splitter.open(TransferID(number), plan: TransferPlan())
            splitter.payload(TransferID(number), of: [1], at: 0)
        }
        for number in settled + 1...settled + 4 {
            // The last of a cell of the grid, so that few bytes end a block.
            splitter.open(TransferID(number), plan: TransferPlan(objectOffset: 4096 - 300))
        }
        for (start, end) in [(0, 100), (100, 300), (300, 800), (800, 1500), (1500, 1501), (1501, 9000)] {
            for number in settled + 1...settled + 4 {
                if start == 1500 {
                    splitter.gap(TransferID(number), at: 1500, length: 1, cause: .notCaptured)
                } else {
                    splitter.payload(TransferID(number), of: Array(all[start..<end]), at: UInt64(start))
                }
            }
        }
        for number in 1...settled + 4 { splitter.close(TransferID(number), TransferEnd(length: 1)) }
        splitter.flush(lastPacket: 1)
        for number in settled + 1...settled + 4 {
            var found = [UInt8](repeating: 0, count: 9000)
            var count = 0
            for block in record.blocks(of: number) {
                found.replaceSubrange(Int(block.offset)..<Int(block.offset) + block.bytes.count, with: block.bytes)
                count += block.bytes.count
            }
            #expect(count == 8999 && found[..<1500] == all[..<1500] && found[1501...] == all[1501...])
        }
    }

    @Test func `five thousand concurrent transfers through eight buffers neither stop nor lose a byte`() throws {
        let pool = try pool(buffers: 8)
        var splitter = splitter(pool)
        let count = UInt64(5000)
        for number in 1...count { splitter.open(TransferID(number), plan: TransferPlan()) }
        for round in UInt64(0)..<3 {
            for number in 1...count {
                splitter.payload(TransferID(number), of: [UInt8(truncatingIfNeeded: number + round)], at: round)
            }
        }
        for number in 1...count { splitter.close(TransferID(number), TransferEnd(length: 3)) }
        splitter.flush(lastPacket: 1)
        var total = 0
        for case .block(let number, let offset, let bytes) in record.happenings {
            for (index, byte) in bytes.enumerated() {
                #expect(byte == UInt8(truncatingIfNeeded: number + offset + UInt64(index)))
            }
            total += bytes.count
        }
        #expect(total == 15000)
    }

    @Test func `a transfer beyond the limit becomes a gap with its cause`() throws {
        let pool = try pool()
        var limits = SplitterLimits(poolCapacity: pool.capacity)
        limits.transfersMax = 2
        var splitter = splitter(pool, limits)
        for number in UInt64(1)...3 { splitter.open(TransferID(number), plan: TransferPlan()) }
        for number in UInt64(1)...3 { splitter.payload(TransferID(number), of: [7, 8], at: 0) }
        splitter.gap(TransferID(3), at: 2, length: 1, cause: .notCaptured)
        for number in UInt64(1)...3 { splitter.close(TransferID(number), TransferEnd(length: 2)) }
        splitter.flush(lastPacket: 1)
        #expect(
            record.happenings == [
                .open(1), .open(2), .open(3), .gap(3, offset: 0, length: nil, .limit), .block(1, offset: 0, [7, 8]),
                .close(1, length: 2), .block(2, offset: 0, [7, 8]), .close(2, length: 2), .close(3, length: 2),
            ])
        #expect(splitter.counters.refusedTransfers == 1)
        #expect(splitter.counters.refusedBytes == 2)
    }

    @Test func `a splitter that goes away gives its buffers back`() throws {
        let pool = try pool()
        do {
            var splitter = splitter(pool)
            for number in UInt64(1)...5 {
                splitter.open(TransferID(number), plan: TransferPlan())
                splitter.payload(TransferID(number), of: bytes(block + 1), at: 0)
            }
            #expect(pool.inUse > 5)
        }
        #expect(pool.inUse == 0)
    }

    @Test(arguments: [1, 2, 3, 7, 100])
    func `splitters that share a pool never hold it all`(splitters: Int) {
        for capacity in stride(from: max(8, 4 * splitters), through: 4000, by: 7) {
            let limits = SplitterLimits(poolCapacity: capacity, splitters: splitters)
            #expect(limits.buffersHeldMax * splitters < capacity)
        }
    }

    @Test func `an empty pool makes the splitter wait for the writer, and nothing is lost`() throws {
        let pool = try pool(buffers: 8)
        let writer = SlowWriter(pool: pool)
        let payload = bytes(50 * block)
        do {
            var splitter = BlockSplitter(pool: pool, output: SlowWriter.Output(writer: writer))
            splitter.open(TransferID(1), plan: TransferPlan())
            splitter.payload(TransferID(1), payload.span.bytes, at: 0)
            splitter.close(TransferID(1), TransferEnd(length: UInt64(payload.count)))
            splitter.flush(lastPacket: 1)
            #expect(splitter.counters.poolWaits > 0)
        }
        writer.finish()
        #expect(writer.written == payload)
        #expect(pool.inUse == 0)
    }

    @Test func `payload that does not follow on stops the program`() async {
        await #expect(processExitsWith: .failure) {
            let pool = try BlockPool(blockSize: BlockSize(bytes: 4096), budgetBytes: 1 << 20)
            var splitter = BlockSplitter(pool: pool, output: BatchRecorder(pool: pool, record: Record()))
            splitter.open(TransferID(1), plan: TransferPlan())
            splitter.payload(TransferID(1), of: [1], at: 1)
        }
    }
}

/// A writer on a thread of its own that holds every buffer back until the splitter has none left: the worst case of
/// back-pressure, without a clock.
private final class SlowWriter: @unchecked Sendable {
    // `queue` and `isFinished` are touched with the condition locked; `written` by the thread, and after it by the test.
    struct Output: BatchOutput, ~Copyable {
        let writer: SlowWriter
        mutating func send(_ batch: consuming IngestBatch) { writer.add(batch) }
    }

    private let pool: BlockPool
    private let condition = NSCondition()
    private let done = DispatchSemaphore(value: 0)
    private var queue: [IngestBatch] = []
    private var isFinished = false
    private(set) var written: [UInt8] = []

    init(pool: BlockPool) {
        self.pool = pool
        Thread { self.run() }.start()
    }

    func add(_ batch: IngestBatch) {
        condition.withLock {
            queue.append(batch)
            condition.signal()
        }
    }

    func finish() {
        condition.withLock {
            isFinished = true
            condition.signal()
        }
        done.wait()
    }

    private func run() {
        while true {
            let batch: IngestBatch? = condition.withLock {
                while queue.isEmpty && !isFinished { condition.wait() }
                return queue.isEmpty ? nil : queue.removeFirst()
            }
            guard let batch else { break }
            while !batch.blocks.isEmpty && pool.inUse < pool.capacity && !condition.withLock({ isFinished }) {
                sched_yield()
            }
            for block in batch.blocks {
                written += pool.withBytes(of: block.buffer, count: Int(block.length)) {
                    $0.withUnsafeBytes { Array($0) }
                }
            }
            pool.release(batch.blocks)
        }
        done.signal()
    }
}
