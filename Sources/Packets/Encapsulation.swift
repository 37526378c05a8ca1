/// What can stand between a link header and a TCP segment, and the tables that lead from one to the next.
///
/// Each value names the header that begins at an offset. The tables are the registries of those who assign the numbers; a
/// new encapsulation is a case, a row, and a function that reads its header (``LayerWalk``).
public enum Encapsulation: UInt8, Sendable, Hashable, CaseIterable, BitwiseCopyable {
    /// Ethernet II or 802.3, from its destination address on.
    case ethernet
    /// A tag of IEEE 802.1Q or 802.1ad, behind its EtherType.
    case vlan
    /// LLC, with or without SNAP (IEEE 802.2).
    case llc
    /// A label stack (RFC 3032) and what is under it.
    case mpls
    /// PPPoE, session stage (RFC 2516).
    case pppoe
    /// PPP from its protocol field on, with or without address and control (RFC 1661, RFC 1662).
    case ppp
    /// IPv4 (RFC 791).
    case ipv4
    /// IPv6 with its extension headers (RFC 8200).
    case ipv6
    /// IPv4 or IPv6, by the first four bits.
    case ip
    /// Authentication header in IPv4 (RFC 4302).
    case authentication
    /// GRE version 0 (RFC 2784, RFC 2890), also as NVGRE (RFC 7637).
    case gre
    /// ERSPAN of types I, II and III, behind GRE (draft-foschiano-erspan).
    case erspan
    /// Ethernet within IP (RFC 3378).
    case etherIP
    /// UDP (RFC 768), which is looked into for the ports of tunnels only.
    case udp
    /// VXLAN (RFC 7348).
    case vxlan
    /// VXLAN with a next-protocol field (draft-ietf-nvo3-vxlan-gpe).
    case vxlanGPE
    /// GENEVE (RFC 8926).
    case geneve
    /// GTP-U, version 1 (3GPP TS 29.281).
    case gtp
    /// TCP: the end of the way.
    case tcp

    /// The word for counters and JSON.
    public var name: String {
        switch self {
        case .etherIP: "etherip"
        case .vxlanGPE: "vxlan-gpe"
        default: String(describing: self)
        }
    }

    /// What an EtherType announces (IEEE registry, "IEEE 802 Numbers" of IANA); nil when it is not known here.
    init?(etherType: UInt16) {
        switch etherType {
        case 0x0800: self = .ipv4
        case 0x86DD: self = .ipv6
        // 802.1Q, 802.1ad, and the two that stacked tags had before it.
        case 0x8100, 0x88A8, 0x9100, 0x9200: self = .vlan
        case 0x8847, 0x8848: self = .mpls
        case 0x8864: self = .pppoe
        // Transparent Ethernet bridging (RFC 1701), which GRE, GENEVE and others carry.
        case 0x6558: self = .ethernet
        // PPP (RFC 7042).
        case 0x880B: self = .ppp
        // Below 0x0600 the field is the length of an 802.3 frame (IEEE 802.3 §3.2.6).
        case ..<0x0600: self = .llc
        default: return nil
        }
    }

    /// What an IP protocol number announces (IANA "Protocol Numbers"); nil when it is not known here.
    init?(ipProtocol: UInt8) {
        switch ipProtocol {
        case 6: self = .tcp
        case 4: self = .ipv4
        case 17: self = .udp
        case 41: self = .ipv6
        case 47: self = .gre
        case 51: self = .authentication
        case 97: self = .etherIP
        // MPLS in IP (RFC 4023).
        case 137: self = .mpls
        default: return nil
        }
    }

    /// What a PPP protocol number announces (IANA "PPP DLL Protocol Numbers"); nil when it is not known here.
    init?(pppProtocol: UInt16) {
        switch pppProtocol {
        case 0x0021: self = .ipv4
        case 0x0057: self = .ipv6
        case 0x0281, 0x0283: self = .mpls
        default: return nil
        }
    }

    /// What the next-protocol field of VXLAN-GPE announces (draft-ietf-nvo3-vxlan-gpe §3.1).
    init?(vxlanProtocol: UInt8) {
        switch vxlanProtocol {
        case 1: self = .ipv4
        case 2: self = .ipv6
        case 3: self = .ethernet
        case 5: self = .mpls
        default: return nil
        }
    }

    /// True when an EtherType is one that frames of a pseudowire or an overlay are likely to have, known here or not.
    static func isLikely(etherType: UInt16) -> Bool {
        switch etherType {
        // ARP, and LLDP.
        case 0x0806, 0x88CC: true
        default: Encapsulation(etherType: etherType) != nil
        }
    }
}

/// How many headers of each encapsulation were taken off: tags, label stacks, tunnels, and IP directly within IP. A plain value without heap storage.
public struct EncapsulationCounts: Sendable, BitwiseCopyable {
    private var counts: InlineArray<19, UInt64> = .init(repeating: 0)

    /// None.
    public init() {}

    /// Headers of this encapsulation.
    public subscript(encapsulation: Encapsulation) -> UInt64 {
        get { counts[Int(encapsulation.rawValue)] }
        set { counts[Int(encapsulation.rawValue)] = newValue }
    }

    /// The encapsulations that were met, with their counts, in the order of the enum.
    public var occurred: [(encapsulation: Encapsulation, count: UInt64)] {
        Encapsulation.allCases.filter { self[$0] > 0 }.map { ($0, self[$0]) }
    }
}
