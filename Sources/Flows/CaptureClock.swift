/// The capture's own time: the latest time stamp that can be believed.
///
/// It never runs backwards, so merged files of unlike clocks only make it stand still. A leap ahead counts only when a
/// second packet confirms it: one corrupt record header must not make every flow look idle.
struct CaptureClock {
    /// Nanoseconds since 1970 UTC; 0 before the first packet.
    private(set) var now: UInt64 = 0
    /// The unconfirmed leap; 0 when there is none.
    private var leap: UInt64 = 0

    /// A leap is more than a minute: nodes are seldom silent as long, and no slack or idle time is decided wrongly
    /// below.
    private static var leapNanosecondsMin: UInt64 { 60_000_000_000 }

    /// Takes a packet's time.
    @inline(__always)
    mutating func advance(to time: UInt64) {
        guard time > now else { return }
        if time &- now < Self.leapNanosecondsMin || now == 0 {
            now = time
        } else {
            leap(to: time)
        }
    }

    private mutating func leap(to time: UInt64) {
        let difference = time > leap ? time - leap : leap - time
        if leap > now, difference < Self.leapNanosecondsMin {
            now = min(time, leap)
            leap = 0
        } else {
            leap = time
        }
    }
}
