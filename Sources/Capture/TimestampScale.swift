/// How an interface counts time (draft-ietf-opsawg-pcapng §4.2: if_tsresol, if_tsoffset), and the way to nanoseconds.
///
/// Times before 1970 become 0 and times after the year 2554 become `UInt64.max`: no value on disk can wrap around.
struct TimestampScale: Hashable, BitwiseCopyable {
    /// The length of a unit.
    enum Unit: Hashable, BitwiseCopyable {
        /// So many nanoseconds.
        case nanoseconds(UInt64)
        /// 1/n of a second, finer than a nanosecond and a power of ten.
        case secondOver(UInt64)
        /// 2^-n seconds, n below 64.
        case binary(UInt64)
        /// So fine that the 64 bits of a time hold less than a second: only the offset tells anything.
        case vanishing
    }

    var unit: Unit
    /// Added to every time, in seconds.
    var offsetSeconds: Int64

    /// Microseconds since 1970: what holds without options.
    static let microseconds = TimestampScale(unit: .nanoseconds(1_000), offsetSeconds: 0)

    /// The unit that an if_tsresol octet states: a negative power of two with its top bit set, else of ten.
    static func unit(resolution octet: UInt8) -> Unit {
        let exponent = UInt64(octet & 0x7F)
        if octet & 0x80 != 0 { return exponent < 64 ? .binary(exponent) : .vanishing }
        if exponent <= 9 { return .nanoseconds(powerOfTen(9 - exponent)) }
        return exponent <= 19 ? .secondOver(powerOfTen(exponent)) : .vanishing
    }

    private static func powerOfTen(_ exponent: UInt64) -> UInt64 { (0..<exponent).reduce(1) { power, _ in power * 10 } }

    /// Nanoseconds since 1970 for a time in this scale.
    @inline(__always)
    func nanoseconds(_ ticks: UInt64) -> UInt64 {
        if case .nanoseconds(let length) = unit, offsetSeconds == 0 {
            let product = ticks.multipliedReportingOverflow(by: length)
            return product.overflow ? .max : product.partialValue
        }
        return slowNanoseconds(ticks)
    }

    private func slowNanoseconds(_ ticks: UInt64) -> UInt64 {
        let billion: UInt64 = 1_000_000_000
        let seconds: UInt64
        let rest: UInt64
        switch unit {
        case .nanoseconds(let length):
            let perSecond = billion / length
            seconds = ticks / perSecond
            rest = ticks % perSecond * length
        case .secondOver(let perSecond):
            seconds = ticks / perSecond
            rest = perSecond.dividingFullWidth((ticks % perSecond).multipliedFullWidth(by: billion)).quotient
        case .binary(let exponent):
            seconds = ticks >> exponent
            let fraction = ticks & ((1 << exponent) &- 1)
            let product = fraction.multipliedFullWidth(by: billion)
            rest = exponent == 0 ? 0 : product.low >> exponent | product.high << (64 - exponent)
        case .vanishing:
            seconds = 0
            rest = 0
        }
        let shifted = Int64(clamping: seconds).addingReportingOverflow(offsetSeconds)
        if shifted.overflow { return .max }
        guard shifted.partialValue >= 0 else { return 0 }
        let whole = UInt64(shifted.partialValue).multipliedReportingOverflow(by: billion)
        let total = whole.partialValue.addingReportingOverflow(rest)
        return whole.overflow || total.overflow ? .max : total.partialValue
    }
}
