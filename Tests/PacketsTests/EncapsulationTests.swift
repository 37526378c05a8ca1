import Packets
import Testing

/// One way of wrapping, for tests that try them all.
struct WrappedForm: CustomTestStringConvertible, Sendable {
    let name: String
    let linkType: LinkType
    let encapsulations: [Encapsulation]
    let wrap: @Sendable (FrameBuilder) -> [UInt8]
    var testDescription: String { name }

    init(
        _ name: String, _ encapsulations: [Encapsulation], linkType: LinkType = .ethernet,
        _ wrap: @escaping @Sendable (FrameBuilder) -> [UInt8]
    ) {
        self.name = name
        self.encapsulations = encapsulations
        self.linkType = linkType
        self.wrap = wrap
    }

    /// Every form, each around any TCP packet of either IP version.
    static let all: [WrappedForm] = links + labels + sessions + gre + overlays + tunnels

    static func etherType(_ builder: FrameBuilder) -> UInt16 { builder.isIPv4 ? 0x0800 : 0x86DD }

    private typealias W = Wrapping

    static let links: [WrappedForm] = [
        WrappedForm("802.1Q", [.vlan]) { W.tagged($0.ethernet, 0x8100, vlan: 100) },
        WrappedForm("802.1ad over 802.1Q", [.vlan]) {
            W.tagged(W.tagged($0.ethernet, 0x8100, vlan: 100), 0x88A8, vlan: 200)
        },
        WrappedForm("0x9100 over 802.1Q", [.vlan]) {
            W.tagged(W.tagged($0.ethernet, 0x8100, vlan: 100), 0x9100, vlan: 200)
        },
        WrappedForm("802.3 with SNAP (RFC 1042)", []) {
            W.ethernet(60, [0xAA, 0xAA, 3, 0, 0, 0] + be16(etherType($0)) + $0.datagram)
        },
        WrappedForm("NULL, little-endian", [], linkType: .null) { [$0.isIPv4 ? 2 : 30, 0, 0, 0] + $0.datagram },
        WrappedForm("NULL, big-endian", [], linkType: .null) { [0, 0, 0, $0.isIPv4 ? 2 : 28] + $0.datagram },
        WrappedForm("LOOP", [], linkType: .loop) { [0, 0, 0, $0.isIPv4 ? 2 : 24] + $0.datagram },
        WrappedForm("SLL with a tag", [.vlan], linkType: .linuxCooked) {
            let plain = $0.linuxCooked
            return plain[..<14] + be16(0x8100) + be16(100) + plain[14...]
        },
    ]

    static let labels: [WrappedForm] = [
        WrappedForm("MPLS, one label", [.mpls]) { W.ethernet(0x8847, W.label(16, isBottom: true) + $0.datagram) },
        WrappedForm("MPLS, three labels", [.mpls]) {
            W.ethernet(
                0x8847,
                W.label(16, isBottom: false) + W.label(17, isBottom: false) + W.label(18, isBottom: true) + $0.datagram)
        },
        WrappedForm("MPLS pseudowire with control word (RFC 4448)", [.mpls]) {
            W.ethernet(0x8847, W.label(16, isBottom: true) + [0, 0, 0, 0] + $0.ethernet)
        },
        WrappedForm("MPLS pseudowire without control word", [.mpls]) {
            W.ethernet(0x8847, W.label(16, isBottom: true) + $0.ethernet)
        },
        WrappedForm("link type MPLS", [.mpls], linkType: .mpls) { W.label(16, isBottom: true) + $0.datagram },
    ]

    static func ppp(_ builder: FrameBuilder) -> [UInt8] { [0, builder.isIPv4 ? 0x21 : 0x57] + builder.datagram }

    static let sessions: [WrappedForm] = [
        WrappedForm("PPPoE (RFC 2516)", [.pppoe, .ppp]) { W.ethernet(0x8864, W.pppoe(ppp($0))) },
        WrappedForm("PPPoE, compressed protocol field", [.pppoe, .ppp]) {
            W.ethernet(0x8864, W.pppoe(Array(ppp($0).dropFirst())))
        },
        WrappedForm("link type PPP", [.ppp], linkType: .ppp) { ppp($0) },
        WrappedForm("link type PPP in HDLC framing", [.ppp], linkType: .pppHDLC) { [0xFF, 3] + ppp($0) },
        WrappedForm("link type PPPoE", [.pppoe, .ppp], linkType: .pppEthernet) { W.pppoe(ppp($0)) },
    ]

    static let gre: [WrappedForm] = [
        WrappedForm("GRE", [.gre]) { W.greFrame(0, etherType($0), $0.datagram) },
        WrappedForm("GRE with checksum, key and sequence (RFC 2890)", [.gre]) {
            W.greFrame(0xB000, etherType($0), fields: [1, 2, 0, 0] + be32(7) + be32(1), $0.datagram)
        },
        WrappedForm("GRE bridging Ethernet, key", [.gre]) {
            W.greFrame(0x2000, 0x6558, fields: be32(7), $0.ethernet)
        },
        WrappedForm("NVGRE (RFC 7637)", [.gre]) { W.greFrame(0x2000, 0x6558, fields: be32(0x123456_07), $0.ethernet) },
        WrappedForm("GRE with MPLS", [.mpls, .gre]) {
            W.greFrame(0, 0x8847, W.label(16, isBottom: true) + $0.datagram)
        },
        WrappedForm("ERSPAN I", [.gre]) { W.greFrame(0, 0x88BE, $0.ethernet) },
        WrappedForm("ERSPAN II", [.gre, .erspan]) {
            W.greFrame(0x1000, 0x88BE, fields: be32(9) + be32(0x1064_004D) + be32(5), $0.ethernet)
        },
        WrappedForm("ERSPAN III", [.gre, .erspan]) {
            W.greFrame(0x1000, 0x22EB, fields: be32(9) + be32(0x2064_004D) + be32(5) + [0, 0, 0, 0], $0.ethernet)
        },
        WrappedForm("ERSPAN III with platform header", [.gre, .erspan]) {
            W.greFrame(
                0x1000, 0x22EB,
                fields: be32(9) + be32(0x2064_004D) + be32(5) + [0, 0, 0, 1] + be32(0x0400_0000) + be32(0), $0.ethernet)
        },
        WrappedForm("ERSPAN III of an IP packet", [.gre, .erspan]) {
            W.greFrame(0x1000, 0x22EB, fields: be32(9) + be32(0x2064_004D) + be32(5) + [0, 0, 8, 0], $0.datagram)
        },
    ]

    static let overlays: [WrappedForm] = [
        WrappedForm("VXLAN (RFC 7348)", [.vxlan]) { W.udpFrame(to: 4789, W.vxlan(42, $0.ethernet)) },
        WrappedForm("VXLAN, Linux's old port, group policy", [.vxlan]) {
            W.udpFrame(to: 8472, W.vxlan(42, $0.ethernet, flags: 0x88))
        },
        WrappedForm("VXLAN over IPv6", [.vxlan]) {
            W.ethernet(0x86DD, W.ipv6(17, W.udp(to: 4789, W.vxlan(42, $0.ethernet))))
        },
        WrappedForm("VXLAN-GPE with IP", [.vxlanGPE]) {
            W.udpFrame(to: 4790, W.vxlan(42, $0.datagram, flags: 0x0C, last: $0.isIPv4 ? 1 : 2))
        },
        WrappedForm("GENEVE with Ethernet (RFC 8926)", [.geneve]) {
            W.udpFrame(to: 6081, W.geneve(42, 0x6558, $0.ethernet))
        },
        WrappedForm("GENEVE with options and IP", [.geneve]) {
            W.udpFrame(
                to: 6081,
                W.geneve(42, etherType($0), $0.datagram, options: [1, 8, 0x80, 1, 1, 2, 3, 4, 1, 8, 1, 0]))
        },
        WrappedForm("GTP-U", [.gtp]) { W.udpFrame(to: 2152, W.gtp($0.datagram)) },
        WrappedForm("GTP-U with extension headers", [.gtp]) {
            W.udpFrame(
                to: 2152,
                W.gtp($0.datagram, flags: 0x34, fields: [0, 0, 0, 0x85, 1, 0x10, 0, 0x85, 2, 0, 0, 0, 0, 0, 0, 0]))
        },
        WrappedForm("MPLS over UDP (RFC 7510)", [.mpls]) {
            W.udpFrame(to: 6635, W.label(16, isBottom: true) + $0.datagram)
        },
    ]

    static let tunnels: [WrappedForm] = [
        WrappedForm("IP in IPv4 (RFC 2003, RFC 4213)", []) {
            W.ethernet(0x0800, W.ipv4($0.isIPv4 ? 4 : 41, $0.datagram))
        },
        WrappedForm("IP in IPv6 (RFC 2473)", []) { W.ethernet(0x86DD, W.ipv6($0.isIPv4 ? 4 : 41, $0.datagram)) },
        WrappedForm("MPLS in IP (RFC 4023)", [.mpls]) {
            W.ethernet(0x0800, W.ipv4(137, W.label(16, isBottom: true) + $0.datagram))
        },
        WrappedForm("Ethernet in IP (RFC 3378)", [.etherIP]) {
            W.ethernet(0x0800, W.ipv4(97, [0x30, 0] + $0.ethernet))
        },
        WrappedForm("authentication header around a tunnel (RFC 4302)", []) {
            let header: [UInt8] = [$0.isIPv4 ? 4 : 41, 4, 0, 0] + be32(1) + be32(1) + Array(repeating: 9, count: 12)
            return W.ethernet(0x0800, W.ipv4(51, header + $0.datagram))
        },
        WrappedForm("VLAN, MPLS, GRE, VXLAN and VLAN, one in the other", [.vlan, .mpls, .gre, .vxlan]) {
            let inner = W.udp(to: 4789, W.vxlan(42, W.tagged($0.ethernet, 0x8100, vlan: 7)))
            let middle = W.ipv4(47, be16(0) + be16(0x0800) + W.ipv4(17, inner))
            return W.tagged(W.ethernet(0x8847, W.label(16, isBottom: true) + middle), 0x8100, vlan: 100)
        },
    ]

    /// A TCP packet of either version.
    static func builder(isIPv6: Bool) -> FrameBuilder {
        var builder = FrameBuilder()
        if isIPv6 { (builder.source, builder.destination) = ("fd77::1", "fd77::2") }
        builder.payload = Array("a payload of some length, odd".utf8)
        return builder
    }
}

@Suite struct EncapsulationTests {
    @Test(arguments: WrappedForm.all, [false, true])
    func `a segment comes out of what is around it`(form: WrappedForm, isIPv6: Bool) {
        let builder = WrappedForm.builder(isIPv6: isIPv6)
        let result = Decapsulation([form.wrap(builder)], form.linkType)
        #expect(result.isExactly(builder), "\(result)")
        // IP directly in IP is counted as itself.
        let wrappers = result.encapsulations.filter { ![.ipv4, .ipv6].contains($0) }
        #expect(wrappers == form.encapsulations)
        #expect(result.counts.total == 0)
    }

    @Test(arguments: WrappedForm.all, [false, true])
    func `cut anywhere, it is a segment with a hole or a named fault, and never another segment`(
        form: WrappedForm, isIPv6: Bool
    ) {
        let builder = WrappedForm.builder(isIPv6: isIPv6)
        let frame = form.wrap(builder)
        for count in 0..<frame.count {
            let result = Decapsulation([Array(frame[..<count])], form.linkType, wireLength: frame.count)
            #expect(result.found.count + result.faults.count == 1)
            for found in result.found {
                #expect(found.header.payloadLength == builder.payload.count && found.header.isSnapped, "\(count)")
                #expect(found.payload == Array(builder.payload[..<found.payload.count]), "\(count)")
            }
            #expect(result.counts.total == UInt64(result.faults.count))
        }
    }

    @Test(arguments: WrappedForm.all)
    func `Ethernet padding behind it is no payload`(form: WrappedForm) {
        let builder = WrappedForm.builder(isIPv6: false)
        #expect(
            Decapsulation([form.wrap(builder) + Array(repeating: 0xEE, count: 9)], form.linkType).isExactly(builder))
    }

    @Test func `an offload's IP length of zero takes what the carrier states`() throws {
        var builder = FrameBuilder()
        builder.payload = Array(repeating: 7, count: 20_000)
        builder.ipLength = 0
        let found = try #require(
            Decapsulation([Wrapping.udpFrame(to: 4789, Wrapping.vxlan(42, builder.ethernet))]).found.first)
        #expect(found.header.payloadLength == 20_000 && found.header.isSuperSegment)
    }

    @Test func `a mirror that cuts a packet before it wraps it leaves a hole of known length`() throws {
        var builder = FrameBuilder()
        builder.payload = Array(repeating: 7, count: 1_000)
        let frame = Wrapping.udpFrame(to: 4789, Wrapping.vxlan(42, Array(builder.ethernet[..<200])))
        let found = try #require(Decapsulation([frame]).found.first)
        #expect(found.header.payloadLength == 1_000)
        #expect(found.header.capturedPayloadLength == 200 - 54)
    }

    @Test func `nesting ends at the limit, with a name`() {
        let builder = WrappedForm.builder(isIPv6: false)
        var frame = builder.ethernet
        for _ in 0..<16 { frame = Wrapping.tagged(frame, 0x8100, vlan: 0) }
        #expect(Decapsulation([frame]).isExactly(builder))
        #expect(Decapsulation([Wrapping.tagged(frame, 0x8100, vlan: 0)]).faults == [.nestedTooDeep])
        var datagram = builder.datagram
        for _ in 0..<16 { datagram = Wrapping.ipv4(4, datagram) }
        #expect(Decapsulation([Wrapping.ethernet(0x0800, datagram)]).isExactly(builder))
        #expect(Decapsulation([Wrapping.ethernet(0x0800, Wrapping.ipv4(4, datagram))]).faults == [.nestedTooDeep])
        let labels = Array(repeating: Wrapping.label(16, isBottom: false), count: 16).flatMap { $0 }
        let deep = Wrapping.ethernet(0x8847, labels + Wrapping.label(17, isBottom: true) + builder.datagram)
        #expect(Decapsulation([deep]).faults == [.nestedTooDeep])
    }

    @Test func `the limit on extension headers holds within tunnels and fragments as without`() {
        var builder = WrappedForm.builder(isIPv6: true)
        builder.extensions = [(60, [0, 0, 1, 4, 0, 0, 0, 0]), (60, [0, 0, 1, 4, 0, 0, 0, 0])]
        let frame = builder.ethernet
        let tunnelled = Wrapping.udpFrame(to: 4789, Wrapping.vxlan(42, frame))
        for frames in [[frame], [tunnelled], Wrapping.fragments(of: tunnelled, size: 64)] {
            var options = DecapsulatorOptions()
            options.limits.headers.extensionHeadersMax = 2
            #expect(Decapsulation(frames, options: options).isExactly(builder))
            options.limits.headers.extensionHeadersMax = 1
            #expect(Decapsulation(frames, options: options).faults == [.tooManyExtensionHeaders])
        }
    }

    @Test func `what is not data, or in no form that is known, is named`() {
        let builder = WrappedForm.builder(isIPv6: false)
        let (frame, datagram) = (builder.ethernet, builder.datagram)
        let cases: [(FrameFault, [UInt8])] = [
            (.unsupportedTunnel, Wrapping.greFrame(0x4000, 0x0800, fields: [0, 0, 0, 0], datagram)),
            (.unsupportedTunnel, Wrapping.greFrame(0x2001, 0x880B, fields: [0, 0, 0, 0], datagram)),
            (.unsupportedEtherType, Wrapping.greFrame(0, 0x0000, [])),
            (
                .unsupportedTunnel,
                Wrapping.greFrame(0x1000, 0x88BE, fields: be32(1) + be32(0x5000_0000) + be32(0), frame)
            ),
            (.unsupportedTunnel, Wrapping.ethernet(0x8864, Wrapping.pppoe(WrappedForm.ppp(builder), code: 0xA7))),
            (.notTCP, Wrapping.ethernet(0x8864, Wrapping.pppoe([0xC0, 0x21, 1, 1, 0, 4]))),
            // A pseudowire's own signalling (RFC 5085).
            (
                .unsupportedTunnel,
                Wrapping.ethernet(0x8847, Wrapping.label(16, isBottom: true) + [0x10, 0, 0, 7, 1, 2, 3])
            ),
            (.unsupportedTunnel, Wrapping.ethernet(0x0800, Wrapping.ipv4(97, [0x20, 0] + frame))),
            (.unsupportedEtherType, Wrapping.ethernet(0x88CC, [1, 2, 3])),
            (.unsupportedEtherType, Wrapping.ethernet(38, [0x42, 0x42, 3, 0, 0, 0, 0, 0])),
            (.notTCP, Wrapping.ethernet(0x0800, Wrapping.ipv4(1, [8, 0, 0, 0]))),
        ]
        for (index, (fault, frame)) in cases.enumerated() {
            #expect(Decapsulation([frame]).faults == [fault], "case \(index)")
        }
        #expect(Decapsulation([frame], LinkType(rawValue: 105)).faults == [.unsupportedLinkType])
        #expect(Decapsulation([[0, 0, 0, 7] + datagram], .null).faults == [.unsupportedEtherType])
    }

    @Test func `lengths that lie are named`() {
        let builder = WrappedForm.builder(isIPv6: false)
        let (frame, datagram) = (builder.ethernet, builder.datagram)
        let inUDP = Wrapping.vxlan(42, frame)
        let cases: [(FrameFault, [UInt8])] = [
            (.badLength, Wrapping.ethernet(0x0800, Wrapping.ipv4(17, Wrapping.udp(to: 4789, inUDP, length: 7)))),
            (.badLength, Wrapping.ethernet(0x0800, Wrapping.ipv4(17, Wrapping.udp(to: 4789, inUDP, length: 9_000)))),
            (.notTCP, Wrapping.ethernet(0x0800, Wrapping.ipv4(17, Wrapping.udp(to: 4789, inUDP, length: 20)))),
            (.badLength, Wrapping.ethernet(0x8864, Wrapping.pppoe(WrappedForm.ppp(builder), length: 1))),
            (.badLength, Wrapping.ethernet(0x0800, Wrapping.ipv4(47, [0x20, 0, 8]))),
            (.badLength, Wrapping.ethernet(0x0800, Wrapping.ipv4(51, [6, 0, 0, 0] + be32(1) + be32(1) + datagram))),
            (.badLength, Wrapping.ethernet(0x0800, Wrapping.ipv4(51, [6, 255, 0, 0] + be32(1) + be32(1)))),
            (.badLength, Wrapping.ethernet(0x0800, Wrapping.ipv4(4, []))),
        ]
        for (index, (fault, frame)) in cases.enumerated() {
            #expect(Decapsulation([frame]).faults == [fault], "case \(index)")
        }
    }

    @Test func `ordinary UDP to a tunnel's port is ordinary UDP`() {
        let frame = FrameBuilder().ethernet
        let payloads: [(UInt16, [UInt8])] = [
            (4789, Array("\u{08}just a text that is long enough to be a frame".utf8)),
            (4789, [0x08, 0, 0]), (4789, Wrapping.vxlan(42, frame, flags: 0)), (4789, []),
            (4790, Wrapping.vxlan(42, frame, flags: 0x0D, last: 3)), (6081, Array("GET / HTTP/1.1\r\n\r\n".utf8)),
            (6081, [0x40] + Wrapping.geneve(42, 0x6558, frame).dropFirst()),
            (6081, [0, 0x80] + Wrapping.geneve(42, 0x6558, frame).dropFirst(2)),
            (6081, [0x3F, 0, 8, 0, 0, 0, 0, 0, 1]),
            (2152, [0x32, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0]), (53, Wrapping.vxlan(42, frame)),
        ]
        for (index, (port, payload)) in payloads.enumerated() {
            #expect(Decapsulation([Wrapping.udpFrame(to: port, payload)]).faults == [.notTCP], "case \(index)")
        }
    }

    @Test func `ports are what the options say`() {
        let builder = WrappedForm.builder(isIPv6: false)
        let frame = Wrapping.udpFrame(to: 9_999, Wrapping.vxlan(42, builder.ethernet))
        var options = DecapsulatorOptions()
        options.vxlanPorts = [9_999]
        #expect(Decapsulation([frame], options: options).isExactly(builder))
        #expect(
            Decapsulation([Wrapping.udpFrame(to: 4789, Wrapping.vxlan(42, builder.ethernet))], options: options).faults
                == [.notTCP])
    }

    @Test func `an IP packet under a label is not taken for Ethernet, nor Ethernet for IP`() {
        var builder = WrappedForm.builder(isIPv6: false)
        // Ethernet addresses that begin with 4 and 6, and with 0: all of them without a control word.
        for first in [UInt8(0x44), 0x66, 0x02, 0xA2] {
            let frame = [first] + builder.ethernet.dropFirst()
            let result = Decapsulation([Wrapping.ethernet(0x8847, Wrapping.label(16, isBottom: true) + frame)])
            #expect(result.isExactly(builder), "\(first)")
        }
        // An IP packet with an EtherType's bytes where Ethernet would have it.
        (builder.source, builder.destination) = ("8.0.1.2", "10.77.0.2")
        #expect(
            Decapsulation([Wrapping.ethernet(0x8847, Wrapping.label(16, isBottom: true) + builder.datagram)])
                .isExactly(builder))
    }
}
