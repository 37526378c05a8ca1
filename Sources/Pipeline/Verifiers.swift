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

    /// The body of each verifying thread: several versions at a time, as many as there are, without waiting for more.
    func run() {
        do throws(VaultError) {
            var checks = try reader.makeDigestChecks()
            while true {
                while checks.hasRoom, let version = checks.isIdle ? work.pop() : work.tryPop() {
                    begin(version, in: &checks)
                }
                if checks.isIdle { return }
                for outcome in checks.advance() {
                    results.push(Finished(version: outcome.version, result: outcome.result, failure: outcome.failure))
                }
            }
        } catch {
            // No memory for the lanes, say: the versions stay unchecked, and the report says so.
            while let version = work.pop() { results.push(Finished(version: version, failure: "\(error)")) }
        }
    }

    private func begin(_ version: VersionID, in checks: inout DigestChecks) {
        do throws(CatalogError) {
            if let record = try reader.catalog.version(version), let plan = record.verificationPlan {
                checks.add(plan, of: record)
            } else {
                results.push(Finished(version: version))
            }
        } catch {
            results.push(Finished(version: version, failure: "\(error)"))
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
