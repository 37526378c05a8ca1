import FuzzSupport
import Packets

private let linkTypes: [LinkType] = [
    .ethernet, .rawIP, .rawIPLinux, .rawIPOpenBSD, .rawIPv4, .rawIPv6, .linuxCooked, .linuxCooked2,
    LinkType(rawValue: 0),
]

// Frame decoding: any bytes, any link type, any stated length. What it answers must lie within the frame.
// Input: link type, how much longer the frame was on the wire (2 bytes), the frame.
fuzz { start, count in
    var input = FuzzInput(start, count)
    let linkType = linkTypes[Int(input.byte()) % linkTypes.count]
    let extra = Int(input.word())
    let frame = input.take(1 << 16)
    for mode in [ChecksumMode.auto, .ignore] {
        let decoder = FrameDecoder(checksumMode: mode)
        let outcome = decoder.decode(frame.span.bytes, linkType: linkType, wireLength: frame.count + extra)
        guard case .segment(let header) = outcome else { continue }
        require(header.payloadOffset >= 20 && header.capturedPayloadLength >= 0, "\(header)")
        require(header.payloadOffset + header.capturedPayloadLength <= frame.count, "\(header) of \(frame.count)")
        require(header.capturedPayloadLength <= header.payloadLength, "\(header)")
        require(header.payloadLength <= max(65_535, frame.count + extra), "\(header) of \(frame.count) + \(extra)")
        // Cutting the payload off must change nothing but what was captured of it.
        let cut = Array(frame.prefix(header.payloadOffset))
        let again = decoder.decode(cut.span.bytes, linkType: linkType, wireLength: frame.count + extra)
        guard case .segment(let snapped) = again else { breach("no segment once its payload is cut off") }
        require(snapped.sequence == header.sequence && snapped.payloadLength == header.payloadLength, "\(snapped)")
        require(snapped.capturedPayloadLength == 0 && snapped.payloadOffset == header.payloadOffset, "\(snapped)")
    }
    return 0
}
