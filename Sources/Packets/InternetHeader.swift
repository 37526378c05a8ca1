/// What an IP header, with its extension headers, says of the datagram's payload.
struct InternetHeader: BitwiseCopyable {
    var source: IPAddress
    var destination: IPAddress
    /// Protocol number of the payload.
    var payloadProtocol: UInt8
    /// Offset in the frame of the payload's first byte. At most the frame's captured length.
    var payloadOffset: Int
    /// Length of the payload on the wire; not negative. The captured bytes may be fewer, or more (padding).
    var payloadLength: Int
    /// True when the length is the frame's own, since an offload left the IP length zero.
    var isLengthOfFrame: Bool
    /// True when a routing header will put another destination in place of this one, so that the pseudo-header which the
    /// checksum covers (RFC 8200 §8.1) is not the one that is seen.
    var isRoutedFurther = false
    /// Where this datagram's payload belongs in a larger one: offset in bytes, a multiple of 8, with bit 0 set when more
    /// is to follow. 0 for a whole datagram. (The form of the IPv6 fragment header, RFC 8200 §4.5.)
    var fragmentField: UInt16 = 0
    /// Identification of the fragmented datagram; 0 for a whole one.
    var identification: UInt32 = 0

    /// True for a part of a larger datagram.
    var isFragment: Bool { fragmentField != 0 }

    static let tcp: UInt8 = 6
    static let udp: UInt8 = 17

    /// True when a datagram of this protocol is TCP, a tunnel, or begins with extension headers, of which one cannot know.
    var mayCarrySegment: Bool {
        switch payloadProtocol {
        case Extension.destinationOptions, Extension.routing: true
        default: Encapsulation(ipProtocol: payloadProtocol) != nil
        }
    }

    /// Reads the IP header at `start`, which is within the frame or at its end. `wireEnd` is where the frame ended on the
    /// wire, at least its captured length.
    @inline(__always)
    static func parse(
        _ frame: borrowing RawSpan, _ link: LinkHeader, wireEnd: Int, _ limits: DecodeLimits
    ) throws(FrameFault) -> InternetHeader {
        switch link.etherType {
        case LinkHeader.ipv4: try parseIPv4(frame, at: link.payloadOffset, wireEnd: wireEnd)
        case LinkHeader.ipv6: try parseIPv6(frame, at: link.payloadOffset, wireEnd: wireEnd, limits)
        default: throw .unsupportedEtherType
        }
    }

    /// RFC 791 §3.1.
    @inline(__always)
    private static func parseIPv4(
        _ frame: borrowing RawSpan, at start: Int, wireEnd: Int
    ) throws(FrameFault) -> InternetHeader {
        guard frame.byteCount &- start >= 20 else { throw .truncatedHeader }
        let first = frame.byte(start)
        guard first >> 4 == 4 else { throw .badIPVersion }
        let headerLength = Int(first & 15) &* 4
        guard headerLength >= 20 else { throw .badLength }
        // Everything but "don't fragment" in this word marks a fragment: "more fragments" or an offset.
        let fragmentBits = frame.network16(start &+ 6) & 0x3FFF
        let totalLength = Int(frame.network16(start &+ 2))
        // TSO leaves the length to the network card: the frame's own length is the only one there is.
        let length = totalLength == 0 ? wireEnd &- start : totalLength
        guard length >= headerLength else { throw .badLength }
        guard frame.byteCount &- start >= headerLength else { throw .truncatedHeader }
        return InternetHeader(
            source: IPAddress(ipv4: frame.network32(start &+ 12)),
            destination: IPAddress(ipv4: frame.network32(start &+ 16)), payloadProtocol: frame.byte(start &+ 9),
            payloadOffset: start &+ headerLength, payloadLength: length &- headerLength,
            isLengthOfFrame: totalLength == 0, fragmentField: fragmentBits << 3 | fragmentBits >> 13,
            identification: fragmentBits == 0 ? 0 : UInt32(frame.network16(start &+ 4)))
    }

    /// RFC 8200 §3. A payload length of zero is TSO's, or that of a jumbogram (RFC 2675): both take the frame's length.
    private static func parseIPv6(
        _ frame: borrowing RawSpan, at start: Int, wireEnd: Int, _ limits: DecodeLimits
    ) throws(FrameFault) -> InternetHeader {
        guard frame.byteCount &- start >= 40 else { throw .truncatedHeader }
        guard frame.byte(start) >> 4 == 6 else { throw .badIPVersion }
        let statedLength = Int(frame.network16(start &+ 4))
        let length = statedLength == 0 ? wireEnd &- start &- 40 : statedLength
        var header = InternetHeader(
            source: IPAddress(ipv6High: frame.network64(start &+ 8), low: frame.network64(start &+ 16)),
            destination: IPAddress(ipv6High: frame.network64(start &+ 24), low: frame.network64(start &+ 32)),
            payloadProtocol: frame.byte(start &+ 6), payloadOffset: start &+ 40, payloadLength: length,
            isLengthOfFrame: statedLength == 0)
        if header.payloadProtocol != tcp { try header.skipExtensions(frame, limits) }
        return header
    }

    /// Protocol numbers of extension headers (RFC 8200 §4, RFC 4302).
    enum Extension {
        static let hopByHop: UInt8 = 0
        static let routing: UInt8 = 43
        static let fragment: UInt8 = 44
        static let authentication: UInt8 = 51
        static let destinationOptions: UInt8 = 60
    }

    /// Moves the payload behind the extension headers, up to TCP or to a protocol that is none.
    ///
    /// It stops behind a fragment header too: what follows one is not a header but a part of a datagram. An "atomic"
    /// fragment, offset 0 and none to follow, is whole (RFC 6946) and goes on.
    mutating func skipExtensions(_ frame: borrowing RawSpan, _ limits: DecodeLimits) throws(FrameFault) {
        var count = 0
        while payloadProtocol != Self.tcp {
            let unit: Int
            switch payloadProtocol {
            case Extension.hopByHop, Extension.routing, Extension.destinationOptions: unit = 8
            case Extension.authentication: unit = 4
            case Extension.fragment: unit = 0
            default: return
            }
            count += 1
            guard count <= limits.extensionHeadersMax else { throw .tooManyExtensionHeaders }
            guard payloadLength >= 8 else { throw .badLength }
            guard frame.byteCount &- payloadOffset >= 8 else { throw .truncatedHeader }
            if payloadProtocol == Extension.fragment {
                fragmentField = frame.network16(payloadOffset &+ 2) & 0xFFF9
                if isFragment { identification = frame.network32(payloadOffset &+ 4) }
            }
            if payloadProtocol == Extension.routing, frame.byte(payloadOffset &+ 3) != 0 { isRoutedFurther = true }
            // Lengths are in units of 8 bytes beyond the first 8 (RFC 8200 §4.3), AH in units of 4 minus 2 (RFC 4302 §2.2).
            let length = 8 &+ Int(frame.byte(payloadOffset &+ 1)) &* unit
            guard payloadLength >= length else { throw .badLength }
            guard frame.byteCount &- payloadOffset >= length else { throw .truncatedHeader }
            payloadProtocol = frame.byte(payloadOffset)
            payloadOffset &+= length
            payloadLength &-= length
            if isFragment { return }
        }
    }
}
