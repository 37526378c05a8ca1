import FuzzSupport
import Packets

private let linkTypes: [LinkType] = [
    .ethernet, .rawIP, .null, .loop, .ppp, .pppHDLC, .pppEthernet, .mpls, .linuxCooked, .linuxCooked2, .rawIPv4,
    .rawIPv6,
]

// Tunnels and fragments: a row of frames, tenants told apart and room scarce. Every frame is answered, every segment lies
// within the bytes it is said to be in, and no fragment is left over.
// Input: frames of a link type, a length (2 bytes, the high one first), and as many bytes as that says or are left.
fuzz { start, count in
    var options = DecapsulatorOptions()
    options.separatesTenants = true
    options.limits.tenantsMax = 16
    options.limits.fragments.datagramsMax = 4
    options.limits.fragments.bytesMax = 4_096
    options.limits.fragments.fragmentsPerDatagramMax = 8
    var decapsulator = Decapsulator(options: options)
    var input = FuzzInput(start, count)
    var frames: UInt64 = 0
    var segments: UInt64 = 0
    while !input.isEmpty {
        let linkType = linkTypes[Int(input.byte()) % linkTypes.count]
        let stated = Int(input.byte()) << 8 | Int(input.byte())
        let frame = input.take(stated)
        frames += 1
        let outcome = decapsulator.decode(
            frame.span.bytes, linkType: linkType, wireLength: stated, time: frames * 400_000_000)
        switch outcome {
        case .segment(let header, _):
            segments += 1
            check(header, within: frame.count)
        case .reassembled(let header, _): check(header, within: decapsulator.withDatagram { $0.byteCount })
        case .held, .fault: break
        }
    }
    decapsulator.finish()
    require(decapsulator.waitingFragments == 0, "\(decapsulator.waitingFragments) fragments are left")
    let accounted = segments + decapsulator.faults.total + decapsulator.reassembledFragments
    require(accounted >= frames, "\(accounted) of \(frames) frames are accounted for")
    return 0
}

private func check(_ header: SegmentHeader, within count: Int) {
    require(header.payloadOffset >= 20 && header.capturedPayloadLength >= 0, "\(header)")
    require(header.payloadOffset + header.capturedPayloadLength <= count, "\(header) of \(count)")
    require(header.capturedPayloadLength <= header.payloadLength, "\(header)")
}
