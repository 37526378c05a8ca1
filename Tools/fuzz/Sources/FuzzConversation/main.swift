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

/// Where the halves begin, as far as the capture has shown.
private struct Beginnings {
    var hasBegun: [Bool]
    /// The first number acknowledged in a half that had not begun.
    var acknowledged: [Int?] = [nil, nil]
    /// A damaged segment may or may not have said where a half begins: the conversation is not judged.
    var isUnclear = false

    /// In mid-connection a half begins where its peer's first acknowledgement says that it goes on, or earlier, with the
    /// first segment that carries more than a byte (one alone may be a keep-alive probe's).
    mutating func note(_ segment: Conversation.Segment, _ truth: inout Truth) {
        let side = segment.side
        let isOpen = hasBegun[0] || hasBegun[1]
        if !hasBegun[side], segment.payload.count > 1 || (segment.flags.contains(.fin) && isOpen) {
            hasBegun[side] = true
            truth.base[side] = min(segment.offset, acknowledged[side] ?? segment.offset)
        }
        guard hasBegun[0] || hasBegun[1], !hasBegun[1 - side], acknowledged[1 - side] == nil else { return }
        acknowledged[1 - side] = segment.acknowledged
        if segment.isDamaged { isUnclear = true }
    }
}

/// Notes which bytes the capture shows before the assembler sees them; those before a half's beginning do not count.
private func note(_ segment: Conversation.Segment, _ truth: inout Truth, _ beginnings: inout Beginnings) {
    let side = segment.side
    beginnings.note(segment, &truth)
    guard beginnings.hasBegun[side] else { return }
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
    var beginnings = Beginnings(hasBegun: [talk.hasHandshake, talk.hasHandshake])
    var time: UInt64 = 1_700_000_000_000_000_000
    var packet: UInt64 = 0
    for segment in talk.capture {
        packet += 1
        time += 10_000
        explain("\(packet): \(segment.text)")
        note(segment, &assembler.sink.inner, &beginnings)
        if beginnings.isUnclear { return 0 }
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
