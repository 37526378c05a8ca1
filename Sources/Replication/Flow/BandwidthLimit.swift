internal import Synchronization

/// A token bucket over all transfers of a run.
///
/// The bucket holds a quarter of a second's bytes. A taker goes into debt and sleeps until the debt is paid, so takers
/// are served in order of arrival and none starves.
public final class BandwidthLimit: Sendable {
    private struct Bucket {
        var paidUntil: ContinuousClock.Instant
    }

    /// The rate in bytes per second, 1 or more.
    public let bytesPerSecond: UInt64
    private let bucket: Mutex<Bucket>

    /// A limit of `bytesPerSecond`.
    public init(bytesPerSecond: UInt64) {
        self.bytesPerSecond = max(1, bytesPerSecond)
        bucket = Mutex(Bucket(paidUntil: ContinuousClock.now))
    }

    /// Returns when `bytes` more may be sent.
    func take(_ bytes: Int) async throws {
        let now = ContinuousClock.now
        let cost = Duration.seconds(Double(bytes) / Double(bytesPerSecond))
        let start = bucket.withLock { bucket in
            let start = max(bucket.paidUntil, now - .milliseconds(250))
            bucket.paidUntil = start + cost
            return start
        }
        if start > now { try await Task.sleep(until: start, clock: .continuous) }
    }
}
