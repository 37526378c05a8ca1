import Flows
import FuzzSupport
import Packets

private let headerLength = 3

private func header(_ segment: Conversation.Segment, _ talk: Conversation) -> SegmentHeader {
    let addresses = [IPAddress(ipv4: 0x0a00_0007), IPAddress(ipv4: 0xc000_0201)]
    let ports: [UInt16] = [40_000, 80]
    let (own, other) = (segment.side, 1 - segment.side)
    var flags = segment.flags
    if segment.acknowledged != nil { flags.insert(.ack) }
    return SegmentHeader(
        source: addresses[own], sourcePort: ports[own], destination: addresses[other], destinationPort: ports[other],
        sequence: SequenceNumber(talk.origins[own] &+ UInt32(segment.offset + 1)),
        acknowledgement: SequenceNumber(segment.acknowledged.map { talk.origins[other] &+ UInt32($0 + 1) } ?? 0),
        flags: flags, payloadOffset: headerLength, capturedPayloadLength: segment.captured,
        payloadLength: segment.payload.count, checksum: segment.isDamaged ? .wrong : .valid)
}

/// Notes which bytes the capture shows before the assembler sees them. In mid-connection a half begins with the first
/// segment that carries more than a byte (one alone may be a keep-alive probe's), and earlier bytes do not count.
private func note(_ segment: Conversation.Segment, _ truth: inout Truth, _ hasBegun: inout [Bool]) {
    let side = segment.side
    if !hasBegun[side] {
        let isFirst = segment.payload.count > 1 || (segment.flags.contains(.fin) && (hasBegun[0] || hasBegun[1]))
        guard isFirst else { return }
        hasBegun[side] = true
        truth.base[side] = segment.offset
    }
    guard !segment.isDamaged else { return }
    for place in segment.offset..<segment.offset + segment.captured where place >= truth.base[side] {
        truth.isShown[side][place] = true
        if segment.isPrompt { truth.isCertain[side][place] = true }
    }
}

// Reassembly of a connection whose bytes are known, as a capture may show it: displaced, repeated, lost, cut, damaged.
// Input: a byte of choices, then 3 bytes a step.
fuzz { start, count in
    var input = FuzzInput(start, count)
    let talk = Conversation(&input)
    var truth = Truth()
    truth.sent = talk.sent
    truth.isShown = talk.sent.map { Array(repeating: false, count: $0) }
    truth.isCertain = truth.isShown
    var assembler = FlowAssembler(sink: StreamCheck(truth))
    var hasBegun = [talk.hasHandshake, talk.hasHandshake]
    var time: UInt64 = 1_700_000_000_000_000_000
    var packet: UInt64 = 0
    for segment in talk.capture {
        packet += 1
        time += 10_000
        explain("\(packet): \(segment.text)")
        note(segment, &assembler.sink.inner, &hasBegun)
        let frame = [UInt8](repeating: 0, count: headerLength) + segment.payload.prefix(segment.captured)
        assembler.segment(header(segment, talk), frame.span.bytes, time: time, packet: packet)
    }
    assembler.finishCapture(time: time, packet: packet)
    require(assembler.openFlows == 0 && assembler.sink.openFlows == 0, "\(assembler.openFlows) flows left")
    for side in [0, 1] {
        let last = assembler.sink.inner.isCertain[side].lastIndex(of: true) ?? -1
        require(last < assembler.sink.inner.next[side], "byte \(last) of side \(side) was never delivered")
        if talk.hasHandshake, talk.hasFIN[side] {
            let next = assembler.sink.inner.next[side]
            require(next == talk.sent[side], "side \(side) ends at \(next), not at its FIN, \(talk.sent[side])")
        }
    }
    return 0
}
