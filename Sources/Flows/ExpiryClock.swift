/// Says when an assembler that sees all segments would look at the flows that wait or are idle.
///
/// Whoever spreads segments over several assemblers asks it, and tells all of them to look at the same places: then each
/// flow meets its end, and each hole its gap, at the same packet whatever the number of assemblers.
public struct ExpiryClock: Sendable {
    private var clock = CaptureClock()
    private var next: UInt64 = 0
    private let interval: UInt64

    /// A clock for assemblers with these limits.
    public init(limits: FlowLimits = FlowLimits()) { interval = limits.expiryInterval }

    /// Takes the time of a packet, or that which passed without one; true when it is time to look.
    public mutating func isDue(_ now: UInt64) -> Bool {
        clock.advance(to: now)
        guard clock.now >= next else { return false }
        next = clock.now &+ interval
        return true
    }

    /// Takes the time of a segment that goes to an assembler: a leap of time counts once a second packet confirms it.
    public mutating func take(segmentAt time: UInt64) { clock.advance(to: time) }
}
