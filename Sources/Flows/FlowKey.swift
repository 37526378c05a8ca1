import Packets

/// The addresses and ports of a connection, the same for both of its directions.
///
/// The lesser (address, port) pair stands first, so that a segment and its answer have equal keys; which end sent a
/// segment travels beside the key as `sourceIsFirst`.
struct FlowKey: BitwiseCopyable, Equatable {
    /// High and low words of the first address. IPv4 is marked by a high word of ones: as IPv6 that is a multicast
    /// prefix, which no TCP segment bears (RFC 9293 §3.9.2.3) and `init` refuses.
    private(set) var firstHigh: UInt64
    private(set) var firstLow: UInt64
    private(set) var secondHigh: UInt64
    private(set) var secondLow: UInt64
    /// The first port in bits 16-31, the second in bits 0-15.
    private(set) var ports: UInt32
    /// Keeps equal addresses of two tenants apart; 0 when the caller does not tell tenants apart.
    private(set) var tenant: UInt32

    private static var ipv4Mark: UInt64 { .max }

    /// The key of a segment; nil when its addresses are none that TCP may use.
    @inline(__always)
    init?(_ header: SegmentHeader, tenant: UInt32, sourceIsFirst: inout Bool) {
        let isIPv4 = header.source.isIPv4
        let sourceHigh = isIPv4 ? Self.ipv4Mark : header.source.high
        let targetHigh = isIPv4 ? Self.ipv4Mark : header.destination.high
        let sourceLow = header.source.low
        let targetLow = header.destination.low
        if !isIPv4, sourceHigh == Self.ipv4Mark || targetHigh == Self.ipv4Mark { return nil }
        let isFirst =
            if sourceHigh != targetHigh {
                sourceHigh < targetHigh
            } else if sourceLow != targetLow {
                sourceLow < targetLow
            } else {
                header.sourcePort <= header.destinationPort
            }
        sourceIsFirst = isFirst
        firstHigh = isFirst ? sourceHigh : targetHigh
        firstLow = isFirst ? sourceLow : targetLow
        secondHigh = isFirst ? targetHigh : sourceHigh
        secondLow = isFirst ? targetLow : sourceLow
        let source = UInt32(header.sourcePort)
        let target = UInt32(header.destinationPort)
        ports = isFirst ? source << 16 | target : target << 16 | source
        self.tenant = tenant
    }

    /// Without branches: a lookup compares keys only after their hashes agreed, so they are nearly always equal.
    @inline(__always)
    static func == (one: FlowKey, other: FlowKey) -> Bool {
        let firsts = (one.firstHigh ^ other.firstHigh) | (one.firstLow ^ other.firstLow)
        let seconds = (one.secondHigh ^ other.secondHigh) | (one.secondLow ^ other.secondLow)
        return firsts | seconds | UInt64((one.ports ^ other.ports) | (one.tenant ^ other.tenant)) == 0
    }

    /// The first end's address.
    var firstAddress: IPAddress { Self.address(firstHigh, firstLow) }
    /// The second end's address.
    var secondAddress: IPAddress { Self.address(secondHigh, secondLow) }
    /// The first end's port.
    var firstPort: UInt16 { UInt16(truncatingIfNeeded: ports >> 16) }
    /// The second end's port.
    var secondPort: UInt16 { UInt16(truncatingIfNeeded: ports) }

    private static func address(_ high: UInt64, _ low: UInt64) -> IPAddress {
        high == ipv4Mark
            ? IPAddress(ipv4: UInt32(truncatingIfNeeded: low)) : IPAddress(ipv6High: high, low: low)
    }
}

/// Secret words that turn a key into its place in the table, so that nobody can aim many flows at one place.
@usableFromInline
struct FlowHashSeed: BitwiseCopyable, Sendable {
    private let first: UInt64
    private let second: UInt64
    private let third: UInt64

    /// A seed of the system's random numbers. What the assembler reports never depends on it.
    init() {
        var random = SystemRandomNumberGenerator()
        self.init(first: random.next(), second: random.next(), third: random.next())
    }

    /// A seed of these words, for tests.
    init(first: UInt64, second: UInt64, third: UInt64) {
        self.first = first
        self.second = second
        self.third = third
    }

    /// 32 bits that depend on every bit of the key. Two folded 64-bit products side by side and a third over both.
    @inline(__always)
    func hash(_ key: FlowKey) -> UInt32 {
        let one = Self.fold(key.firstHigh ^ first, key.firstLow ^ second)
        let other = Self.fold(key.secondHigh ^ second, key.secondLow ^ third)
        let rest = UInt64(key.tenant) << 32 | UInt64(key.ports)
        let mixed = Self.fold(one ^ rest, (other &+ third) | 1)
        return UInt32(truncatingIfNeeded: mixed ^ (mixed >> 32))
    }

    @inline(__always)
    private static func fold(_ one: UInt64, _ other: UInt64) -> UInt64 {
        let product = one.multipliedFullWidth(by: other)
        return product.high ^ product.low
    }
}
