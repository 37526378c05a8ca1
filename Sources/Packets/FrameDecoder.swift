/// Reads frames: link header, IP, TCP. One value per interface, since checksums are a property of where one looks.
///
/// It keeps no state between frames, allocates nothing, and answers any bytes with an outcome. Frames with anything between
/// the link header and TCP's own IP header are for the ``Decapsulator``, which asks this decoder first.
public struct FrameDecoder: Sendable, BitwiseCopyable {
    /// What to do about TCP checksums on this interface.
    public var checksumMode: ChecksumMode
    /// What a frame may ask of the decoder.
    public var limits: DecodeLimits

    /// A decoder for one interface.
    public init(checksumMode: ChecksumMode = .auto, limits: DecodeLimits = DecodeLimits()) {
        self.checksumMode = checksumMode
        self.limits = limits
    }

    /// Says what `frame` is. `wireLength` is the frame's length when it was captured, in bytes; it counts only where it
    /// exceeds the captured length, and where IP does not state one.
    public func decode(_ frame: RawSpan, linkType: LinkType, wireLength: Int) -> DecodeOutcome {
        do throws(FrameFault) {
            return .segment(try read(frame, linkType, wireLength))
        } catch {
            return .fault(error)
        }
    }

    /// ``decode(_:linkType:wireLength:)`` for whoever goes on with the fault.
    @inline(__always)
    func read(_ frame: RawSpan, _ linkType: LinkType, _ wireLength: Int) throws(FrameFault) -> SegmentHeader {
        let link = try LinkHeader.parse(frame, linkType)
        let wireEnd = max(frame.byteCount, wireLength)
        let internet = try InternetHeader.parse(frame, link, wireEnd: wireEnd, limits)
        guard !internet.isFragment else { throw .fragment }
        guard internet.payloadProtocol == InternetHeader.tcp else { throw .notTCP }
        return try segment(frame, internet)
    }

    /// Largest IP datagram that any Ethernet carries as one packet.
    private static let datagramBytesMax = 9_216

    /// RFC 9293 §3.1.
    @inline(__always)
    func segment(_ frame: borrowing RawSpan, _ internet: InternetHeader) throws(FrameFault) -> SegmentHeader {
        let start = internet.payloadOffset
        guard internet.payloadLength >= 20 else { throw .badLength }
        guard frame.byteCount &- start >= 20 else { throw .truncatedHeader }
        let headerLength = Int(frame.byte(start &+ 12) >> 4) &* 4
        guard headerLength >= 20, headerLength <= internet.payloadLength else { throw .badDataOffset }
        let captured = min(frame.byteCount &- start, internet.payloadLength)
        guard captured >= headerLength else { throw .truncatedHeader }
        var verdict = ChecksumVerdict.notChecked
        if checksumMode != .ignore, captured == internet.payloadLength, !internet.isRoutedFurther {
            verdict = InternetChecksum.verdict(
                ofSegment: frame.extracting(start..<(start &+ captured)), from: internet.source,
                to: internet.destination)
        }
        return SegmentHeader(
            source: internet.source, sourcePort: frame.network16(start), destination: internet.destination,
            destinationPort: frame.network16(start &+ 2), sequence: SequenceNumber(frame.network32(start &+ 4)),
            acknowledgement: SequenceNumber(frame.network32(start &+ 8)),
            flags: TCPFlags(rawValue: frame.byte(start &+ 13)), window: frame.network16(start &+ 14),
            payloadOffset: start &+ headerLength, capturedPayloadLength: captured &- headerLength,
            payloadLength: internet.payloadLength &- headerLength, checksum: verdict,
            isSuperSegment: internet.isLengthOfFrame || internet.payloadLength > Self.datagramBytesMax)
    }
}
