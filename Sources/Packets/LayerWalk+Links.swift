/// Headers of layer 2 and between 2 and 3.
extension LayerWalk {
    /// Ethernet II and 802.3: the type field decides.
    mutating func ethernet(_ frame: borrowing RawSpan) throws(FrameFault) {
        try need(14)
        advance(14, to: try Self.named(Encapsulation(etherType: frame.network16(offset &+ 12))))
    }

    /// IEEE 802.1Q-2018 §9.6: priority, drop eligibility and 12 bits of VLAN; then the EtherType of what is tagged.
    mutating func vlan(_ frame: borrowing RawSpan) throws(FrameFault) {
        try need(4)
        try chain.append(.vlan, UInt32(frame.network16(offset) & 0x0FFF))
        advance(4, to: try Self.named(Encapsulation(etherType: frame.network16(offset &+ 2))))
    }

    /// SNAP with an EtherType (RFC 1042): AA AA 03 00 00 00. Any other LLC is spanning tree and the like.
    mutating func llc(_ frame: borrowing RawSpan) throws(FrameFault) {
        try need(8)
        guard frame.network32(offset) == 0xAAAA_0300, frame.network16(offset &+ 4) == 0 else {
            throw .unsupportedEtherType
        }
        let etherType = frame.network16(offset &+ 6)
        guard etherType >= 0x0600 else { throw .unsupportedEtherType }
        advance(8, to: try Self.named(Encapsulation(etherType: etherType)))
    }

    /// RFC 3032 §2.1: 20 bits of label, 3 of class, the bottom-of-stack bit, 8 of time to live.
    mutating func mpls(_ frame: borrowing RawSpan, labelsMax: Int) throws(FrameFault) {
        var labels = 0
        var isBottom = false
        isDirectlyInIP = false
        while !isBottom {
            labels &+= 1
            guard labels <= labelsMax else { throw .nestedTooDeep }
            try need(4)
            isBottom = frame.byte(offset &+ 2) & 1 == 1
            offset &+= 4
        }
        try underLabels(frame)
    }

    /// What is under a label stack is known only to who assigned the label. By the first nibble (RFC 4928 §3, RFC 4385
    /// §3): 4 and 6 are IP unless the lengths say otherwise, 0 is a pseudowire's control word unless an Ethernet header
    /// without one makes more sense, 1 is a pseudowire's own signalling, and all else can be an Ethernet address only.
    private mutating func underLabels(_ frame: borrowing RawSpan) throws(FrameFault) {
        try need(4)
        let nibble = frame.byte(offset) >> 4
        let isEthernet = isLikelyEthernet(frame, at: offset)
        switch nibble {
        case 4, 6:
            next = isLikelyIP(frame, version: nibble) || !isEthernet ? .ip : .ethernet
        case 0:
            if isLikelyEthernet(frame, at: offset &+ 4) {
                advance(4, to: .ethernet)
            } else if isEthernet {
                next = .ethernet
            } else {
                throw .unsupportedTunnel
            }
        default:
            guard isEthernet else { throw .unsupportedTunnel }
            next = .ethernet
        }
    }

    /// True when the bytes at `start` may be an Ethernet header: captured, of an EtherType one meets, and followed by what
    /// that announces.
    private func isLikelyEthernet(_ frame: borrowing RawSpan, at start: Int) -> Bool {
        guard capturedEnd &- start >= 15 else { return false }
        let etherType = frame.network16(start &+ 12)
        switch etherType {
        case LinkHeader.ipv4: return frame.byte(start &+ 14) >> 4 == 4
        case LinkHeader.ipv6: return frame.byte(start &+ 14) >> 4 == 6
        default: return etherType >= 0x0600 && Encapsulation.isLikely(etherType: etherType)
        }
    }

    /// True when the bytes at the offset may be an IP header of this version, by its lengths.
    private func isLikelyIP(_ frame: borrowing RawSpan, version: UInt8) -> Bool {
        let length = wireEnd &- offset
        if version == 6 {
            return capturedEnd &- offset >= 40 && Int(frame.network16(offset &+ 4)) &+ 40 <= length
        }
        guard capturedEnd &- offset >= 20, frame.byte(offset) & 15 >= 5 else { return false }
        return Int(frame.network16(offset &+ 2)) <= length
    }

    /// RFC 2516 §4: version and type 1, code 0 for session data, session, length; then PPP without framing.
    mutating func pppoe(_ frame: borrowing RawSpan) throws(FrameFault) {
        try need(6)
        guard frame.byte(offset) == 0x11, frame.byte(offset &+ 1) == 0 else { throw .unsupportedTunnel }
        close(at: offset &+ 6 &+ Int(frame.network16(offset &+ 4)))
        advance(6, to: .ppp)
    }

    /// RFC 1661 §2 and RFC 1662 §3.1: FF 03 unless compressed, then a protocol of two bytes, or of one when it is odd
    /// (RFC 1661 §6.5).
    mutating func ppp(_ frame: borrowing RawSpan) throws(FrameFault) {
        try need(2)
        if frame.network16(offset) == 0xFF03 {
            offset &+= 2
            try need(2)
        }
        let first = frame.byte(offset)
        let isCompressed = first & 1 == 1
        let number = isCompressed ? UInt16(first) : frame.network16(offset)
        // Link control, authentication, network control: not packets of the network layer.
        guard let carried = Encapsulation(pppProtocol: number) else { throw .notTCP }
        advance(isCompressed ? 1 : 2, to: carried)
    }
}
