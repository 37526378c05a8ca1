import Packets

/// Builds frames for tests, right by default and wrong where a test wants it.
struct FrameBuilder {
    var source = "10.77.0.1"
    var destination = "10.77.0.2"
    var sourcePort: UInt16 = 40_000
    var destinationPort: UInt16 = 80
    var sequence: UInt32 = 1_000
    var acknowledgement: UInt32 = 2_000
    var flags: TCPFlags = [.ack, .psh]
    var window: UInt16 = 501
    var payload: [UInt8] = Array("payload".utf8)
    var tcpOptions: [UInt8] = []
    var dataOffset: UInt8?
    /// The TCP checksum field; nil: the right one.
    var checksum: UInt16?
    var ipOptions: [UInt8] = []
    /// The IP total length (IPv4) or payload length (IPv6); nil: the right one.
    var ipLength: UInt16?
    var fragmentField: UInt16 = 0x4000
    var ipProtocol: UInt8 = 6
    /// Extension headers in front of TCP: number, and bytes of which the first is replaced by the next number.
    var extensions: [(number: UInt8, bytes: [UInt8])] = []
    var padding = 0

    var isIPv4: Bool { source.contains(".") }

    /// An Ethernet frame.
    var ethernet: [UInt8] {
        [2, 0x77, 0, 0, 0, 0xAA, 2, 0x77, 0, 0, 0, 0xBB] + be16(isIPv4 ? 0x0800 : 0x86DD) + datagram
            + Array(repeating: 0xEE, count: padding)
    }

    /// A Linux cooked v1 frame.
    var linuxCooked: [UInt8] { [0, 4, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0] + be16(isIPv4 ? 0x0800 : 0x86DD) + datagram }

    /// A Linux cooked v2 frame.
    var linuxCooked2: [UInt8] {
        be16(isIPv4 ? 0x0800 : 0x86DD) + [0, 0, 0, 0, 0, 2, 0, 1, 4, 6, 1, 2, 3, 4, 5, 6, 0, 0] + datagram
    }

    /// The IP datagram.
    var datagram: [UInt8] {
        let tcp = segment
        if isIPv4 {
            let headerLength = 20 + ipOptions.count
            var header: [UInt8] = [0x40 | UInt8(headerLength / 4), 0]
            header += be16(ipLength ?? UInt16(truncatingIfNeeded: headerLength + tcp.count)) + be16(7)
            header += be16(fragmentField) + [64, ipProtocol, 0, 0] + octets(source) + octets(destination)
            return header + ipOptions + tcp
        }
        var chain: [UInt8] = []
        for (index, part) in extensions.enumerated() {
            let next = index + 1 < extensions.count ? extensions[index + 1].number : ipProtocol
            chain += [next] + part.bytes.dropFirst()
        }
        let length = UInt16(truncatingIfNeeded: chain.count + tcp.count)
        var header: [UInt8] = [0x60, 0, 0, 0] + be16(ipLength ?? length)
        header += [extensions.first?.number ?? ipProtocol, 64] + octets(source) + octets(destination)
        return header + chain + tcp
    }

    /// The TCP segment.
    var segment: [UInt8] {
        let words = dataOffset ?? UInt8((20 + tcpOptions.count) / 4)
        var bytes = be16(sourcePort) + be16(destinationPort) + be32(sequence) + be32(acknowledgement)
        bytes += [words << 4, flags.rawValue] + be16(window) + [0, 0, 0, 0] + tcpOptions + payload
        let field = checksum ?? ~plainSum(pseudoHeader(length: bytes.count) + bytes)
        bytes.replaceSubrange(16..<18, with: be16(field))
        return bytes
    }

    /// The pseudo-header of RFC 9293 §3.1 or RFC 8200 §8.1.
    func pseudoHeader(length: Int) -> [UInt8] {
        octets(source) + octets(destination)
            + (isIPv4 ? [0, 6] + be16(UInt16(truncatingIfNeeded: length)) : be32(UInt32(length)) + [0, 0, 0, 6])
    }

    private func octets(_ text: String) -> [UInt8] {
        guard let address = IPAddress(text) else { return [] }
        return address.isIPv4
            ? be32(UInt32(truncatingIfNeeded: address.low))
            : be32(UInt32(address.high >> 32)) + be32(UInt32(truncatingIfNeeded: address.high))
                + be32(UInt32(address.low >> 32)) + be32(UInt32(truncatingIfNeeded: address.low))
    }
}

func be16(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(truncatingIfNeeded: value)] }

func be32(_ value: UInt32) -> [UInt8] { be16(UInt16(value >> 16)) + be16(UInt16(truncatingIfNeeded: value)) }

/// RFC 1071 word by word: what the fast sum is held against.
func plainSum(_ bytes: [UInt8]) -> UInt16 {
    var sum: UInt32 = 0
    for index in stride(from: 0, to: bytes.count, by: 2) {
        sum += UInt32(bytes[index]) << 8 | (index + 1 < bytes.count ? UInt32(bytes[index + 1]) : 0)
        sum = (sum & 0xFFFF) + (sum >> 16)
    }
    return UInt16(sum)
}

/// What the decoder says of a frame.
func decode(
    _ frame: [UInt8], _ linkType: LinkType = .ethernet, wireLength: Int? = nil, mode: ChecksumMode = .auto
) -> DecodeOutcome {
    FrameDecoder(checksumMode: mode).decode(
        frame.span.bytes, linkType: linkType, wireLength: wireLength ?? frame.count)
}

extension DecodeOutcome {
    /// The segment, if it is one.
    var segment: SegmentHeader? {
        if case .segment(let segment) = self { segment } else { nil }
    }
}
