internal import Glibc

/// An IPv4 or IPv6 address as 16 bytes; IPv4 in its mapped form (RFC 4291 §2.5.5.2), so that `::ffff:10.0.0.1` and
/// `10.0.0.1` are one.
public struct NetworkAddress: Sendable, Hashable {
    /// The high and the low 64 bits.
    let high: UInt64
    let low: UInt64

    /// The address of its textual form, IPv6 with or without brackets and zone; nil for anything else.
    public init?(_ text: String) {
        var text = text[...]
        if text.hasPrefix("["), text.hasSuffix("]") { text = text.dropFirst().dropLast() }
        let address = String(text.prefix { $0 != "%" })
        var v4 = in_addr()
        // The C library knows every spelling of an address; both calls read a terminated string and write a struct of
        // the family's size.
        if unsafe inet_pton(AF_INET, address, &v4) == 1 {
            high = 0
            low = 0xFFFF_0000_0000 | UInt64(UInt32(bigEndian: v4.s_addr))
            return
        }
        var v6 = in6_addr()
        guard unsafe inet_pton(AF_INET6, address, &v6) == 1 else { return nil }
        (high, low) = unsafe withUnsafeBytes(of: &v6) { bytes in
            unsafe (
                UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
                UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            )
        }
    }
}

/// A range of addresses that share their first bits: `10.0.0.0/8`, `fd00::/8`.
public struct NetworkPrefix: Sendable, Hashable {
    private let high: UInt64
    private let low: UInt64
    private let highMask: UInt64
    private let lowMask: UInt64

    /// The network of `address/bits`, or of one address without a slash; nil for anything else.
    public init?(_ text: String) {
        let halves = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard (1...2).contains(halves.count), let address = NetworkAddress(halves[0]) else { return nil }
        let isV6 = halves[0].utf8.contains(UInt8(ascii: ":"))
        let width = isV6 ? 128 : 32
        var bits = width
        if halves.count == 2 {
            guard let number = Int(halves[1]), (0...width).contains(number) else { return nil }
            bits = number
        }
        // Counted in the mapped form, where an IPv4 address stands behind 96 bits.
        if !isV6 { bits += 96 }
        highMask = bits >= 64 ? .max : ~(UInt64.max >> UInt64(bits))
        lowMask = bits <= 64 ? 0 : (bits == 128 ? .max : ~(UInt64.max >> UInt64(bits - 64)))
        high = address.high & highMask
        low = address.low & lowMask
    }

    /// True when the address lies within.
    public func contains(_ address: NetworkAddress) -> Bool {
        address.high & highMask == high && address.low & lowMask == low
    }
}
