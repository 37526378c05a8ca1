extension LayerWalk {
    /// Reads an IP header and moves to its payload, or to the fragment's part of it.
    mutating func internet(_ frame: borrowing RawSpan, _ options: DecapsulatorOptions) throws(FrameFault) {
        try need(1)
        var etherType = next == .ipv6 ? LinkHeader.ipv6 : LinkHeader.ipv4
        if next == .ip, frame.byte(offset) >> 4 == 6 { etherType = LinkHeader.ipv6 }
        let header = try InternetHeader.parse(
            frame, LinkHeader(etherType: etherType, payloadOffset: offset), wireEnd: wireEnd,
            options.limits.headers)
        // IP directly within IP is a tunnel without a header of its own.
        if isDirectlyInIP {
            depth &+= 1
            guard depth <= options.limits.encapsulationsMax else { throw .nestedTooDeep }
        }
        try enter(header)
    }

    /// Moves to the payload of an IP header whose payload begins within the captured bytes.
    mutating func enter(_ header: InternetHeader) throws(FrameFault) {
        internet = header
        offset = header.payloadOffset
        close(at: header.payloadOffset &+ header.payloadLength)
        isDirectlyInIP = true
        guard !header.isFragment else { return }
        guard let payload = Encapsulation(ipProtocol: header.payloadProtocol) else { throw .notTCP }
        next = payload
    }

    /// Goes on with a datagram that was put together: `count` bytes, of which nothing came before.
    mutating func enterDatagram(_ bytes: borrowing RawSpan, _ limits: DecodeLimits) throws(FrameFault) {
        guard var header = internet else { throw .badFragment }
        header.fragmentField = 0
        header.identification = 0
        header.payloadOffset = 0
        header.payloadLength = bytes.byteCount
        header.isLengthOfFrame = false
        offset = 0
        capturedEnd = bytes.byteCount
        wireEnd = bytes.byteCount
        // Behind a fragment header there may be further extension headers (RFC 8200 §4.5).
        if !header.source.isIPv4 { try header.skipExtensions(bytes, limits) }
        try enter(header)
    }

    /// RFC 4302 §2: next header, length in units of 4 bytes minus 2, and what does not matter here.
    mutating func authentication(_ frame: borrowing RawSpan) throws(FrameFault) {
        try need(12)
        let length = (Int(frame.byte(offset &+ 1)) &+ 2) &* 4
        guard length >= 12 else { throw .badLength }
        try need(length)
        guard var header = internet else { throw .badLength }
        header.payloadProtocol = frame.byte(offset)
        header.payloadOffset = offset &+ length
        header.payloadLength = wireEnd &- header.payloadOffset
        try enter(header)
    }

    /// RFC 768. Datagrams to other ports than those of tunnels are ordinary UDP, and none of our business.
    mutating func udp(_ frame: borrowing RawSpan, _ options: DecapsulatorOptions) throws(FrameFault) {
        try need(8)
        guard let tunnel = options.tunnel(toPort: frame.network16(offset &+ 2)) else { throw .notTCP }
        let length = Int(frame.network16(offset &+ 4))
        // Zero is an offload's, or that of a jumbogram (RFC 2675 §4): the datagram's own length counts.
        if length != 0 {
            guard length >= 8, length <= wireEnd &- offset else { throw .badLength }
            close(at: offset &+ length)
        }
        advance(8, to: tunnel)
    }
}
