/// What a ``Decapsulator`` takes for tunnels, and whether it tells tenants apart.
public struct DecapsulatorOptions: Hashable, Sendable {
    /// UDP destination ports of VXLAN: IANA's, and the one that Linux had before it. Overlays may be configured otherwise.
    public var vxlanPorts: [UInt16] = [4789, 8472]
    /// UDP destination ports of VXLAN-GPE.
    public var vxlanGPEPorts: [UInt16] = [4790]
    /// UDP destination ports of GENEVE.
    public var genevePorts: [UInt16] = [6081]
    /// UDP destination ports of GTP-U.
    public var gtpPorts: [UInt16] = [2152]
    /// UDP destination ports of MPLS (RFC 7510).
    public var mplsPorts: [UInt16] = [6635]
    /// True when connections of equal addresses in different chains of VLAN and VNI are different connections. False when
    /// they are one, as it has to be where a mirror sees the same packets on several VLANs.
    public var separatesTenants = false
    /// What frames may ask of it.
    public var limits = DecapsulatorLimits()

    /// The default options.
    public init() {}

    /// What datagrams to this UDP port carry; nil for ordinary UDP.
    func tunnel(toPort port: UInt16) -> Encapsulation? {
        if vxlanPorts.contains(port) { return .vxlan }
        if genevePorts.contains(port) { return .geneve }
        if vxlanGPEPorts.contains(port) { return .vxlanGPE }
        if gtpPorts.contains(port) { return .gtp }
        return mplsPorts.contains(port) ? .mpls : nil
    }
}

/// What frames may ask of a ``Decapsulator``.
public struct DecapsulatorLimits: Hashable, Sendable, BitwiseCopyable {
    /// Tags, label stacks and tunnel headers in one frame. A frame with more is a ``FrameFault/nestedTooDeep``. An overlay
    /// within a mirror within a provider's tags has about six.
    public var encapsulationsMax: Int = 16
    /// Labels in an MPLS stack. A stack with more is a ``FrameFault/nestedTooDeep``.
    public var labelsMax: Int = 16
    /// Chains of VLAN and VNI that can be told apart, their beginnings included. A frame of another is a
    /// ``FrameFault/tooManyTenants``.
    public var tenantsMax: Int = 65_536
    /// What an IP header may ask, tunnelled or not.
    public var headers = DecodeLimits()
    /// Room for fragments.
    public var fragments = FragmentLimits()

    /// The default limits.
    public init() {}
}

/// Room and time for IP fragments.
public struct FragmentLimits: Hashable, Sendable, BitwiseCopyable {
    /// Datagrams remembered at a time, the finished ones included for as long as their copies are looked for. At the limit
    /// the oldest is given up: ``FrameFault/fragmentLimit``.
    public var datagramsMax: Int = 4_096
    /// Bytes of memory for parts of datagrams. At the limit the oldest is given up, as above.
    public var bytesMax: Int = 16 << 20
    /// Fragments of one datagram. One with more is given up: ``FrameFault/fragmentLimit``. A datagram of 64 KiB in
    /// fragments of 576 bytes has 119.
    public var fragmentsPerDatagramMax: Int = 256
    /// Nanoseconds of capture time until an unfinished datagram is given up: ``FrameFault/fragmentIncomplete``. Linux
    /// waits 30 s for IPv4; RFC 8200 §4.5 has 60 s for IPv6, but a datagram that late was sent again long before.
    public var timeoutNanoseconds: UInt64 = 30_000_000_000
    /// Nanoseconds of capture time for which copies of a finished datagram's fragments are known as such. A mirror's
    /// copies come within milliseconds.
    public var duplicateNanoseconds: UInt64 = 1_000_000_000

    /// The default limits.
    public init() {}
}
