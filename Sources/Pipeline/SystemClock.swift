internal import Glibc

/// The machine's clocks, for the threads around the data plane. The layers within know capture time only.
enum SystemClock {
    /// Nanoseconds since 1970 UTC: the clock by which the kernel stamps packets.
    static var wall: UInt64 { now(CLOCK_REALTIME) }
    /// Nanoseconds of a clock that never goes back.
    static var monotonic: UInt64 { now(CLOCK_MONOTONIC) }

    private static func now(_ clock: clockid_t) -> UInt64 {
        var now = timespec()
        unsafe clock_gettime(clock, &now)
        return UInt64(clamping: now.tv_sec) &* 1_000_000_000 &+ UInt64(clamping: now.tv_nsec)
    }
}
