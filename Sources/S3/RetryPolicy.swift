/// When a request is tried again, and after how long: exponential back-off with full jitter, so that many clients that
/// failed together do not come back together.
public struct RetryPolicy: Sendable {
    /// Attempts in all, 1 or more. Default 6.
    public var attemptsMax: Int
    /// Upper end of the first pause in seconds; each further one doubles. Default 0.2.
    public var firstPauseSeconds: Double
    /// Upper end of any pause in seconds. Default 20.
    public var pauseSecondsMax: Double
    /// Longest `Retry-After` that is honoured, in seconds; a longer one is cut to it. Default 120.
    public var retryAfterSecondsMax: Double

    /// A policy of its parts.
    public init(
        attemptsMax: Int = 6, firstPauseSeconds: Double = 0.2, pauseSecondsMax: Double = 20,
        retryAfterSecondsMax: Double = 120
    ) {
        self.attemptsMax = max(1, attemptsMax)
        self.firstPauseSeconds = max(0, firstPauseSeconds)
        self.pauseSecondsMax = max(0, pauseSecondsMax)
        self.retryAfterSecondsMax = max(0, retryAfterSecondsMax)
    }

    /// The pause after attempt number `attempt` (from 1) failed. The target's own wish is a lower bound.
    func pause(after attempt: Int, retryAfterSeconds: Double?, random: () -> Double = { .random(in: 0...1) }) -> Double
    {
        let ceiling = min(pauseSecondsMax, firstPauseSeconds * Double(1 << min(attempt - 1, 30)))
        let jittered = ceiling * random()
        guard let wish = retryAfterSeconds, wish.isFinite else { return jittered }
        return max(jittered, min(max(0, wish), retryAfterSecondsMax))
    }
}
