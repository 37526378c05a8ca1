import Blocks
import Objects
import TestSupport
import Testing

@testable import Pipeline

@Suite struct DigestTurnsTests {
    @Test(arguments: [1, 2, 3, 5])
    func `batches dealt to several hashers give the digests of whole transfers`(hashers: Int) throws {
        let blockBytes = 4096
        let pool = try BlockPool(blockSize: BlockSize(bytes: blockBytes), budgetBytes: 1024 * blockBytes)
        var generator = SeededGenerator(seed: UInt64(hashers))
        let messages = (0..<24).map { _ in generator.bytes(5 * blockBytes + Int(generator.next() % 9000)) }
        // A block of each transfer in turn; batches of 29 blocks.
        var batches = [IngestBatch()]
        for index in messages.indices {
            batches[0].steps.append(.init(blocksBefore: 0, step: .open(TransferID(UInt64(index) + 1), TransferPlan())))
        }
        for block in 0..<8 {
            for (index, message) in messages.enumerated() where block * blockBytes < message.count {
                let (id, start) = (TransferID(UInt64(index) + 1), block * blockBytes)
                let end = min(message.count, start + blockBytes)
                let buffer = try #require(pool.acquire())
                pool.copy(message[start..<end].span.bytes, into: buffer, at: 0)
                batches[batches.count - 1].blocks.append(
                    BlockDescriptor(transfer: id, offset: UInt64(start), length: UInt32(end - start), buffer: buffer))
                if end == message.count {
                    let step = IngestStep.close(id, TransferEnd(length: UInt64(end)))
                    batches[batches.count - 1].steps.append(
                        .init(blocksBefore: batches[batches.count - 1].blocks.count, step: step))
                }
                if batches[batches.count - 1].blocks.count == 29 { batches.append(IngestBatch()) }
            }
        }
        let turns = DigestTurns(try RunningDigests(), hashers: hashers)
        let queues = (0..<hashers).map { _ in BoundedQueue<IngestBatch>(capacity: 100) }
        let results = BoundedQueue<IngestBatch>(capacity: 100)
        for (index, batch) in batches.enumerated() { queues[index % hashers].push(batch) }
        var threads = WorkerThreads()
        for hasher in 0..<hashers {
            queues[hasher].close()
            let input = queues[hasher]
            threads.start(name: "test-hasher") {
                while var batch = input.pop() {
                    turns.advance(&batch, in: pool, hasher: hasher)
                    results.push(batch)
                }
            }
        }
        threads.join()
        results.close()
        var told: [UInt64: TransferDigest] = [:]
        while let batch = results.pop() {
            for step in batch.steps {
                if case .close(let transfer, _) = step.step { told[transfer.number] = step.digest }
            }
            pool.release(batch.blocks)
        }
        // Without wide registers whole blocks are left to the verifier.
        guard try HashPlan.current().md5 == .avx512 || HashPlan.current().md5 == .avx2 else { return }
        for (index, message) in messages.enumerated() {
            var digest = try StreamDigest(.md5)
            digest.update(message.span.bytes)
            let expected = digest.finalize()
            let value = try #require(told[UInt64(index) + 1], "transfer \(index + 1) has no digest")
            #expect(value.md5.equals(expected) && value.byteCount == UInt64(message.count))
        }
    }
}
