/// Why a frame is not a TCP segment that can be used.
public enum FrameFault: UInt8, Error, Hashable, Sendable, CaseIterable, BitwiseCopyable {
    /// The captured bytes end within a header: snapped too short, or cut.
    case truncatedHeader
    /// No decoder for the interface's link type.
    case unsupportedLinkType
    /// The link header announces neither IPv4 nor IPv6 (ARP, VLAN, MPLS, 802.3 lengths, ...).
    case unsupportedEtherType
    /// The version in the IP header is not the one announced, or neither 4 nor 6.
    case badIPVersion
    /// A length in an IP or extension header contradicts another.
    case badLength
    /// A part of a fragmented datagram.
    case fragment
    /// IP, but not TCP.
    case notTCP
    /// More IPv6 extension headers than ``DecodeLimits/extensionHeadersMax``.
    case tooManyExtensionHeaders
    /// The TCP data offset is below 5 or beyond the segment.
    case badDataOffset

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
    private var counts: InlineArray<9, UInt64> = .init(repeating: 0)

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
