/// What a link header says of the packet behind it.
struct LinkHeader: BitwiseCopyable {
    /// EtherType of the packet.
    var etherType: UInt16
    /// Offset in the frame of the packet's first byte.
    var payloadOffset: Int

    static let ipv4: UInt16 = 0x0800
    static let ipv6: UInt16 = 0x86DD

    /// Reads the header of a frame of this link type.
    @inline(__always)
    static func parse(_ frame: borrowing RawSpan, _ linkType: LinkType) throws(FrameFault) -> LinkHeader {
        switch linkType {
        case .ethernet:
            return try typed(frame, typeOffset: 12, length: 14)
        case .linuxCooked2:
            // LINKTYPE_LINUX_SLL2: protocol type in the first two bytes, 20 bytes in all.
            return try typed(frame, typeOffset: 0, length: 20)
        case .linuxCooked:
            // LINKTYPE_LINUX_SLL: protocol type in the last two of 16 bytes.
            return try typed(frame, typeOffset: 14, length: 16)
        case .rawIP, .rawIPLinux, .rawIPOpenBSD:
            return LinkHeader(etherType: try etherTypeOfRawIP(frame), payloadOffset: 0)
        case .rawIPv4:
            return LinkHeader(etherType: ipv4, payloadOffset: 0)
        case .rawIPv6:
            return LinkHeader(etherType: ipv6, payloadOffset: 0)
        case .null, .loop:
            return LinkHeader(etherType: try etherTypeOfFamily(frame), payloadOffset: 4)
        default:
            throw .unsupportedLinkType
        }
    }

    /// A header of fixed length with an EtherType in it.
    @inline(__always)
    private static func typed(
        _ frame: borrowing RawSpan, typeOffset: Int, length: Int
    ) throws(FrameFault) -> LinkHeader {
        guard frame.byteCount >= length else { throw .truncatedHeader }
        return LinkHeader(etherType: frame.network16(typeOffset), payloadOffset: length)
    }

    private static func etherTypeOfRawIP(_ frame: borrowing RawSpan) throws(FrameFault) -> UInt16 {
        guard frame.byteCount >= 1 else { throw .truncatedHeader }
        switch frame.byte(0) >> 4 {
        case 4: return ipv4
        case 6: return ipv6
        default: throw .badIPVersion
        }
    }

    /// LINKTYPE_NULL and LINKTYPE_LOOP: four bytes of an address family. The one has the byte order of the machine that
    /// captured, the other network order, and writers have mixed them up; both orders are taken in both.
    private static func etherTypeOfFamily(_ frame: borrowing RawSpan) throws(FrameFault) -> UInt16 {
        guard frame.byteCount >= 4 else { throw .truncatedHeader }
        let word = frame.network32(0)
        switch word < 0x1_0000 ? word : word.byteSwapped {
        case 2: return ipv4
        // AF_INET6 of Linux, of NetBSD and OpenBSD, of FreeBSD, of Darwin.
        case 10, 24, 28, 30: return ipv6
        default: throw .unsupportedEtherType
        }
    }
}
