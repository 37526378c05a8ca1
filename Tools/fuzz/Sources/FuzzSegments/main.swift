import Flows
import FuzzSupport
import Objects
import Packets

/// A byte's content follows from its sequence number, so that a byte delivered at a wrong place shows.
private struct PlaceCheck: StreamSink {
    var isActive = true
    private var origins: [UInt64: [UInt8?]] = [:]

    mutating func open(_ flow: FlowHandle, _ description: FlowDescription, _ context: SegmentContext) {
        origins[flow.number] = [nil, nil]
    }
    mutating func bytes(
        _ flow: FlowHandle, _ half: HalfConnection, _ bytes: RawSpan, at offset: UInt64, isSegmentStart: Bool,
        _ context: SegmentContext
    ) {
        guard isActive else { return }
        for index in 0..<bytes.byteCount {
            let byte = bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self)
            let place = UInt8(truncatingIfNeeded: offset &+ UInt64(index))
            let origin = origins[flow.number]?[Int(half.rawValue)] ?? byte &- place
            origins[flow.number]?[Int(half.rawValue)] = origin
            require(byte == origin &+ place, "\(half): byte \(offset) + \(index) is of another place")
        }
    }
    mutating func gap(
        _ flow: FlowHandle, _ half: HalfConnection, at offset: UInt64, length: UInt64, cause: GapCause,
        _ context: SegmentContext
    ) {}
    mutating func end(_ flow: FlowHandle, _ half: HalfConnection, _ reason: StreamEnd, _ context: SegmentContext) {}
    mutating func close(_ flow: FlowHandle, _ context: SegmentContext) { origins[flow.number] = nil }
}

/// Limits near enough to be reached.
private func limits(_ choice: UInt8) -> FlowLimits {
    var limits = FlowLimits()
    if choice & 1 != 0 { limits.flowsMax = 3 }
    if choice & 2 != 0 { limits.flowBufferedBytesMax = 3_000 }
    if choice & 4 != 0 { limits.bufferedBytesMax = 6_000 }
    if choice & 8 != 0 { limits.closedFlowsMax = Int(choice >> 4 & 1) }
    if choice & 32 != 0 { limits.windowBytesMax = 5_000 }
    if choice & 64 != 0 { limits.slackSegments = 6 }
    return limits
}

/// Payload whose bytes are their sequence numbers: the slice that begins at a number's low byte.
private let pattern = (0..<8_192).map { UInt8(truncatingIfNeeded: $0) }

// Reassembly: segments of a few connections with any flags, numbers, lengths and times.
// Input: limits, checksum policy, then 9 bytes a segment.
fuzz { start, count in
    var input = FuzzInput(start, count)
    let limits = limits(input.byte())
    let policy = ChecksumPolicy.allCases[Int(input.byte()) % ChecksumPolicy.allCases.count]
    var assembler = FlowAssembler(sink: StreamCheck(PlaceCheck()), limits: limits, checksumPolicy: policy)
    var time: UInt64 = 1_700_000_000_000_000_000
    var packet: UInt64 = 0
    let (near, far) = (IPAddress(ipv4: 1), IPAddress(ipv4: 2))
    while !input.isEmpty, packet < 2_000 {
        let choice = input.byte()
        let more = input.byte()
        let isForward = choice & 1 == 0
        let port = 1_000 + UInt16(choice >> 1 & 3)
        let length = Int(input.byte()) * (choice & 8 == 0 ? 1 : 16)
        let flags = TCPFlags(rawValue: input.byte())
        // Both halves near the wrap of sequence numbers, or one somewhere else.
        let base: UInt32 = more & 1 == 0 ? 0xffff_f800 : UInt32(more) << 24
        let sequence = base &+ UInt32(input.word())
        let acknowledgement = (more & 2 == 0 ? base : 0xffff_f800) &+ UInt32(input.word())
        let isDamaged = more & 12 == 12
        if isDamaged { assembler.sink.inner.isActive = false }
        let first = Int(UInt8(truncatingIfNeeded: sequence &+ (flags.contains(.syn) ? 1 : 0)))
        let header = SegmentHeader(
            source: isForward ? near : far, sourcePort: isForward ? port : 80, destination: isForward ? far : near,
            destinationPort: isForward ? 80 : port, sequence: SequenceNumber(sequence),
            acknowledgement: SequenceNumber(acknowledgement), flags: flags, payloadOffset: first,
            capturedPayloadLength: choice & 16 == 0 ? length : length / 2, payloadLength: length,
            checksum: isDamaged ? .wrong : choice & 32 == 0 ? .valid : .notChecked, isSuperSegment: more & 64 != 0)
        packet += 1
        time += UInt64(input.byte()) * (choice & 192 == 192 ? 1_000_000_000 : 100_000)
        assembler.expire(now: time)
        assembler.segment(header, pattern.span.bytes, time: time, packet: packet, tenant: UInt32(more >> 7))
        require(assembler.openFlows <= limits.flowsMax, "\(assembler.openFlows) flows of \(limits.flowsMax)")
        require(assembler.openFlows == assembler.sink.openFlows, "\(assembler.openFlows) flows open")
    }
    assembler.finishCapture(time: time, packet: packet)
    let counters = assembler.counters
    require(assembler.openFlows == 0 && assembler.sink.openFlows == 0, "\(assembler.openFlows) flows left")
    require(counters.deliveredBytes == assembler.sink.deliveredBytes, "\(counters) of \(assembler.sink.deliveredBytes)")
    require(
        counters.gapBytes == assembler.sink.gapBytes,
        "\(counters) of \(assembler.sink.gapBytes)")
    require(counters.deliveredBytes <= counters.payloadBytes, "\(counters)")
    return 0
}
