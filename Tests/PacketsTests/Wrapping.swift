import Packets

/// Wraps packets for tests, byte by byte as the specifications have it. Each function takes what it carries.
enum Wrapping {
    static let macs: [UInt8] = [2, 0x77, 0, 0, 0, 0xAA, 2, 0x77, 0, 0, 0, 0xBB]

    static func ethernet(_ etherType: UInt16, _ payload: [UInt8]) -> [UInt8] { macs + be16(etherType) + payload }

    /// An IPv4 header without options around `payload`, or around a part of it.
    static func ipv4(
        _ number: UInt8, _ payload: [UInt8], identification: UInt16 = 1, fragmentField: UInt16 = 0,
        source: UInt8 = 1
    ) -> [UInt8] {
        [0x45, 0] + be16(UInt16(truncatingIfNeeded: 20 + payload.count)) + be16(identification)
            + be16(fragmentField) + [64, number, 0, 0, 10, 99, 0, source, 10, 99, 0, 2] + payload
    }

    /// An IPv6 header around `payload`.
    static func ipv6(_ number: UInt8, _ payload: [UInt8]) -> [UInt8] {
        [0x60, 0, 0, 0] + be16(UInt16(truncatingIfNeeded: payload.count)) + [number, 64]
            + [0xFD, 0x99] + Array(repeating: 0, count: 13) + [1] + [0xFD, 0x99] + Array(repeating: 0, count: 13) + [2]
            + payload
    }

    static func udp(to port: UInt16, _ payload: [UInt8], length: UInt16? = nil) -> [UInt8] {
        be16(50_000) + be16(port) + be16(length ?? UInt16(truncatingIfNeeded: 8 + payload.count)) + [0, 0] + payload
    }

    /// An Ethernet frame with UDP over IPv4.
    static func udpFrame(to port: UInt16, _ payload: [UInt8]) -> [UInt8] {
        ethernet(0x0800, ipv4(17, udp(to: port, payload)))
    }

    /// An Ethernet frame with GRE over IPv4: the flags say which optional fields `fields` holds.
    static func greFrame(_ flags: UInt16, _ carried: UInt16, fields: [UInt8] = [], _ payload: [UInt8]) -> [UInt8] {
        ethernet(0x0800, ipv4(47, be16(flags) + be16(carried) + fields + payload))
    }

    /// One tag behind the Ethernet addresses of a frame.
    static func tagged(_ frame: [UInt8], _ tpid: UInt16, vlan: UInt16) -> [UInt8] {
        Array(frame[..<12]) + be16(tpid) + be16(0x2000 | vlan) + frame[12...]
    }

    static func vxlan(_ network: UInt32, _ frame: [UInt8], flags: UInt8 = 8, last: UInt8 = 0) -> [UInt8] {
        [flags, 0, 0, last] + be32(network << 8) + frame
    }

    static func geneve(
        _ network: UInt32, _ carried: UInt16, _ payload: [UInt8], options: [UInt8] = []
    ) -> [UInt8] {
        [UInt8(options.count / 4), 0] + be16(carried) + be32(network << 8) + options + payload
    }

    static func label(_ value: UInt32, isBottom: Bool) -> [UInt8] { be32(value << 12 | (isBottom ? 0x100 : 0) | 64) }

    static func pppoe(_ payload: [UInt8], code: UInt8 = 0, length: UInt16? = nil) -> [UInt8] {
        [0x11, code, 0x12, 0x34] + be16(length ?? UInt16(payload.count)) + payload
    }

    static func gtp(_ payload: [UInt8], flags: UInt8 = 0x30, fields: [UInt8] = []) -> [UInt8] {
        [flags, 0xFF] + be16(UInt16(fields.count + payload.count)) + [0, 0, 0, 9] + fields + payload
    }

    /// The IPv4 datagram of an Ethernet frame in parts of `size` bytes, a multiple of 8, each in an Ethernet frame.
    static func fragments(of frame: [UInt8], size: Int, identification: UInt16 = 77) -> [[UInt8]] {
        let (header, payload) = (Array(frame[14..<34]), Array(frame[34...]))
        return stride(from: 0, to: payload.count, by: size).map { start in
            let part = Array(payload[start..<min(start + size, payload.count)])
            var own = header
            own.replaceSubrange(2..<4, with: be16(UInt16(20 + part.count)))
            own.replaceSubrange(4..<6, with: be16(identification))
            let field = UInt16(start / 8) | (start + size < payload.count ? 0x2000 : 0)
            own.replaceSubrange(6..<8, with: be16(field))
            return Array(frame[..<14]) + own + part
        }
    }

    /// The IPv6 datagram of an Ethernet frame without extension headers in parts, with fragment headers.
    static func fragments6(of frame: [UInt8], size: Int, identification: UInt32 = 77) -> [[UInt8]] {
        let (header, payload) = (Array(frame[14..<54]), Array(frame[54...]))
        return stride(from: 0, to: payload.count, by: size).map { start in
            let part = Array(payload[start..<min(start + size, payload.count)])
            var own = header
            own.replaceSubrange(4..<6, with: be16(UInt16(8 + part.count)))
            own[6] = 44
            let field = UInt16(start) | (start + size < payload.count ? 1 : 0)
            return Array(frame[..<14]) + own + [header[6], 0] + be16(field) + be32(identification) + part
        }
    }
}

/// Frames decoded one after the other, and what came out.
struct Decapsulation {
    /// A segment's header with the bytes of its payload, from wherever they were.
    struct Found: Equatable {
        var header: SegmentHeader
        var payload: [UInt8]
        var tenant: UInt32
        var isReassembled: Bool
    }

    var found: [Found] = []
    var held = 0
    var faults: [FrameFault] = []
    /// The decapsulator's own counts at the end.
    var counts = FrameFaultCounts()
    var encapsulations: [Encapsulation] = []

    /// Decodes frames of one link type, `step` nanoseconds apart, and ends the capture.
    init(
        _ frames: [[UInt8]], _ linkType: LinkType = .ethernet, wireLength: Int? = nil, step: UInt64 = 1_000,
        options: DecapsulatorOptions = DecapsulatorOptions(), finishes: Bool = true
    ) {
        var decapsulator = Decapsulator(options: options)
        for (index, frame) in frames.enumerated() {
            let bytes = frame.span.bytes
            let outcome = decapsulator.decode(
                bytes, linkType: linkType, wireLength: wireLength ?? frame.count, time: UInt64(index) * step)
            switch outcome {
            case .segment(let header, let tenant):
                found.append(
                    Found(
                        header: header, payload: Array(frame[header.payloadRange]), tenant: tenant, isReassembled: false
                    ))
            case .reassembled(let header, let tenant):
                let payload = decapsulator.withDatagram { datagram in
                    header.payloadRange.map { datagram.byte($0) }
                }
                found.append(Found(header: header, payload: payload, tenant: tenant, isReassembled: true))
            case .held: held += 1
            case .fault(let fault): faults.append(fault)
            }
        }
        if finishes { decapsulator.finish() }
        counts = decapsulator.faults
        encapsulations = decapsulator.encapsulations.occurred.map(\.encapsulation)
    }

    /// True when the frames gave exactly the segment that `builder` builds, whole and with a right checksum.
    func isExactly(_ builder: FrameBuilder) -> Bool {
        guard found.count == 1, let only = found.first else { return false }
        return only.payload == builder.payload && only.header.checksum == .valid
            && only.header.source == IPAddress(builder.source)
            && only.header.destination == IPAddress(builder.destination)
            && only.header.sourcePort == builder.sourcePort && !only.header.isSnapped && !only.header.isSuperSegment
    }
}
