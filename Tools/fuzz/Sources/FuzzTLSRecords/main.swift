import Cleartext
import Flows
import FuzzSupport
import Objects

private let recordings = Recording.all()
require(!recordings.isEmpty, "FUZZ_CONVERSATIONS names no folder with recorded conversations")

/// The recordings' secrets, read once.
private let secrets: [[SecretEvent]] = recordings.map { recording in
    var parser = KeyLogParser()
    var events: [SecretEvent] = []
    parser.read(recording.keyLog.span.bytes) { events.append($0) }
    return events
}

/// memmem(3), which Glibc's headers show to nobody without _GNU_SOURCE.
@_silgen_name("memmem")
private func search(
    _ bytes: UnsafeRawPointer, _ count: Int, _ needle: UnsafeRawPointer, _ needleCount: Int
) -> UnsafeRawPointer?

/// True when one of the applications said this, in one piece. By the C library: a search of our own would be counted as the
/// parser's coverage, and take most of the time.
private func wasSaid(_ content: [UInt8], _ recording: Recording) -> Bool {
    recording.said.contains { search($0, $0.count, content, content.count) != nil }
}

/// Limits near enough to be reached, when the input asks for them; those on attempts always, which would cost most of the
/// time.
private func limits(_ choice: UInt8) -> CleartextLimits {
    var limits = CleartextLimits()
    limits.searchTrials = 512
    limits.identifyNumbers = 1_024
    limits.identifyTrials = 256
    guard choice & 2 != 0 else { return limits }
    limits.parkedFlowBytes = 3_000
    limits.helloBytes = 200
    limits.searchSequences = 2
    limits.gatherBytes = 1_000
    return limits
}

// Records of a real connection, with its secrets: cut anywhere, lost, harmed, repeated, the keys late or never. Nothing
// is handed on but what the applications said, in order.
// Input: choices, the recording, the flight before which the keys come, then what happens to the bytes: a kind, a length.
fuzz { start, count in
    var input = FuzzInput(start, count)
    let choice = input.byte()
    let number = Int(input.byte()) % recordings.count
    let recording = recordings[number]
    let keysAt = Int(input.byte()) % (recording.flights.count + 2)
    let startedMidStream = choice & 1 != 0
    var engine = CleartextEngine(sink: CleartextCheck(), limits: limits(choice), expectsSecrets: choice & 4 == 0)
    let flow = FlowHandle(slot: 0, number: 1)
    var context = SegmentContext(time: 1, packet: 1, acknowledged: nil)
    engine.open(flow, .toServer(port: 443, startedMidStream: startedMidStream), context)
    var sent: [UInt64] = [0, 0]
    // Of a flow whose first bytes are missing what looks like no record is handed on as it is.
    var lacksBeginning = startedMidStream
    for (index, flight) in recording.flights.enumerated() {
        if index == keysAt { engine.take(secrets[number]) }
        let side = flight.isClient ? 0 : 1
        let half: HalfConnection = flight.isClient ? .fromInitiator : .fromResponder
        var rest = flight.bytes[...]
        while !rest.isEmpty {
            let kind = input.byte()
            let length = input.isEmpty ? 1_460 : Int(input.byte()) * (kind & 16 == 0 ? 1 : 16) + 1
            var part = Array(rest.prefix(length))
            context.time += 1
            context.packet += 1
            context.acknowledged = sent[1 - side]
            explain("\(context.packet): \(half) \(kind & 15) \(part.count) at \(sent[side])")
            switch kind & 15 {
            case 9:
                if sent == [0, 0] { lacksBeginning = true }
                engine.gap(flow, half, at: sent[side], length: UInt64(length), cause: .notCaptured, context)
                sent[side] += UInt64(length)
                rest = rest.dropFirst(length)
                continue
            case 10: part[Int(input.byte()) % part.count] ^= input.byte()
            case 11: part.insert(input.byte(), at: Int(input.byte()) % part.count)
            case 12: part.remove(at: Int(input.byte()) % part.count)
            case 13: part += part
            case 14: part = input.take(length)
            default: break
            }
            rest = rest.dropFirst(length)
            guard !part.isEmpty else { continue }
            engine.bytes(flow, half, part.span.bytes, at: sent[side], isSegmentStart: kind & 32 == 0, context)
            sent[side] += UInt64(part.count)
        }
    }
    engine.end(flow, .fromInitiator, .finished, context)
    engine.end(flow, .fromResponder, .captureEnded, context)
    engine.close(flow, context)
    if keysAt >= recording.flights.count { engine.take(secrets[number]) }
    engine.finish()
    require(engine.waitingFlows == 0, "a flow waits for ever")
    require(engine.sink.openFlows == 0, "a flow is left open")
    // A flow that is taken for plain hands on whatever came.
    guard !lacksBeginning, engine.counters.flows == 1 else { return 0 }
    for content in engine.sink.contents.joined() { require(wasSaid(content, recording), "bytes that nobody said") }
    return 0
}
