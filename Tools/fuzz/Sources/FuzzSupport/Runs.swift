public import Flows

/// One run of a flow's bytes, a gap, or an end, as the HTTP target reads it from its input.
///
/// Two bytes, then the run's bytes: the first chooses half (bit 0), continuation of a segment (1), what is acknowledged
/// (2-3: all, nothing known, all, a little less), unit of length (4: 1 or 16 bytes) and what it is (5-7: 7 a gap, 6 an
/// end, else bytes); the second is the length in units, less one.
public struct FuzzRun {
    /// What a run is.
    public enum Kind { case bytes, gap, end }

    /// What it is.
    public var kind: Kind
    /// Who sent it.
    public var half: HalfConnection
    /// True when its first byte is the first of a segment.
    public var isSegmentStart: Bool
    /// How many bytes less than all it acknowledges; nil when it acknowledges nothing known.
    public var lag: UInt64?
    /// Its length in bytes.
    public var length: Int
    /// Its bytes.
    public var bytes: [UInt8] = []

    /// Reads the next run; nil at the end.
    public init?(_ input: inout FuzzInput) {
        guard !input.isEmpty else { return nil }
        let choice = input.byte()
        let size = input.byte()
        kind = choice >> 5 == 7 ? .gap : choice >> 5 == 6 ? .end : .bytes
        half = choice & 1 == 0 ? .fromInitiator : .fromResponder
        isSegmentStart = choice & 2 == 0
        lag = choice >> 2 & 3 == 1 ? nil : choice >> 2 & 3 == 3 ? UInt64(size) : 0
        length = (Int(size) + 1) * (choice & 16 == 0 ? 1 : 16)
        guard kind == .bytes else { return }
        bytes = input.take(length)
        length = bytes.count
        if bytes.isEmpty { return nil }
    }

    /// Writes bytes of a half as runs that acknowledge everything; the reverse of reading, for seeds.
    public static func encode(_ bytes: [UInt8], _ half: HalfConnection) -> [UInt8] {
        var output: [UInt8] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let continues: UInt8 = rest.startIndex == bytes.startIndex ? 0 : 2
            let units = min(rest.count / 16, 256)
            let count = units > 0 ? units * 16 : rest.count
            output.append(half.rawValue | continues | (units > 0 ? 16 : 0))
            output.append(UInt8((units > 0 ? units : count) - 1))
            output += rest.prefix(count)
            rest = rest.dropFirst(count)
        }
        return output
    }
}
