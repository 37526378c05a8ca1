import Objects
import TestSupport
import Testing

@testable import Blocks

/// What digests told of transfers; shared with the test because the splitter owns the output.
private final class DigestLog {
    var digests: RunningDigests
    /// By number of the transfer; closed ones without a digest are there as nil.
    var told: [UInt64: TransferDigest?] = [:]
    /// Which blocks the vault knows.
    var isKnown: (BlockDescriptor) -> Bool = { _ in false }

    init(_ digests: RunningDigests) { self.digests = digests }
}

/// An output that advances digests by each batch, as a hasher does.
private struct DigestingOutput: BatchOutput, ~Copyable {
    let pool: BlockPool
    let log: DigestLog

    mutating func send(_ batch: consuming IngestBatch) {
        for index in batch.blocks.indices { batch.blocks[index].isIndexed = log.isKnown(batch.blocks[index]) }
        log.digests.advance(&batch, in: pool)
        for step in batch.steps {
            if case .close(let transfer, _) = step.step { log.told[transfer.number] = .some(step.digest) }
        }
        pool.release(batch.blocks)
    }
}

private typealias DigestingSplitter = BlockSplitter<DigestingOutput>

private let blockBytes = 4096

private func makeSplitter(
    _ log: DigestLog, buffers: Int = 400, _ change: (inout SplitterLimits) -> Void = { _ in }
) throws -> DigestingSplitter {
    let pool = try BlockPool(blockSize: BlockSize(bytes: blockBytes), budgetBytes: buffers * blockBytes)
    var limits = SplitterLimits(poolCapacity: pool.capacity)
    change(&limits)
    return BlockSplitter(pool: pool, limits: limits, output: DigestingOutput(pool: pool, log: log))
}

private func md5(_ bytes: [UInt8]) throws -> [UInt8] {
    var digest = try StreamDigest(.md5)
    digest.update(bytes.span.bytes)
    return digest.finalize()
}

extension BlockSplitter where Output: ~Copyable {
    /// One block's worth of payload for each of these transfers, which stand at `offset`.
    fileprivate mutating func blocks(of transfers: ClosedRange<UInt64>, at offset: Int) {
        let bytes = [UInt8](repeating: 7, count: blockBytes)
        for number in transfers { payload(TransferID(number), of: bytes, at: UInt64(offset)) }
    }
}

@Suite struct RunningDigestsTests {
    /// Which of the random transfers has what done to it.
    private enum Fate: CaseIterable {
        case whole, gap, cutShort, shorterThanSaid, unknownLength
    }

    @Test(arguments: HashKernel.supported, [1, 2, 3, 4] as [UInt64])
    func `transfers interleaved in any way have the MD5 of OpenSSL, and those with a gap none`(
        kernel: HashKernel, seed: UInt64
    ) throws {
        var generator = SeededGenerator(seed: seed)
        let log = DigestLog(try RunningDigests(kernel))
        log.digests.lanesBusyMin = 0
        // Few partly filled blocks: transfers are cut at any byte, not only at the grid.
        var splitter = try makeSplitter(log) { limits in
            limits.partialBlocksMax = seed % 2 == 0 ? 30 : 300
            limits.stalledAfterPieces = 5
            limits.batchBlocksMax = 1 + Int(seed) * 9
        }
        let count = 60
        let messages = (0..<count).map { _ in generator.bytes(1 + Int(generator.next() % 60_000)) }
        let fates = (0..<count).map { index in index % 3 == 0 ? Fate.allCases[Int(generator.next() % 5)] : .whole }
        let gaps = messages.map { message in Int(generator.next() % UInt64(message.count)) }
        var positions = Array(repeating: 0, count: count)
        for index in 0..<count { splitter.open(TransferID(UInt64(index) + 1), plan: TransferPlan()) }
        var open = Array(0..<count)
        while let chosen = open.indices.randomElement(using: &generator) {
            let index = open[chosen]
            let id = TransferID(UInt64(index) + 1)
            let (message, position) = (messages[index], positions[index])
            if fates[index] == .gap, position >= gaps[index], position < message.count, !isPassed(gaps[index], position)
            {
                splitter.gap(id, at: UInt64(position), length: 1, cause: .notCaptured)
                positions[index] = position + 1
            } else {
                var end = min(message.count, position + 1 + Int(generator.next() % 3000))
                if fates[index] == .gap, position < gaps[index] { end = min(end, gaps[index]) }
                splitter.payload(id, of: Array(message[position..<end]), at: UInt64(position))
                positions[index] = end
            }
            guard positions[index] == message.count else { continue }
            let length = UInt64(message.count)
            let end =
                switch fates[index] {
                case .whole, .gap: TransferEnd(length: length)
                case .cutShort: TransferEnd(length: nil, cause: .captureEnded)
                case .shorterThanSaid: TransferEnd(length: length + 1)
                case .unknownLength: TransferEnd(length: nil)
                }
            splitter.close(id, end)
            open.remove(at: chosen)
        }
        splitter.flush(lastPacket: 1)
        #expect(log.told.count == count)
        for index in 0..<count {
            let told = try #require(log.told[UInt64(index) + 1])
            switch fates[index] {
            case .whole, .unknownLength:
                let expected = try md5(messages[index])
                #expect(told?.md5.equals(expected) == true, "transfer \(index + 1) of \(messages[index].count) bytes")
                #expect(told?.byteCount == UInt64(messages[index].count))
            case .gap, .cutShort, .shorterThanSaid: #expect(told == nil, "transfer \(index + 1), \(fates[index])")
            }
        }
        #expect(log.digests.openCount == 0)
    }

    /// True when the one byte of a gap at `gap` was passed.
    private func isPassed(_ gap: Int, _ position: Int) -> Bool { position > gap }

    @Test func `two transfers alone are given up for good, and cost nothing more`() throws {
        let log = DigestLog(try RunningDigests(HashKernel.supported.first))
        var splitter = try makeSplitter(log) { $0.batchBlocksMax = 32 }
        for number in UInt64(1)...2 { splitter.open(TransferID(number), plan: TransferPlan()) }
        for block in 0..<32 { splitter.blocks(of: 1...2, at: block * blockBytes) }
        #expect(log.digests.counters == .init(finished: 0, givenUp: 2, refused: 0))
        #expect(log.digests.openCount == 0)
        for number in UInt64(1)...2 {
            splitter.close(TransferID(number), TransferEnd(length: UInt64(32 * blockBytes)))
        }
        splitter.flush(lastPacket: 1)
        #expect(log.told.count == 2 && log.told.values.allSatisfy { $0 == nil })
    }

    @Test(arguments: HashKernel.supported.filter { $0.lanes(of: .md5) > 1 })
    func `a long transfer among others is the one that is given up`(kernel: HashKernel) throws {
        let log = DigestLog(try RunningDigests(kernel))
        var splitter = try makeSplitter(log) { $0.batchBlocksMax = 32 }
        for number in UInt64(1)...17 { splitter.open(TransferID(number), plan: TransferPlan()) }
        // 16 of one block each, and one of 16 blocks.
        splitter.blocks(of: 1...16, at: 0)
        for block in 0..<16 { splitter.blocks(of: 17...17, at: block * blockBytes) }
        for number in UInt64(1)...16 { splitter.close(TransferID(number), TransferEnd(length: UInt64(blockBytes))) }
        splitter.close(TransferID(17), TransferEnd(length: UInt64(16 * blockBytes)))
        splitter.flush(lastPacket: 1)
        #expect(log.digests.counters == .init(finished: 16, givenUp: 1, refused: 0))
        #expect(log.told[17] == .some(nil))
        let expected = try md5([UInt8](repeating: 7, count: blockBytes))
        #expect((1...16).allSatisfy { log.told[$0]??.md5.equals(expected) == true })
    }

    @Test func `a batch in bad company is forgiven, many are not`() throws {
        let kernel = try #require(HashKernel.supported.first { $0.lanes(of: .md5) > 1 })
        let log = DigestLog(try RunningDigests(kernel))
        var splitter = try makeSplitter(log) { $0.batchBlocksMax = 32 }
        for number in UInt64(1)...32 { splitter.open(TransferID(number), plan: TransferPlan()) }
        for block in 0..<80 { splitter.blocks(of: 1...32, at: block * blockBytes) }
        #expect(log.digests.counters.givenUp == 0)
        // 32 blocks of one transfer.
        for block in 80..<112 { splitter.blocks(of: 1...1, at: block * blockBytes) }
        #expect(log.digests.counters.givenUp == 0)
        for block in 112..<400 { splitter.blocks(of: 1...1, at: block * blockBytes) }
        #expect(log.digests.counters.givenUp == 1)
        for number in UInt64(2)...32 {
            splitter.close(TransferID(number), TransferEnd(length: UInt64(80 * blockBytes)))
        }
        splitter.flush(lastPacket: 1)
        let expected = try md5([UInt8](repeating: 7, count: 80 * blockBytes))
        #expect((2...32).allSatisfy { log.told[$0]??.md5.equals(expected) == true })
    }

    @Test(arguments: HashKernel.supported)
    func `a transfer of less than a block is digested even alone`(kernel: HashKernel) throws {
        var generator = SeededGenerator(seed: 13)
        let log = DigestLog(try RunningDigests(kernel))
        var splitter = try makeSplitter(log)
        let lengths = [1, 55, 56, 63, 64, 65, 1000, 4095]
        for (index, length) in lengths.enumerated() {
            let (id, bytes) = (TransferID(UInt64(index) + 1), generator.bytes(length))
            splitter.open(id, plan: TransferPlan())
            splitter.payload(id, of: bytes, at: 0)
            // The end may come later than the bytes.
            if index % 2 == 0 { splitter.flush(lastPacket: 1) }
            splitter.close(id, TransferEnd(length: UInt64(length)))
            splitter.flush(lastPacket: 1)
            let digest = try md5(bytes)
            #expect(log.told[id.number]??.md5.equals(digest) == true, "\(length) bytes")
        }
    }

    @Test func `a kernel of one lane digests no whole blocks: the verifier does it as fast`() throws {
        let log = DigestLog(try RunningDigests(.openSSL))
        var splitter = try makeSplitter(log) { $0.batchBlocksMax = 32 }
        for number in UInt64(1)...32 { splitter.open(TransferID(number), plan: TransferPlan()) }
        splitter.blocks(of: 1...32, at: 0)
        #expect(log.digests.counters.givenUp == 32)
        for number in UInt64(1)...32 { splitter.close(TransferID(number), TransferEnd(length: UInt64(blockBytes))) }
    }

    @Test func `a transfer whose first blocks the vault knows is left alone, one with a new block is not`() throws {
        let log = DigestLog(try RunningDigests())
        log.digests.lanesBusyMin = 0
        log.isKnown = { $0.transfer.number % 2 == 0 || $0.offset != UInt64(blockBytes) }
        var splitter = try makeSplitter(log)
        for number in UInt64(1)...32 { splitter.open(TransferID(number), plan: TransferPlan()) }
        for block in 0..<6 { splitter.blocks(of: 1...32, at: block * blockBytes) }
        for number in UInt64(1)...32 { splitter.close(TransferID(number), TransferEnd(length: UInt64(6 * blockBytes))) }
        splitter.flush(lastPacket: 1)
        let expected = try md5([UInt8](repeating: 7, count: 6 * blockBytes))
        for number in UInt64(1)...32 {
            let digest = log.told[number] ?? nil
            #expect(digest?.md5 == (number % 2 == 0 ? nil : MD5Value(expected)))
        }
        #expect(log.digests.counters.known == 16)
    }

    @Test func `transfers beyond the limit, empty ones, and those without an MD5 get none`() throws {
        let log = DigestLog(try RunningDigests(transfersMax: 2))
        var splitter = try makeSplitter(log)
        splitter.open(TransferID(1), plan: TransferPlan(mayHaveMD5: false))
        for number in UInt64(2)...4 { splitter.open(TransferID(number), plan: TransferPlan()) }
        for number in UInt64(1)...4 where number != 3 { splitter.payload(TransferID(number), of: [5], at: 0) }
        for number in UInt64(1)...4 { splitter.close(TransferID(number), TransferEnd(length: number == 3 ? 0 : 1)) }
        splitter.flush(lastPacket: 1)
        #expect(log.told[1] == .some(nil))
        #expect(log.told[2]??.md5.equals(try md5([5])) == true)
        #expect(log.told[3] == .some(nil))
        #expect(log.told[4] == .some(nil))
        #expect(log.digests.counters == .init(finished: 1, givenUp: 0, refused: 1))
        #expect(log.digests.openCount == 0)
    }
}
