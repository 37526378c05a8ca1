internal import CPcap
public import Packets

/// A BPF filter in the language of `tcpdump`, compiled and run by libpcap.
///
/// What an expression means depends on where the IP header stands, so it is compiled for each link type, when the first
/// frame of that type comes.
@safe
public struct PacketFilter: ~Copyable {
    /// The filter as it was written.
    public let expression: String
    private var programs: [Program] = []

    /// An expression compiled for a link type. The filter around it owns what it points to.
    @safe
    private struct Program {
        var linkType: LinkType
        /// Allocated by this filter; nil when libpcap refused the expression for this link type.
        var code: UnsafeMutablePointer<bpf_program>?
    }

    /// A filter that is known to fit these link types. Fails with libpcap's message when it does not.
    public init(_ expression: String, linkTypes: [LinkType] = [.ethernet]) throws(CaptureError) {
        self.expression = expression
        for linkType in linkTypes { try prepare(linkType) }
    }

    deinit {
        for program in programs {
            guard let code = unsafe program.code else { continue }
            // Safe: compiled once in `prepare`, freed once here.
            unsafe pcap_freecode(code)
            unsafe code.deallocate()
        }
    }

    /// Compiles the expression for a link type, unless that was done. Fails, once for each link type, when libpcap refuses;
    /// frames of that type then never match.
    public mutating func prepare(_ linkType: LinkType) throws(CaptureError) {
        if programs.contains(where: { $0.linkType == linkType }) { return }
        unsafe programs.append(Program(linkType: linkType, code: nil))
        guard let handle = unsafe pcap_open_dead(Self.dataLink(of: linkType), Self.snapLength) else {
            throw .badFilter(expression: expression, linkType: linkType.description, message: "libpcap has no memory")
        }
        defer { unsafe pcap_close(handle) }
        let code = UnsafeMutablePointer<bpf_program>.allocate(capacity: 1)
        unsafe code.initialize(to: bpf_program())
        guard unsafe pcap_compile(handle, code, expression, 1, bpf_u_int32.max) == 0 else {
            let message = unsafe String(cString: pcap_geterr(handle))
            unsafe code.deallocate()
            throw .badFilter(expression: expression, linkType: linkType.description, message: message)
        }
        unsafe programs[programs.count - 1].code = unsafe code
    }

    /// True when a frame matches. Its link type was prepared; otherwise it does not match.
    public func matches(_ bytes: RawSpan, linkType: LinkType, wireLength: UInt32) -> Bool {
        guard let index = programs.firstIndex(where: { $0.linkType == linkType }),
            let code = unsafe programs[index].code
        else { return false }
        var header = pcap_pkthdr()
        header.caplen = UInt32(clamping: bytes.byteCount)
        header.len = wireLength
        return unsafe bytes.withUnsafeBytes { buffer in
            // An empty frame has no address of its own; with a captured length of 0 none is read.
            guard let base = buffer.baseAddress else { return false }
            // Safe: libpcap's interpreter checks every load against `caplen`.
            return unsafe pcap_offline_filter(code, &header, base.assumingMemoryBound(to: UInt8.self)) != 0
        }
    }

    /// libpcap's number for a link type: the same but for raw IP, whose number in files is not the one in memory.
    private static func dataLink(of linkType: LinkType) -> Int32 {
        linkType == .rawIP ? DLT_RAW : Int32(linkType.rawValue)
    }

    /// What the program returns for a match; anything but 0 would do.
    private static let snapLength: Int32 = 262_144
}

/// Programs are written in `prepare`, which mutates, and only read by libpcap afterwards; nothing in them belongs to a thread.
extension PacketFilter: @unchecked Sendable {}
