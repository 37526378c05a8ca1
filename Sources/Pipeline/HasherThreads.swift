internal import Blocks
internal import Vaults

/// The hashing threads: each takes batches from its own queue and hands them on in its own queue, so that order is kept.
struct HasherThreads: ~Copyable {
    private var threads = WorkerThreads()

    init(
        count: Int, from source: [BoundedQueue<IngestBatch>], to target: [BoundedQueue<IngestBatch>], pool: BlockPool,
        hasher: BlockHasher, digests: RunningDigests, areDealt: Bool, preparation: BlockPreparation
    ) {
        // Batches that are dealt in turn have the same transfers; else each queue has transfers of its own.
        let shared = DigestTurns(digests, hashers: count)
        for index in 0..<count {
            let (input, output) = (source[index], target[index])
            let turns = areDealt ? shared : DigestTurns(digests, hashers: 1)
            threads.start(name: "hasher-\(index)") {
                while var batch = input.pop() {
                    hasher.hash(&batch.blocks, in: pool)
                    preparation.lookUp(&batch)
                    turns.advance(&batch, in: pool, hasher: areDealt ? index : 0)
                    preparation.pack(&batch, in: pool)
                    let blocks = batch.blocks
                    if !output.push(batch) { pool.release(blocks) }
                }
            }
        }
    }

    /// Waits until every thread has handed on its last batch, and has ended.
    consuming func join() { threads.join() }
}
