import Flows
import FuzzSupport
import Packets

/// A connection as a capture may show it: who sent what is known, and what the capture did to it.
struct Conversation {
    /// A segment as captured.
    struct Segment {
        var side: Int
        /// Offset in the side's stream of the first payload byte; -1 for a SYN.
        var offset: Int
        var payload: [UInt8] = []
        /// Payload bytes that the capture kept.
        var captured = 0
        /// Bytes of the other side's stream that it acknowledges; nil for none.
        var acknowledged: Int?
        var flags: TCPFlags = []
        var isDamaged = false
        /// True when the capture shows its bytes soon after they were first sent: then they must be delivered.
        var isPrompt = false

        /// In words.
        var text: String {
            let kept = captured == payload.count ? "" : " captured \(captured)"
            return (side == 0 ? "client" : "server") + " \(offset)+\(payload.count)\(kept)"
                + (acknowledged.map { " ack \($0)" } ?? "") + (flags.contains(.syn) ? " SYN" : "")
                + (flags.contains(.fin) ? " FIN" : "") + (isDamaged ? " damaged" : "") + (isPrompt ? " prompt" : "")
        }
    }

    /// How far a segment may be displaced in the capture. Each step makes at most two captured segments, and others may
    /// be displaced to the same place, so all come within the slack of 64 segments that the assembler grants.
    static let delayMax = 12

    let hasHandshake: Bool
    /// Initial sequence numbers of client and server.
    let origins: [UInt32]
    private(set) var sent = [0, 0]
    private(set) var hasFIN = [false, false]
    private var steps: [(place: Int, segment: Segment)] = []
    private var place = 0
    private var lastAcknowledged = [0, 0]

    /// Reads a conversation from the fuzzer's bytes.
    init(_ input: inout FuzzInput) {
        let choice = input.byte()
        hasHandshake = choice & 1 == 0
        origins = [choice & 2 == 0 ? 1_000 : 0xffff_fff0, choice & 4 == 0 ? 900_000 : 0xffff_ff00]
        if hasHandshake {
            emit(Segment(side: 0, offset: -1, flags: .syn))
            emit(Segment(side: 1, offset: -1, acknowledged: 0, flags: .syn))
            emit(Segment(side: 0, offset: 0, acknowledged: 0))
        }
        while !input.isEmpty, place < 1_000 { step(&input) }
        for side in [0, 1] where choice & (8 << UInt8(side)) != 0 {
            emit(Segment(side: side, offset: sent[side], acknowledged: newest(1 - side), flags: .fin))
            hasFIN[side] = true
        }
        for side in [0, 1] { emit(Segment(side: side, offset: sent[side], acknowledged: newest(1 - side))) }
    }

    /// The segments in the order of capture.
    var capture: [Segment] {
        steps.enumerated()
            .sorted { ($0.element.place, $0.offset) < ($1.element.place, $1.offset) }
            .map(\.element.segment)
    }

    /// The byte that a side sends at an offset; never 0, which damaged payload consists of.
    static func content(_ side: Int, _ offset: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: (offset &* 0x9E37_79B1 &+ side &* 77) >> 13) | 1
    }

    private func newest(_ side: Int) -> Int { sent[side] + (hasFIN[side] ? 1 : 0) }

    private mutating func emit(_ segment: Segment, delay: Int = 0) { steps.append((place + delay, segment)) }

    private func data(_ side: Int, _ range: Range<Int>, acknowledged: Int) -> Segment {
        Segment(
            side: side, offset: range.lowerBound, payload: range.map { Self.content(side, $0) }, captured: range.count,
            acknowledged: acknowledged, flags: range.count & 1 == 0 ? [] : .psh)
    }

    /// One thing that a side does: 3 bytes.
    private mutating func step(_ input: inout FuzzInput) {
        place += 1
        let (choice, length, fate) = (input.byte(), Int(input.byte()), input.byte())
        let side = Int(choice >> 3 & 1)
        // Acknowledges everything, or as little as the time before.
        if choice & 16 == 0 { lastAcknowledged[side] = sent[1 - side] }
        let acknowledged = lastAcknowledged[side]
        switch choice & 7 {
        case 0...3:
            let count = (1 + length) * (choice & 32 == 0 ? 1 : 8)
            guard sent[side] + count <= 1 << 17 else { return }
            let range = sent[side]..<sent[side] + count
            sent[side] += count
            var segment = data(side, range, acknowledged: acknowledged)
            // A byte alone may be a keep-alive probe's, and then be garbage: it may be passed over.
            segment.isPrompt = count > 1
            send(segment, fate)
        case 4, 5:
            // Again, from anywhere to anywhere.
            let start = max(0, sent[side] - length * (choice & 32 == 0 ? 1 : 16))
            let end = min(sent[side], start + 1 + Int(fate) * (choice & 64 == 0 ? 1 : 16))
            emit(data(side, start..<end, acknowledged: acknowledged), delay: Int(choice >> 7) * Self.delayMax)
        case 6:
            emit(Segment(side: side, offset: sent[side], acknowledged: acknowledged), delay: Int(fate) % Self.delayMax)
        default:
            // A keep-alive probe (RFC 9293 §3.8.4), with or without the byte before.
            let start = sent[side] - 1
            guard start >= 0 else { return }
            emit(data(side, start..<start + Int(fate & 1), acknowledged: acknowledged))
        }
    }

    /// Lets the capture do something to a segment that is sent for the first time.
    private mutating func send(_ segment: Segment, _ fate: UInt8) {
        let delay = Int(fate & 15) % Self.delayMax + 1
        var segment = segment
        switch fate >> 4 {
        case 10, 11: emit(segment, delay: delay)
        case 12: break
        case 13:
            emit(segment)
            emit(segment, delay: delay)
        case 14:
            segment.captured = segment.captured * Int(fate & 15) / 16
            emit(segment)
        case 15 where hasHandshake && segment.isPrompt:
            // Damaged on the way, and sent again at once. Known as damage, since the handshake's checksums were right.
            var damaged = segment
            damaged.payload = damaged.payload.map { _ in 0 }
            damaged.isDamaged = true
            emit(damaged)
            place += 1
            emit(segment, delay: delay)
        default: emit(segment)
        }
    }
}
