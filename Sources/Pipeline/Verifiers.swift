internal import Catalog
internal import Vaults

/// Threads that read complete versions back from the vault and recompute the digests which the cloud stated.
///
/// They work on idle time: the writer offers what became complete and never waits for them while traffic comes.
final class Verifiers: Sendable {
    /// A version to check, and what came of it: nil when it is gone or cannot be read.
    private let work = BoundedQueue<VersionID>(capacity: 1024)
    private let results = BoundedQueue<Finished>(capacity: 4096)
    private let reader: VaultReader

    /// What came of one version.
    struct Finished: Sendable {
        var version: VersionID
        /// Nil when there was nothing to check (any more).
        var result: VerificationResult?
        /// Why the version's bytes could not be read back.
        var failure: String?
    }

    init(reader: VaultReader) { self.reader = reader }

    /// The body of each verifying thread.
    func run() {
        while let version = work.pop() {
            var finished = Finished(version: version)
            do {
                if let record = try reader.catalog.version(version), let plan = record.verificationPlan {
                    finished.result = try reader.check(plan, of: record)
                }
            } catch {
                finished.failure = String(describing: error)
            }
            results.push(finished)
        }
    }

    /// Queues a version if there is room.
    func offer(_ version: VersionID) -> Bool { work.offer(version) }

    /// A result, if one is there.
    func finished() -> Finished? { results.tryPop() }

    /// Waits for a result. Only for as many as were offered and not taken.
    func nextFinished() -> Finished? { results.pop() }

    /// No more work comes; the threads end when the queue is empty.
    func close() {
        work.close()
        results.close()
    }
}
