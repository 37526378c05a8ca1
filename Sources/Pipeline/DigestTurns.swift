internal import Blocks
internal import Synchronization

/// The running digests of transfers whose batches are dealt to several hashers in turn: each hasher waits until the one
/// before it has digested its batch, so that the digests see all batches in order. With one hasher nobody waits.
///
/// Fingerprints, the greater part, are computed before, and compression comes after: only MD5 goes one by one. Every batch
/// takes its turn, also an empty one.
final class DigestTurns: Sendable {
    private let digests: Mutex<RunningDigests>
    private let turns: [BoundedQueue<Void>]

    init(_ digests: RunningDigests, hashers: Int) {
        self.digests = Mutex(digests)
        turns = (0..<hashers).map { _ in BoundedQueue(capacity: 1) }
        turns[0].push(())
    }

    /// Advances the digests by the next batch of the hasher with this number, when it is its turn.
    func advance(_ batch: inout IngestBatch, in pool: BlockPool, hasher: Int) {
        _ = turns[hasher].pop()
        digests.withLock { $0.advance(&batch, in: pool) }
        turns[(hasher + 1) % turns.count].push(())
    }
}
