/// Why a frame is not a TCP segment that can be used.
public enum FrameFault: UInt8, Error, Hashable, Sendable, CaseIterable, BitwiseCopyable {
    /// The captured bytes end within a header: snapped too short, or cut.
    case truncatedHeader
    /// No decoder for the interface's link type.
    case unsupportedLinkType
    /// The innermost header announces neither IPv4 nor IPv6 nor an encapsulation that is known (ARP, LLDP, ...).
    case unsupportedEtherType
    /// The version in the IP header is not the one announced, or neither 4 nor 6.
    case badIPVersion
    /// A length in an IP or extension header contradicts another.
    case badLength
    /// A part of a fragmented datagram, met by a ``FrameDecoder`` alone, which cannot put it together.
    case fragment
    /// IP, but neither TCP nor a tunnel that is known.
    case notTCP
    /// More IPv6 extension headers than ``DecodeLimits/extensionHeadersMax``.
    case tooManyExtensionHeaders
    /// The TCP data offset is below 5 or beyond the segment.
    case badDataOffset
    /// More encapsulations, or MPLS labels, than ``DecapsulatorLimits`` allow.
    case nestedTooDeep
    /// A tunnel that is known in a form that is not: GRE with routing or of version 1, an ERSPAN version, PPPoE code,
    /// pseudowire or EtherIP version without a decoder.
    case unsupportedTunnel
    /// More chains of VLAN and VNI than ``DecapsulatorLimits/tenantsMax``: the frame cannot be told from another tenant's.
    case tooManyTenants
    /// A fragment of what is neither TCP nor a tunnel; it was not kept.
    case fragmentNotTCP
    /// A fragment of which the capture lacks bytes.
    case fragmentSnapped
    /// A fragment whose offset or length cannot be, or contradicts the end that another stated.
    case badFragment
    /// A fragment that came before.
    case fragmentDuplicate
    /// A fragment of a datagram whose fragments overlap with other content, or in IPv6 at all (RFC 5722).
    case fragmentOverlap
    /// A fragment whose datagram was given up for want of room: ``FragmentLimits``.
    case fragmentLimit
    /// A fragment whose datagram never became whole, within the time-out or before the capture's end.
    case fragmentIncomplete

    /// The word for counters and JSON.
    public var name: String {
        switch self {
        case .truncatedHeader: "truncated-header"
        case .unsupportedLinkType: "unsupported-link-type"
        case .unsupportedEtherType: "unsupported-ether-type"
        case .badIPVersion: "bad-ip-version"
        case .badLength: "bad-length"
        case .fragment: "fragment"
        case .notTCP: "not-tcp"
        case .tooManyExtensionHeaders: "too-many-extension-headers"
        case .badDataOffset: "bad-data-offset"
        case .nestedTooDeep: "nested-too-deep"
        case .unsupportedTunnel: "unsupported-tunnel"
        case .tooManyTenants: "too-many-tenants"
        case .fragmentNotTCP: "fragment-not-tcp"
        case .fragmentSnapped: "fragment-snapped"
        case .badFragment: "bad-fragment"
        case .fragmentDuplicate: "fragment-duplicate"
        case .fragmentOverlap: "fragment-overlap"
        case .fragmentLimit: "fragment-limit"
        case .fragmentIncomplete: "fragment-incomplete"
        }
    }
}

/// What a frame was.
public enum DecodeOutcome: Hashable, Sendable, BitwiseCopyable {
    /// A TCP segment, whole or snapped.
    case segment(SegmentHeader)
    /// Something else; the reason is counted.
    case fault(FrameFault)
}

/// How many frames were no segments, by reason. A plain value without heap storage, so that counting costs nothing.
public struct FrameFaultCounts: Sendable, BitwiseCopyable {
    /// One counter per case, at its raw value.
    private var counts: InlineArray<19, UInt64> = .init(repeating: 0)

    /// No faults.
    public init() {}

    /// The number of frames with this fault.
    public subscript(fault: FrameFault) -> UInt64 {
        get { counts[Int(fault.rawValue)] }
        set { counts[Int(fault.rawValue)] = newValue }
    }

    /// Frames of every fault together.
    public var total: UInt64 { FrameFault.allCases.reduce(0) { $0 &+ self[$1] } }

    /// The faults that happened, with their counts, in the order of the enum.
    public var occurred: [(fault: FrameFault, count: UInt64)] {
        FrameFault.allCases.filter { self[$0] > 0 }.map { ($0, self[$0]) }
    }

    /// Adds another's counts.
    public mutating func add(_ other: FrameFaultCounts) {
        for fault in FrameFault.allCases { self[fault] &+= other[fault] }
    }
}
