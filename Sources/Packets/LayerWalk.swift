/// The way through one frame, header by header, until TCP or a fragment is reached.
///
/// It is a cursor, without the bytes: each step gets the captured bytes up to ``capturedEnd``, reads the header at
/// ``offset``, and moves on. A header states where its contents end, so the two ends only shrink, but for one case: an inner
/// IP header that states more than its carrier holds is believed, because mirrors cut packets before they wrap them.
struct LayerWalk: BitwiseCopyable {
    /// What begins at ``offset``.
    var next: Encapsulation
    /// Where the header to be read begins: 0 to ``capturedEnd``.
    var offset: Int
    /// Where the bytes end that are captured and belong to the layer to be read; at most ``wireEnd``.
    var capturedEnd: Int
    /// Where the layer to be read ended on the wire.
    var wireEnd: Int
    /// The innermost IP header so far, its payload beginning at ``offset`` when ``next`` is a protocol of IP.
    var internet: InternetHeader?
    /// VLAN and network ids so far.
    var chain = TenantChain()
    /// True when ``offset`` is where the payload of ``internet`` begins.
    var isDirectlyInIP = false
    /// Encapsulations so far.
    var depth = 0

    init(next: Encapsulation, offset: Int, capturedEnd: Int, wireEnd: Int) {
        self.next = next
        self.offset = offset
        self.capturedEnd = capturedEnd
        self.wireEnd = max(wireEnd, capturedEnd)
    }

    /// The first step into a frame of this link type.
    init(_ frame: borrowing RawSpan, _ linkType: LinkType, wireLength: Int) throws(FrameFault) {
        self.init(next: .ethernet, offset: 0, capturedEnd: frame.byteCount, wireEnd: wireLength)
        switch linkType {
        case .ethernet: break
        case .ppp, .pppHDLC: next = .ppp
        case .pppEthernet: next = .pppoe
        case .mpls: next = .mpls
        default:
            let link = try LinkHeader.parse(frame, linkType)
            offset = link.payloadOffset
            next = try Self.named(Encapsulation(etherType: link.etherType))
        }
    }

    /// Throws ``FrameFault/unsupportedEtherType`` where a table had no row.
    static func named(_ encapsulation: Encapsulation?) throws(FrameFault) -> Encapsulation {
        guard let encapsulation else { throw .unsupportedEtherType }
        return encapsulation
    }

    /// Makes sure that a header of `count` bytes is within its layer and was captured.
    func need(_ count: Int) throws(FrameFault) {
        guard wireEnd &- offset >= count else { throw .badLength }
        guard capturedEnd &- offset >= count else { throw .truncatedHeader }
    }

    /// Goes on behind a header of `count` bytes, which ``need(_:)`` has seen.
    mutating func advance(_ count: Int, to encapsulation: Encapsulation) {
        offset &+= count
        isDirectlyInIP = false
        next = encapsulation
    }

    /// Lets the layer end at `end`, which is not before ``offset``.
    mutating func close(at end: Int) {
        wireEnd = end
        capturedEnd = min(capturedEnd, end)
    }

    /// True when a part of a datagram begins at ``offset``.
    var isAtFragment: Bool { internet?.isFragment ?? false }

    /// Goes on to TCP or to a fragment.
    mutating func run(
        _ frame: borrowing RawSpan, _ options: DecapsulatorOptions, _ counts: inout EncapsulationCounts
    ) throws(FrameFault) {
        while next != .tcp, !isAtFragment {
            let (kind, before) = (next, depth)
            try step(frame.extracting(0..<capturedEnd), options)
            if depth > before { counts[kind] &+= 1 }
        }
    }

    /// Reads the header at ``offset`` of `frame`, the captured bytes up to ``capturedEnd``. Not called at TCP.
    mutating func step(_ frame: borrowing RawSpan, _ options: DecapsulatorOptions) throws(FrameFault) {
        switch next {
        case .ipv4, .ipv6, .ip: return try internet(frame, options)
        case .udp: return try udp(frame, options)
        case .ethernet, .llc, .authentication, .tcp: break
        default:
            depth &+= 1
            guard depth <= options.limits.encapsulationsMax else { throw .nestedTooDeep }
        }
        switch next {
        case .ethernet: try ethernet(frame)
        case .vlan: try vlan(frame)
        case .llc: try llc(frame)
        case .mpls: try mpls(frame, labelsMax: options.limits.labelsMax)
        case .pppoe: try pppoe(frame)
        case .ppp: try ppp(frame)
        case .authentication: try authentication(frame)
        case .gre: try gre(frame)
        case .erspan: try erspan(frame)
        case .etherIP: try etherIP(frame)
        case .vxlan, .vxlanGPE: try vxlan(frame)
        case .geneve: try geneve(frame)
        case .gtp: try gtp(frame)
        case .ipv4, .ipv6, .ip, .udp, .tcp: break
        }
    }
}
