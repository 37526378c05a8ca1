/// What a frame was, with whatever was around it taken off.
public enum Decapsulated: Hashable, Sendable, BitwiseCopyable {
    /// A TCP segment whose payload is in the frame.
    case segment(SegmentHeader, tenant: UInt32)
    /// The frame's fragment completed a datagram; the segment's payload is in that:
    /// ``Decapsulator/withDatagram(_:)``, until the next frame is decoded.
    case reassembled(SegmentHeader, tenant: UInt32)
    /// A fragment that waits for the others of its datagram.
    case held
    /// Something else, or damaged; the reason was counted.
    case fault(FrameFault)
}

/// Finds the TCP segment in a frame through tags, labels, tunnels and fragments.
///
/// A plain frame is read by the ``FrameDecoder`` and costs one comparison more; only what that does not know is walked
/// header by header (``LayerWalk``). What is kept between frames is fragments, and the numbers of tenants; both are bounded
/// by ``DecapsulatorLimits``. One thread owns it.
public struct Decapsulator: ~Copyable {
    /// Reads plain frames, and the TCP header of all.
    public var decoder: FrameDecoder
    private let options: DecapsulatorOptions
    private var fragments: FragmentReassembler
    private var tenants: TenantTable
    /// The datagram that was put together last, and room for the next.
    private var datagram: [UInt8] = []
    private var spare: [UInt8] = []
    private var counts = FrameFaultCounts()

    /// Headers taken off, by encapsulation, of the frames that plain decoding did not suffice for.
    public private(set) var encapsulations = EncapsulationCounts()

    /// A decapsulator with nothing seen.
    public init(_ decoder: FrameDecoder = FrameDecoder(), options: DecapsulatorOptions = DecapsulatorOptions()) {
        self.decoder = decoder
        self.decoder.limits = options.limits.headers
        self.options = options
        fragments = FragmentReassembler(limits: options.limits.fragments)
        tenants = TenantTable(entriesMax: options.limits.tenantsMax)
    }

    /// Frames that were no segments, by reason; fragments that were held in vain among them.
    public var faults: FrameFaultCounts {
        var all = counts
        all.add(fragments.lost)
        return all
    }

    /// Datagrams that were put together.
    public var reassembledDatagrams: UInt64 { fragments.datagramsFinished }

    /// Fragments that they were put together from.
    public var reassembledFragments: UInt64 { fragments.fragmentsUsed }

    /// Fragments that wait for others now.
    public var waitingFragments: UInt64 { fragments.fragmentsWaiting }

    /// Tenants that were told apart.
    public var tenantCount: Int { tenants.count }

    /// Says what `frame` is. `wireLength` is its length when it was captured, `time` its capture time in nanoseconds.
    public mutating func decode(
        _ frame: RawSpan, linkType: LinkType, wireLength: Int, time: UInt64
    ) -> Decapsulated {
        do throws(FrameFault) {
            return .segment(try decoder.read(frame, linkType, wireLength), tenant: 0)
        } catch {
            return resolve(error, frame, linkType, wireLength, time)
        }
    }

    /// Lends the bytes that the last ``Decapsulated/reassembled(_:tenant:)`` refers to.
    public func withDatagram<Result>(_ body: (RawSpan) -> Result) -> Result {
        // Safe: bytes have no padding that could be read uninitialised.
        body(unsafe datagram.span.bytes)
    }

    /// The capture ended: what waits for further fragments is given up.
    public mutating func finish() { fragments.finish() }

    /// The slow path, for a frame in which plain decoding ended with a fault.
    @inline(never)
    private mutating func resolve(
        _ fault: FrameFault, _ frame: RawSpan, _ linkType: LinkType, _ wireLength: Int, _ time: UInt64
    ) -> Decapsulated {
        do throws(FrameFault) {
            switch fault {
            case .unsupportedEtherType, .unsupportedLinkType, .notTCP, .fragment: break
            default: throw fault
            }
            var walk = try LayerWalk(frame, linkType, wireLength: wireLength)
            try walk.run(frame, options, &encapsulations)
            guard walk.isAtFragment else {
                return .segment(try segment(frame, walk), tenant: try tenant(walk))
            }
            return try reassemble(frame, &walk, time)
        } catch {
            counts[error] &+= 1
            return .fault(error)
        }
    }

    /// Takes the fragment that a frame turned out to be. The datagram that it completes may itself be, or carry, a
    /// fragment of a tunnelled one; every round goes an IP header deeper, of which the walk counts no more than allowed.
    private mutating func reassemble(
        _ frame: RawSpan, _ walk: inout LayerWalk, _ time: UInt64
    ) throws(FrameFault) -> Decapsulated {
        // Both buffers leave `self` for as long as their bytes are lent out.
        var current = exchange(&datagram, with: [])
        var next = exchange(&spare, with: [])
        defer {
            datagram = current
            spare = next
        }
        guard try Self.add(frame, walk, time, options, &tenants, &fragments, into: &next) else { return .held }
        swap(&current, &next)
        while true {
            // Safe: as in `withDatagram`.
            if let outcome = try enter(unsafe current.span.bytes, &walk, time, &next) { return outcome }
            swap(&current, &next)
        }
    }

    /// Goes on in a datagram that was put together; nil when a fragment within it completed another, in `buffer`.
    private mutating func enter(
        _ bytes: RawSpan, _ walk: inout LayerWalk, _ time: UInt64, _ buffer: inout [UInt8]
    ) throws(FrameFault) -> Decapsulated? {
        try walk.enterDatagram(bytes, options.limits.headers)
        try walk.run(bytes, options, &encapsulations)
        guard walk.isAtFragment else {
            var header = try segment(bytes, walk)
            // However long, it was sent as one packet.
            header.isSuperSegment = false
            return .reassembled(header, tenant: try tenant(walk))
        }
        return try Self.add(bytes, walk, time, options, &tenants, &fragments, into: &buffer) ? nil : .held
    }

    /// Gives the reassembler the fragment at which `walk` stands in `bytes`; true when `buffer` then holds a datagram.
    private static func add(
        _ bytes: borrowing RawSpan, _ walk: borrowing LayerWalk, _ time: UInt64, _ options: DecapsulatorOptions,
        _ tenants: inout TenantTable, _ fragments: inout FragmentReassembler, into buffer: inout [UInt8]
    ) throws(FrameFault) -> Bool {
        guard let header = walk.internet, header.mayCarrySegment else { throw .fragmentNotTCP }
        guard walk.capturedEnd == walk.wireEnd else { throw .fragmentSnapped }
        let fragment = Fragment(
            key: FragmentKey(
                source: header.source, destination: header.destination, identification: header.identification,
                payloadProtocol: header.payloadProtocol, tenant: try tenants.number(of: walk.chain)),
            start: Int(header.fragmentField & 0xFFF8), isFollowed: header.fragmentField & 1 == 1)
        let content = bytes.extracting(walk.offset..<walk.capturedEnd)
        // Only the first fragment of UDP has the ports, which say whether the datagram is a tunnel's.
        var refusal: FrameFault?
        if fragment.start == 0, header.payloadProtocol == InternetHeader.udp,
            content.byteCount < 8 || options.tunnel(toPort: content.network16(2)) == nil
        {
            refusal = .fragmentNotTCP
        }
        switch fragments.add(fragment, content, refusal: refusal, time: time, into: &buffer) {
        case .held: return false
        case .finished: return true
        case .dropped(let fault): throw fault
        }
    }

    private func segment(_ bytes: borrowing RawSpan, _ walk: LayerWalk) throws(FrameFault) -> SegmentHeader {
        guard var header = walk.internet else { throw .notTCP }
        header.payloadOffset = walk.offset
        header.payloadLength = walk.wireEnd &- walk.offset
        return try decoder.segment(bytes.extracting(0..<walk.capturedEnd), header)
    }

    private mutating func tenant(_ walk: LayerWalk) throws(FrameFault) -> UInt32 {
        options.separatesTenants ? try tenants.number(of: walk.chain) : 0
    }
}

/// Puts `new` in the place of a value, and returns what was there.
private func exchange<Value>(_ value: inout Value, with new: Value) -> Value {
    let old = value
    value = new
    return old
}
