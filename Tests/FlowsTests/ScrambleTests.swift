import Objects
import Packets
import TestSupport
import Testing

@testable import Flows

/// A conversation as both ends saw it, before a capture spoils it.
struct Conversation {
    var talk: Talk
    var segments: [Segment] = []
    var client: [UInt8] = []
    var server: [UInt8] = []

    /// Turns of random length, cut into random segments, each acknowledging all that came before it.
    init(seed: UInt64, turns: Int) {
        var random = SeededGenerator(seed: seed)
        talk = Talk(
            clientISN: UInt32.random(in: 0 ... .max, using: &random),
            serverISN: .max - UInt32.random(in: 0..<9_000, using: &random))
        segments = talk.handshake
        for turn in 0..<turns {
            let side: Side = turn % 2 == 0 ? .client : .server
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                let payload = (0..<Int.random(in: 2...400, using: &random)).map { _ in
                    UInt8.random(in: 1 ... .max, using: &random)
                }
                if side == .client {
                    segments.append(talk.data(.client, UInt64(client.count), payload, ack: UInt64(server.count)))
                    client += payload
                } else {
                    segments.append(talk.data(.server, UInt64(server.count), payload, ack: UInt64(client.count)))
                    server += payload
                }
                if Bool.random(using: &random) {
                    segments.append(
                        side == .client
                            ? talk.ack(.server, UInt64(server.count), ack: UInt64(client.count))
                            : talk.ack(.client, UInt64(client.count), ack: UInt64(server.count)))
                }
            }
        }
        segments.append(talk.fin(.client, UInt64(client.count), ack: UInt64(server.count)))
        segments.append(talk.fin(.server, UInt64(server.count), ack: UInt64(client.count) + 1))
        segments.append(talk.ack(.client, UInt64(client.count) + 1, ack: UInt64(server.count) + 1))
    }
}

/// Moves each element by less than `window` places.
func shuffled<Element>(_ elements: [Element], window: Int, _ random: inout SeededGenerator) -> [Element] {
    elements.enumerated()
        .map { (key: $0.offset + Int.random(in: 0..<window, using: &random), place: $0.offset, element: $0.element) }
        .sorted { ($0.key, $0.place) < ($1.key, $1.place) }
        .map(\.element)
}

@Suite struct ScrambleTests {
    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    func `duplicates, reordering and other borders give the same bytes`(seed: UInt64) {
        var random = SeededGenerator(seed: seed &* 7_919)
        let conversation = Conversation(seed: seed, turns: 14)
        var segments: [Segment] = []
        for segment in conversation.segments {
            segments.append(segment)
            if Int.random(in: 0..<4, using: &random) == 0 { segments.append(segment) }
            // A retransmission of some bytes before, with its own borders and the newest acknowledgement.
            guard !segment.payload.isEmpty, Int.random(in: 0..<5, using: &random) == 0 else { continue }
            let isClient = segment.side == .client
            let stream = isClient ? conversation.client : conversation.server
            let origin = conversation.talk.isn(segment.side) &+ 1
            let end = Int(segment.sequence &- origin) + segment.payload.count
            let start = max(0, end - Int.random(in: 2...900, using: &random))
            var again = segment
            again.sequence = origin &+ UInt32(start)
            again.payload = Array(stream[start..<end])
            segments.append(again)
        }
        // The handshake stays in front: what comes before the first segment seen cannot count.
        let window = [1, 2, 8, 20][Int(seed % 4)]
        segments = Array(segments.prefix(3)) + shuffled(Array(segments.dropFirst(3)), window: window, &random)
        var tap = Tap()
        tap.send(segments)
        tap.finish()
        #expect(tap.flows.count == 1)
        #expect(tap.flows[0].initiator.bytes == conversation.client)
        #expect(tap.flows[0].responder.bytes == conversation.server)
        #expect(tap.flows[0].initiator.end == .finished)
        #expect(tap.flows[0].responder.end == .finished)
        #expect(tap.counters.gaps == 0)
        #expect(tap.counters.conflictingBytes == 0)
        #expect(tap.violations == [])
        #expect(tap.assembler.tracker.buffer.count == 0)
        #expect(tap.assembler.tracker.buffer.charge == 0)
    }

    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    func `lost segments give gaps exactly where they were`(seed: UInt64) {
        var random = SeededGenerator(seed: seed &* 104_729)
        let conversation = Conversation(seed: seed, turns: 30)
        var lost: [Side: [Range<Int>]] = [.client: [], .server: []]
        var segments: [Segment] = []
        for segment in conversation.segments {
            guard !segment.payload.isEmpty, Int.random(in: 0..<8, using: &random) == 0 else {
                segments.append(segment)
                continue
            }
            let start = Int(segment.sequence &- conversation.talk.isn(segment.side) &- 1)
            var ranges = lost[segment.side] ?? []
            if let last = ranges.last, last.upperBound == start {
                ranges[ranges.count - 1] = last.lowerBound..<(start + segment.payload.count)
            } else {
                ranges.append(start..<(start + segment.payload.count))
            }
            lost[segment.side] = ranges
        }
        if seed % 2 == 0 {
            segments = Array(segments.prefix(3)) + shuffled(Array(segments.dropFirst(3)), window: 6, &random)
        }
        var tap = Tap()
        tap.send(segments)
        tap.finish()
        for (half, side, stream) in [
            (HalfConnection.fromInitiator, Side.client, conversation.client),
            (.fromResponder, .server, conversation.server),
        ] {
            let ranges = lost[side] ?? []
            var expected = stream
            for range in ranges { expected.replaceSubrange(range, with: repeatElement(0, count: range.count)) }
            #expect(tap.flows[0][half].bytes == expected)
            #expect(
                merged(tap.flows[0][half].gaps) == ranges.map { Recorder.Gap(UInt64($0.lowerBound), UInt64($0.count)) })
            #expect(tap.flows[0][half].end == .finished)
        }
        #expect(tap.violations == [])
        #expect(tap.assembler.tracker.buffer.count == 0)
    }

    /// A hole may be declared in parts, as the peer acknowledges it.
    private func merged(_ gaps: [Recorder.Gap]) -> [Recorder.Gap] {
        var merged: [Recorder.Gap] = []
        for gap in gaps {
            if let last = merged.last, last.offset + last.length == gap.offset {
                merged[merged.count - 1].length += gap.length
            } else {
                merged.append(gap)
            }
        }
        return merged
    }

    @Test(arguments: 1...80 as ClosedRange<UInt64>)
    func `any segments whatever break no promise`(seed: UInt64) {
        var random = SeededGenerator(seed: seed &* 15_485_863)
        var limits = FlowLimits()
        limits.flowBufferedBytesMax = 3_000
        limits.bufferedBytesMax = 8_000
        limits.flowsMax = 4
        limits.closedFlowsMax = 2
        limits.windowBytesMax = 5_000
        limits.slackSegments = 10
        var tap = Tap(limits: limits)
        var chargeMax = 0
        var flowsMax = 0
        for _ in 0..<1_000 {
            let talk = Talk(clientPort: UInt16.random(in: 1...6, using: &random))
            let side: Side = Bool.random(using: &random) ? .client : .server
            var segment = talk.data(
                side, UInt64.random(in: 0..<3_000, using: &random),
                pattern(Int.random(in: 0..<200, using: &random)),
                ack: Bool.random(using: &random) ? UInt64.random(in: 0..<3_000, using: &random) : nil)
            if Int.random(in: 0..<12, using: &random) == 0 { segment.flags.insert(.fin) }
            if Int.random(in: 0..<20, using: &random) == 0 { segment.flags.insert(.rst) }
            if Int.random(in: 0..<20, using: &random) == 0 { segment.flags.insert(.syn) }
            if Int.random(in: 0..<10, using: &random) == 0 { segment.captured = segment.payload.count / 2 }
            if Int.random(in: 0..<30, using: &random) == 0 {
                segment.sequence = UInt32.random(in: 0 ... .max, using: &random)
            }
            if Int.random(in: 0..<30, using: &random) == 0, segment.acknowledgement != nil {
                segment.acknowledgement = UInt32.random(in: 0 ... .max, using: &random)
            }
            segment.checksum = Int.random(in: 0..<6, using: &random) == 0 ? .wrong : .valid
            tap.send(segment)
            chargeMax = max(chargeMax, tap.assembler.tracker.buffer.charge)
            flowsMax = max(flowsMax, tap.assembler.openFlows)
            if Int.random(in: 0..<100, using: &random) == 0 { tap.wait(seconds: 2) }
        }
        tap.finish()
        #expect(chargeMax <= limits.bufferedBytesMax)
        #expect(flowsMax <= limits.flowsMax)
        #expect(tap.violations == [])
        #expect(!tap.flows.contains { !$0.isClosed })
        #expect(tap.assembler.openFlows == 0)
        #expect(tap.assembler.tracker.buffer.charge == 0)
        #expect(tap.assembler.tracker.buffer.count == 0)
        #expect(tap.assembler.tracker.table.count == 0)
        #expect(tap.assembler.tracker.waiting.count == 0)
    }
}
