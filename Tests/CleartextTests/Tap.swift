import Flows
import Objects

@testable import Cleartext

/// What a sink was told of one half-connection.
struct HeardHalf {
    /// Bytes by offset, and nil where a gap was reported.
    var bytes: [UInt8?] = []
    /// Offset of the next byte.
    var next: UInt64 = 0
    /// Offset of the first byte.
    var start: UInt64?
    /// Gaps of unknown length.
    var unknownGaps = 0
    /// Gaps of known length.
    var gaps: [(offset: UInt64, length: UInt64, cause: GapCause)] = []
    /// Positions of the other half that bytes were said to acknowledge, with the offset of those bytes.
    var acknowledged: [(at: UInt64, UInt64)] = []
    var ends: [StreamEnd] = []
    /// False once a call broke the contract's order.
    var isOrdered = true

    /// Everything that came, in order, gaps left out.
    var content: [UInt8] { bytes.compactMap { $0 } }
}

/// Records what it is told.
struct Recorder: StreamSink {
    var halves: [UInt64: [HeardHalf]] = [:]
    var opened: [UInt64] = []
    var closed: [UInt64] = []
    /// Calls for flows that were not open.
    var misplaced = 0
    /// Halves in the order in which they spoke.
    var order: [HalfConnection] = []

    mutating func open(_ flow: FlowHandle, _ description: FlowDescription, _ context: SegmentContext) {
        opened.append(flow.number)
        halves[flow.number] = [HeardHalf(), HeardHalf()]
    }

    private mutating func with(_ flow: FlowHandle, _ half: HalfConnection, _ body: (inout HeardHalf) -> Void) {
        let number = flow.number
        if opened.count(where: { $0 == number }) != closed.count(where: { $0 == number }) + 1 { misplaced += 1 }
        body(&halves[flow.number, default: [HeardHalf(), HeardHalf()]][Int(half.rawValue)])
    }

    mutating func bytes(
        _ flow: FlowHandle, _ half: HalfConnection, _ bytes: RawSpan, at offset: UInt64, isSegmentStart: Bool,
        _ context: SegmentContext
    ) {
        order.append(half)
        with(flow, half) { heard in
            if heard.start == nil {
                heard.start = offset
                if heard.next == 0 { heard.next = offset }
            }
            if offset != heard.next { heard.isOrdered = false }
            for index in 0..<bytes.byteCount {
                heard.bytes.append(bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self))
            }
            heard.next = offset + UInt64(bytes.byteCount)
            if let acknowledged = context.acknowledged { heard.acknowledged.append((offset, acknowledged)) }
        }
    }

    mutating func gap(
        _ flow: FlowHandle, _ half: HalfConnection, at offset: UInt64, length: UInt64, cause: GapCause,
        _ context: SegmentContext
    ) {
        with(flow, half) { heard in
            if offset != heard.next { heard.isOrdered = false }
            heard.gaps.append((offset, length, cause))
            heard.bytes += [UInt8?](repeating: nil, count: Int(length))
            heard.next = offset + length
        }
    }

    mutating func gapOfUnknownLength(
        _ flow: FlowHandle, _ half: HalfConnection, at offset: UInt64, next: UInt64, cause: GapCause,
        _ context: SegmentContext
    ) {
        with(flow, half) { heard in
            if offset != heard.next || next <= offset { heard.isOrdered = false }
            heard.unknownGaps += 1
            heard.next = next
        }
    }

    mutating func end(_ flow: FlowHandle, _ half: HalfConnection, _ reason: StreamEnd, _ context: SegmentContext) {
        with(flow, half) { $0.ends.append(reason) }
    }

    mutating func close(_ flow: FlowHandle, _ context: SegmentContext) { closed.append(flow.number) }
}

/// An engine, and a conversation that is played into it.
struct Tap: ~Copyable {
    var engine: CleartextEngine<Recorder>
    let flow = FlowHandle(slot: 3, number: 77)
    private var sent: [UInt64] = [0, 0]
    private var time: UInt64 = 1_000

    init(
        _ secrets: [SecretEvent] = [], limits: CleartextLimits = CleartextLimits(), startedMidStream: Bool = false,
        expectsSecrets: Bool = true, export: (any CleartextExport)? = nil
    ) {
        engine = CleartextEngine(sink: Recorder(), limits: limits, expectsSecrets: expectsSecrets, export: export)
        engine.take(secrets)
        open(flow, startedMidStream: startedMidStream)
    }

    mutating func open(_ flow: FlowHandle, startedMidStream: Bool = false) {
        let description = FlowDescription(
            text: "10.0.0.1:1000 > 10.0.0.2:443", initiatorAddress: "10.0.0.1", responderAddress: "10.0.0.2",
            initiatorPort: 1000, responderPort: 443, startedMidStream: startedMidStream)
        engine.open(flow, description, SegmentContext(time: 0, packet: 1, acknowledged: 0))
    }

    private mutating func context(_ index: Int) -> SegmentContext {
        time += 1
        return SegmentContext(time: time, packet: time, acknowledged: sent[1 - index])
    }

    /// A segment of one side.
    mutating func send(_ isClient: Bool, _ bytes: ArraySlice<UInt8>) {
        let index = isClient ? 0 : 1
        let copy = Array(bytes)
        let context = context(index)
        engine.bytes(
            flow, isClient ? .fromInitiator : .fromResponder, copy.span.bytes, at: sent[index], isSegmentStart: true,
            context)
        sent[index] += UInt64(bytes.count)
    }

    /// A segment that was not captured.
    mutating func lose(_ isClient: Bool, _ count: Int) {
        let index = isClient ? 0 : 1
        let context = context(index)
        engine.gap(
            flow, isClient ? .fromInitiator : .fromResponder, at: sent[index], length: UInt64(count),
            cause: .notCaptured, context)
        sent[index] += UInt64(count)
    }

    /// The end of both sides.
    mutating func finish() {
        engine.end(flow, .fromInitiator, .finished, context(0))
        engine.end(flow, .fromResponder, .finished, context(1))
        engine.close(flow, context(0))
    }

    /// Plays a conversation, each flight cut into segments of the sizes that `size` gives.
    mutating func play(_ conversation: Conversation, size: () -> Int = { 1460 }) {
        for flight in conversation.flights {
            var rest = flight.bytes[...]
            while !rest.isEmpty {
                let part = rest.prefix(max(1, size()))
                send(flight.isClient, part)
                rest = rest.dropFirst(part.count)
            }
        }
    }

    /// What was heard of one side.
    func heard(_ isClient: Bool) -> HeardHalf {
        engine.sink.halves[77, default: [HeardHalf(), HeardHalf()]][isClient ? 0 : 1]
    }
}
