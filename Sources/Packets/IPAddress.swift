/// An IPv4 or IPv6 address. An IPv4 address never equals an IPv6 one, not even its IPv4-mapped form.
public struct IPAddress: Hashable, Sendable, BitwiseCopyable {
    /// Bits 127-64 of an IPv6 address in host order; 0 for IPv4.
    public let high: UInt64
    /// Bits 63-0 of an IPv6 address in host order; an IPv4 address in the low 32 bits.
    public let low: UInt64
    /// True for IPv4.
    public let isIPv4: Bool

    /// The IPv4 address of these 32 bits in host order.
    @inlinable
    public init(ipv4 bits: UInt32) {
        high = 0
        low = UInt64(bits)
        isIPv4 = true
    }

    /// The IPv6 address of these two words in host order.
    @inlinable
    public init(ipv6High high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
        isIPv4 = false
    }

    /// Number of bits in an address of this family: 32 or 128.
    public var bitCount: Int { isIPv4 ? 32 : 128 }
}

extension IPAddress: Comparable {
    /// IPv4 before IPv6, then by numeric value.
    @inlinable
    public static func < (earlier: IPAddress, later: IPAddress) -> Bool {
        if earlier.isIPv4 != later.isIPv4 { return earlier.isIPv4 }
        if earlier.high != later.high { return earlier.high < later.high }
        return earlier.low < later.low
    }
}
