/// Headers of tunnels over IP and over UDP.
extension LayerWalk {
    /// Bits of the first 16 of a GRE header.
    private enum GRE {
        static let checksum: UInt16 = 0x8000
        static let routing: UInt16 = 0x4000
        static let key: UInt16 = 0x2000
        static let sequence: UInt16 = 0x1000
        static let version: UInt16 = 0x0007
        static let ethernet: UInt16 = 0x6558
        /// ERSPAN I and II, and III.
        static let erspan: UInt16 = 0x88BE
        static let erspan3: UInt16 = 0x22EB
    }

    /// RFC 2784 §2 with the key and sequence number of RFC 2890. Routing (RFC 1701) is obsolete and refused; version 1 is
    /// PPTP's.
    mutating func gre(_ frame: borrowing RawSpan) throws(FrameFault) {
        try need(4)
        let flags = frame.network16(offset)
        guard flags & (GRE.version | GRE.routing) == 0 else { throw .unsupportedTunnel }
        let carried = frame.network16(offset &+ 2)
        var length = 4
        if flags & GRE.checksum != 0 { length &+= 4 }
        let keyOffset = length
        if flags & GRE.key != 0 { length &+= 4 }
        if flags & GRE.sequence != 0 { length &+= 4 }
        try need(length)
        switch carried {
        case GRE.erspan:
            // Type I has neither a sequence number nor a header of its own (draft-foschiano-erspan §4.1).
            advance(length, to: flags & GRE.sequence == 0 ? .ethernet : .erspan)
        case GRE.erspan3: advance(length, to: .erspan)
        case ..<0x0600: throw .unsupportedEtherType
        default:
            // NVGRE (RFC 7637 §3.2): a key and nothing else; its upper 24 bits are the virtual subnet.
            if carried == GRE.ethernet, flags & (GRE.key | GRE.checksum | GRE.sequence) == GRE.key {
                try chain.append(.network, frame.network32(offset &+ keyOffset) >> 8)
            }
            advance(length, to: try Self.named(Encapsulation(etherType: carried)))
        }
    }

    /// draft-foschiano-erspan §4.2 and §4.3: type II has 8 bytes; type III 12, and 8 more when its last bit says so.
    mutating func erspan(_ frame: borrowing RawSpan) throws(FrameFault) {
        try need(8)
        let first = frame.network32(offset)
        // Tag types 1 and 2 say that the mirrored frame had a VLAN tag which was taken off; type 3 that it still has it.
        let tag = first >> 11 & 3
        if tag == 1 || tag == 2 { try chain.append(.vlan, first >> 16 & 0x0FFF) }
        switch first >> 28 {
        case 1: advance(8, to: .ethernet)
        case 2:
            try need(12)
            let last = frame.network16(offset &+ 10)
            let length = last & 1 == 1 ? 20 : 12
            try need(length)
            // The frame type: 0 Ethernet, 2 IP.
            switch last >> 10 & 31 {
            case 0: advance(length, to: .ethernet)
            case 2: advance(length, to: .ip)
            default: throw .unsupportedTunnel
            }
        default: throw .unsupportedTunnel
        }
    }

    /// RFC 3378 §3: version 3 in four bits, 12 bits of zero.
    mutating func etherIP(_ frame: borrowing RawSpan) throws(FrameFault) {
        try need(2)
        guard frame.network16(offset) == 0x3000 else { throw .unsupportedTunnel }
        advance(2, to: .ethernet)
    }

    /// RFC 7348 §5: a flag that says that there is a network id, 24 bits of it, and reserved bits that extensions use. A
    /// datagram that does not look like this is ordinary UDP that happens to go to this port.
    mutating func vxlan(_ frame: borrowing RawSpan) throws(FrameFault) {
        guard wireEnd &- offset >= 8 else { throw .notTCP }
        try need(8)
        let flags = frame.byte(offset)
        guard flags & 0x08 != 0 else { throw .notTCP }
        // draft-ietf-nvo3-vxlan-gpe §3: a bit says that there is a next protocol; version 0; no out-of-band messages.
        var carried = Encapsulation.ethernet
        if next == .vxlanGPE, flags & 0x04 != 0 {
            guard flags & 0x31 == 0 else { throw .notTCP }
            guard let named = Encapsulation(vxlanProtocol: frame.byte(offset &+ 3)) else { throw .notTCP }
            carried = named
        }
        try expectEthernet(frame, behind: 8, if: carried)
        try chain.append(.network, frame.network32(offset &+ 4) >> 8)
        advance(8, to: carried)
    }

    /// RFC 8926 §3.4: version 0, length of options in units of 4 bytes, EtherType, 24 bits of network id. The options are
    /// skipped, critical ones too: none of them changes what follows.
    mutating func geneve(_ frame: borrowing RawSpan) throws(FrameFault) {
        guard wireEnd &- offset >= 8 else { throw .notTCP }
        try need(8)
        let first = frame.byte(offset)
        let length = 8 &+ Int(first & 0x3F) &* 4
        let etherType = frame.network16(offset &+ 2)
        // A control message is for the tunnel's end, and its payload no packet.
        let isControl = frame.byte(offset &+ 1) & 0x80 != 0
        guard first >> 6 == 0, !isControl, etherType >= 0x0600, length <= wireEnd &- offset,
            let carried = Encapsulation(etherType: etherType)
        else { throw .notTCP }
        try need(length)
        try expectEthernet(frame, behind: length, if: carried)
        try chain.append(.network, frame.network32(offset &+ 4) >> 8)
        advance(length, to: carried)
    }

    /// Takes a datagram for ordinary UDP unless an EtherType that one meets stands where the tunnel has one.
    private func expectEthernet(
        _ frame: borrowing RawSpan, behind length: Int, if carried: Encapsulation
    ) throws(FrameFault) {
        guard carried == .ethernet else { return }
        guard wireEnd &- offset >= length &+ 14 else { throw .notTCP }
        guard capturedEnd &- offset >= length &+ 14 else { throw .truncatedHeader }
        guard Encapsulation.isLikely(etherType: frame.network16(offset &+ length &+ 12)) else { throw .notTCP }
    }

    /// 3GPP TS 29.281 §5.1: version 1, protocol type 1, message 255 for user data; four bytes more when any of the
    /// optional fields is there, and then a chain of extension headers with their length in units of 4 bytes.
    mutating func gtp(_ frame: borrowing RawSpan) throws(FrameFault) {
        guard wireEnd &- offset >= 8 else { throw .notTCP }
        try need(8)
        let flags = frame.byte(offset)
        guard flags & 0xF0 == 0x30, frame.byte(offset &+ 1) == 0xFF else { throw .notTCP }
        let end = offset &+ 8 &+ Int(frame.network16(offset &+ 2))
        guard end <= wireEnd else { throw .notTCP }
        close(at: end)
        var length = 8
        if flags & 0x07 != 0 {
            length &+= 4
            try need(length)
            var kind = flags & 0x04 != 0 ? frame.byte(offset &+ 11) : 0
            while kind != 0 {
                try need(length &+ 1)
                let units = Int(frame.byte(offset &+ length))
                guard units > 0 else { throw .badLength }
                length &+= units &* 4
                try need(length)
                kind = frame.byte(offset &+ length &- 1)
            }
        }
        advance(length, to: .ip)
    }
}
