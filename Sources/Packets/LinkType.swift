/// How the frames of an interface begin: the LINKTYPE_ value of a capture file.
///
/// Values: the IETF registry of link types (draft-ietf-opsawg-pcaplinktype).
public struct LinkType: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
    /// The registry's number.
    public let rawValue: UInt16

    /// The link type of this number, known here or not.
    @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Ethernet II.
    public static let ethernet = LinkType(rawValue: 1)
    /// IPv4 or IPv6 without any link header; the number in files.
    public static let rawIP = LinkType(rawValue: 101)
    /// As ``rawIP``: the number of DLT_RAW on most systems, which leaks into files.
    public static let rawIPLinux = LinkType(rawValue: 12)
    /// As ``rawIP``: the number of DLT_RAW on OpenBSD.
    public static let rawIPOpenBSD = LinkType(rawValue: 14)
    /// IPv4 without any link header.
    public static let rawIPv4 = LinkType(rawValue: 228)
    /// IPv6 without any link header.
    public static let rawIPv6 = LinkType(rawValue: 229)
    /// Linux cooked capture, version 1: `tcpdump -i any` of old.
    public static let linuxCooked = LinkType(rawValue: 113)
    /// Linux cooked capture, version 2: `tcpdump -i any`.
    public static let linuxCooked2 = LinkType(rawValue: 276)
    /// BSD loopback: an address family in the capturing machine's byte order.
    public static let null = LinkType(rawValue: 0)
    /// OpenBSD loopback: an address family in network byte order.
    public static let loop = LinkType(rawValue: 108)
    /// PPP, with or without its HDLC-like framing (RFC 1662).
    public static let ppp = LinkType(rawValue: 9)
    /// PPP in HDLC-like framing.
    public static let pppHDLC = LinkType(rawValue: 50)
    /// A PPPoE header, without Ethernet before it.
    public static let pppEthernet = LinkType(rawValue: 51)
    /// An MPLS label stack.
    public static let mpls = LinkType(rawValue: 219)
}

extension LinkType: CustomStringConvertible {
    /// Name and number for messages.
    public var description: String {
        switch self {
        case .ethernet: "Ethernet (1)"
        case .rawIP, .rawIPLinux, .rawIPOpenBSD: "raw IP (\(rawValue))"
        case .rawIPv4: "raw IPv4 (228)"
        case .rawIPv6: "raw IPv6 (229)"
        case .linuxCooked: "Linux cooked v1 (113)"
        case .linuxCooked2: "Linux cooked v2 (276)"
        case .null: "BSD loopback (0)"
        case .loop: "OpenBSD loopback (108)"
        case .ppp, .pppHDLC: "PPP (\(rawValue))"
        case .pppEthernet: "PPPoE (51)"
        case .mpls: "MPLS (219)"
        default: "link type \(rawValue)"
        }
    }
}
