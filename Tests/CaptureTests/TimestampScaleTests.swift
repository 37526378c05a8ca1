import Testing

@testable import Capture

@Suite struct TimestampScaleTests {
    private func scale(_ octet: UInt8, offset: Int64 = 0) -> TimestampScale {
        TimestampScale(unit: TimestampScale.unit(resolution: octet), offsetSeconds: offset)
    }

    @Test func `a time that does not fit is the last one, never an early one`() {
        for octet in 0...255 {
            let scale = scale(UInt8(octet))
            var earlier: UInt64 = 0
            for shift in 0...63 {
                let time = scale.nanoseconds(1 << UInt64(shift))
                #expect(time >= earlier, "resolution \(octet), 2^\(shift)")
                earlier = time
            }
            #expect(scale.nanoseconds(.max) >= earlier)
        }
        #expect(scale(0).nanoseconds(.max) == .max)
        #expect(scale(6).nanoseconds(.max) == .max)
        #expect(scale(6, offset: .max).nanoseconds(1) == .max)
    }

    @Test func `a time before 1970 is 0`() {
        #expect(scale(6, offset: -10).nanoseconds(9_999_999) == 0)
        #expect(scale(6, offset: -10).nanoseconds(10_000_001) == 1_000)
        #expect(scale(6, offset: .min).nanoseconds(.max) == 0)
    }

    @Test func `resolutions finer than a nanosecond round down`() {
        #expect(scale(12).nanoseconds(1_999) == 1)
        #expect(scale(19).nanoseconds(10_000_000_000_000_000_000) == 1_000_000_000)
        #expect(scale(0x80 | 63).nanoseconds(1 << 62) == 500_000_000)
        #expect(scale(0x80 | 63).nanoseconds((1 << 63) - 1) == 999_999_999)
        #expect(scale(20).nanoseconds(.max) == 0)
        #expect(scale(0xFF).nanoseconds(.max) == 0)
    }
}
