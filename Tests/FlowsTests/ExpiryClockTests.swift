import TestSupport
import Testing

@testable import Flows

@Suite struct `A clock of expiry` {
    @Test func `is due at the same packets as the assembler that sees them all`() {
        var tracker = FlowTracker(limits: FlowLimits(), checksumPolicy: .auto, seed: FlowHashSeed())
        var clock = ExpiryClock()
        var generator = SeededGenerator(seed: 11)
        var time: UInt64 = 1_700_000_000_000_000_000
        for _ in 0..<2_000 {
            // Now and then time leaps, or steps back.
            switch UInt8.random(in: 0..<40, using: &generator) {
            case 0: time += 90_000_000_000
            case 1: time -= 1_000_000_000
            default: time += UInt64.random(in: 0..<60_000_000, using: &generator)
            }
            #expect(clock.isDue(time) == tracker.beginExpiry(time))
            if Bool.random(using: &generator) {
                clock.take(segmentAt: time)
                tracker.clock.advance(to: time)
            }
        }
    }
}
