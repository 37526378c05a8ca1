import Testing

@testable import Flows

@Suite struct CaptureClockTests {
    @Test func `time never runs backwards, and leaps need a witness`() {
        var clock = CaptureClock()
        clock.advance(to: 1_000_000_000_000)
        clock.advance(to: 999_000_000_000)
        #expect(clock.now == 1_000_000_000_000)
        clock.advance(to: 1_050_000_000_000)
        #expect(clock.now == 1_050_000_000_000)
        clock.advance(to: 9_000_000_000_000)
        #expect(clock.now == 1_050_000_000_000)
        clock.advance(to: 1_051_000_000_000)
        clock.advance(to: 9_001_000_000_000)
        #expect(clock.now == 9_000_000_000_000)
    }
}
