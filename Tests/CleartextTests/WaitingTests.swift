import Flows
import Foundation
import Objects
import TestSupport
import Testing

@testable import Cleartext

/// A spool in memory, with room for so many slots.
final class SlotSpool: CiphertextSpool, @unchecked Sendable {
    var slots: [Int: [UInt8]] = [:]
    var slotsMax: Int
    var peak = 0
    var isUnreadable = false
    private var made = 0

    init(slotsMax: Int) { self.slotsMax = slotsMax }

    func write(_ bytes: RawSpan) -> Int? {
        guard slots.count < slotsMax else { return nil }
        made += 1
        slots[made] = bytes.octets(0..<bytes.byteCount)
        peak = max(peak, slots.count)
        return made
    }

    func read(_ slot: Int, into bytes: inout [UInt8]) -> Bool {
        guard !isUnreadable, let kept = slots[slot], kept.count == bytes.count else { return false }
        bytes = kept
        return true
    }

    func free(_ slot: Int) { slots[slot] = nil }
}

/// Notes which secrets were shown before the first byte.
final class ExportWitness: CleartextExport, @unchecked Sendable {
    // One engine calls it, on the test's own thread.
    private(set) var flows = 0
    private(set) var byteCount = 0
    private(set) var labelsAtFirstByte: Set<SecretLabel> = []
    private var labels: Set<SecretLabel> = []

    var wantsBytes: Bool { true }

    func begin(_ description: FlowDescription, serverName: String?, opening: SegmentContext) -> Int? {
        flows += 1
        return flows
    }

    func take(_ secrets: [MatchedSecret]) { labels.formUnion(secrets.map(\.label)) }

    func take(_ flow: Int, _ half: HalfConnection, _ bytes: RawSpan, at offset: UInt64, _ context: SegmentContext) {
        if byteCount == 0 { labelsAtFirstByte = labels }
        byteCount += bytes.byteCount
    }

    func end(_ flow: Int, _ half: HalfConnection, _ how: StreamEnd, at offset: UInt64, _ context: SegmentContext) {}

    func close(_ flow: Int) {}
}

@Suite struct `What waits for a key` {
    /// Several connections that say one conversation's bytes.
    private struct Crowd: ~Copyable {
        var engine: CleartextEngine<Recorder>
        let conversation: Conversation
        var sent: [UInt64: [UInt64]] = [:]
        var time: UInt64 = 0

        init(_ limits: CleartextLimits, _ spool: SlotSpool?, _ name: String = "v13-aes128-gcm") {
            engine = CleartextEngine(sink: Recorder(), limits: limits, spool: spool)
            conversation = Conversation.named(name)
        }

        mutating func open(_ number: UInt64) {
            let description = FlowDescription(
                text: "", initiatorAddress: "10.0.0.1", responderAddress: "10.0.0.2", initiatorPort: 1000,
                responderPort: 443, startedMidStream: false)
            engine.open(
                FlowHandle(slot: Int32(number), number: number), description,
                SegmentContext(time: time, packet: 1, acknowledged: 0))
            sent[number] = [0, 0]
        }

        mutating func play(_ number: UInt64, _ flights: Range<Int>? = nil) {
            if sent[number] == nil { open(number) }
            for flight in conversation.flights[flights ?? 0..<conversation.flights.count] {
                send(number, flight.isClient, flight.bytes)
            }
        }

        mutating func send(_ number: UInt64, _ isClient: Bool, _ bytes: [UInt8]) {
            let side = isClient ? 0 : 1
            var places = sent[number, default: [0, 0]]
            defer { sent[number] = places }
            var rest = bytes[...]
            while !rest.isEmpty {
                let part = Array(rest.prefix(1_448))
                time += 1_000
                engine.bytes(
                    FlowHandle(slot: Int32(number), number: number), isClient ? .fromInitiator : .fromResponder,
                    part.span.bytes, at: places[side], isSegmentStart: true,
                    SegmentContext(time: time, packet: time, acknowledged: places[1 - side]))
                places[side] += UInt64(part.count)
                rest = rest.dropFirst(part.count)
            }
        }

        func said(_ number: UInt64) -> [[UInt8]] { (engine.sink.halves[number] ?? []).map(\.content) }
        var expected: [[UInt8]] { [conversation.client, conversation.server] }
    }

    private func limits(_ change: (inout CleartextLimits) -> Void) -> CleartextLimits {
        var limits = CleartextLimits()
        change(&limits)
        return limits
    }

    @Test(arguments: Conversation.all)
    func `moves to the spool beyond the memory, and is read from there`(_ conversation: Conversation) {
        let spool = SlotSpool(slotsMax: 100)
        var crowd = Crowd(limits { $0.parkedBytes = 1 }, spool, conversation.name)
        for number in 1...5 as ClosedRange<UInt64> { crowd.play(number) }
        // Even the states of the flows are beyond this limit, so all but the last go.
        #expect(crowd.engine.counters.parkedTotalLimit > 0)
        let memory = 5 * (2_048 + 2 * 18_000)
        crowd = Crowd(limits { $0.parkedBytes = memory }, spool, conversation.name)
        for number in 1...5 as ClosedRange<UInt64> {
            crowd.play(number)
            #expect(crowd.engine.counters.parkedPeakBytes <= UInt64(memory + 40_000))
        }
        let isSpooled = crowd.engine.counters.spooledFlows > 0
        crowd.engine.take(conversation.secrets)
        if crowd.engine.counters.parkedTotalLimit == 0 {
            for number in 1...5 as ClosedRange<UInt64> { #expect(crowd.said(number) == crowd.expected) }
        }
        #expect(spool.slots.isEmpty && crowd.engine.waitingFlows == 0)
        #expect(!isSpooled || crowd.engine.counters.spooledBytes > 0)
    }

    @Test func `of a long transfer lies in the spool, but for one chunk`() {
        let spool = SlotSpool(slotsMax: 10_000)
        var crowd = Crowd(limits { $0.parkedBytes = 128 << 10 }, spool)
        let hellos = 2
        crowd.play(1, 0..<hellos)
        // Records that no key will open: 20 MB of them.
        let record = [23, 3, 3, 0x40, 0x11] + [UInt8](repeating: 0xAB, count: 0x4011)
        for _ in 0..<1_250 { crowd.send(1, false, record) }
        #expect(crowd.engine.counters.parkedPeakBytes < 200 << 10)
        #expect(spool.peak >= 1_250 && spool.peak < 1_400)
        #expect(crowd.engine.counters.parkedFlows == 1 && crowd.engine.counters.spooledFlows == 1)
        // Others go on meanwhile, and are read as soon as their key comes.
        crowd.play(2)
        #expect(crowd.said(2) == [[], []])
        crowd.engine.finish()
        #expect(spool.slots.isEmpty)
        let line = crowd.engine.undecryptable.first
        #expect(line?.flows == 2 && line?.reason == .keyMissing && line?.bytes ?? 0 > 20_000_000)
    }

    @Test func `is given up at the flow's limit, counted, and harms no other flow`() {
        let spool = SlotSpool(slotsMax: 1_000)
        let limits = limits {
            $0.parkedBytes = 64 << 10
            $0.parkedFlowBytes = 1 << 20
        }
        var crowd = Crowd(limits, spool)
        crowd.play(1, 0..<2)
        crowd.play(2)
        let record = [23, 3, 3, 0x40, 0x11] + [UInt8](repeating: 0xAB, count: 0x4011)
        for _ in 0..<100 { crowd.send(1, false, record) }
        #expect(crowd.engine.counters.parkedFlowLimit == 1 && crowd.engine.counters.parkedTotalLimit == 0)
        #expect(spool.peak <= 66)
        crowd.engine.take(crowd.conversation.secrets)
        #expect(crowd.said(2) == crowd.expected)
        #expect(spool.slots.isEmpty)
        // What came after it was given up is counted as well.
        #expect(crowd.engine.counters.undecryptableBytes > UInt64(100 * record.count))
    }

    @Test func `makes room by the flow that holds the most when the spool is full`() {
        let spool = SlotSpool(slotsMax: 40)
        var crowd = Crowd(limits { $0.parkedBytes = 300 << 10 }, spool)
        for number in 1...4 as ClosedRange<UInt64> { crowd.play(number) }
        crowd.play(5, 0..<2)
        let record = [23, 3, 3, 0x40, 0x11] + [UInt8](repeating: 0xAB, count: 0x4011)
        for _ in 0..<200 { crowd.send(5, false, record) }
        #expect(crowd.engine.counters.parkedTotalLimit == 1 && crowd.engine.counters.spoolRefusals > 0)
        #expect(crowd.engine.undecryptable.map(\.flows) == [1])
        crowd.engine.take(crowd.conversation.secrets)
        for number in 1...4 as ClosedRange<UInt64> { #expect(crowd.said(number) == crowd.expected) }
    }

    @Test func `is given up after its time, the longest wait first`() {
        var crowd = Crowd(limits { $0.keyWaitNanoseconds = 1_000_000_000 }, nil)
        crowd.play(1)
        crowd.time = 700_000_000
        crowd.play(2)
        crowd.engine.expire(now: 900_000_000)
        #expect(crowd.engine.waitingFlows == 2)
        crowd.engine.expire(now: 1_100_000_000)
        #expect(crowd.engine.waitingFlows == 1 && crowd.engine.counters.keyWaitExpired == 1)
        crowd.engine.take(crowd.conversation.secrets)
        #expect(crowd.said(1) == [[], []] && crowd.said(2) == crowd.expected)
        crowd.engine.expire(now: .max)
        #expect(crowd.engine.counters.keyWaitExpired == 1)
        #expect(crowd.engine.undecryptable.map(\.reason) == [.keyMissing])
    }

    @Test func `is lost by name when the spool cannot be read`() {
        let spool = SlotSpool(slotsMax: 100)
        var crowd = Crowd(limits { $0.parkedBytes = 50_000 }, spool, "v13-updated")
        for number in 1...4 as ClosedRange<UInt64> { crowd.play(number) }
        #expect(crowd.engine.counters.spooledFlows > 0)
        spool.isUnreadable = true
        crowd.engine.take(crowd.conversation.secrets)
        #expect(crowd.engine.counters.spoolReadErrors == crowd.engine.counters.spooledFlows)
        #expect(crowd.engine.undecryptable.first?.reason == .spoolUnreadable)
        #expect(spool.slots.isEmpty && crowd.engine.waitingFlows == 0)
    }

    @Test func `goes on waiting in order when only the handshake's secrets came`() {
        let spool = SlotSpool(slotsMax: 100)
        var crowd = Crowd(limits { $0.parkedBytes = 60_000 }, spool)
        for number in 1...4 as ClosedRange<UInt64> { crowd.play(number) }
        for line in crowd.conversation.keyLog { crowd.engine.take(secrets(inKeyLog: [line])) }
        #expect(crowd.engine.counters.parkedTotalLimit == 0)
        for number in 1...4 as ClosedRange<UInt64> {
            #expect(crowd.said(number) == crowd.expected)
            #expect(crowd.engine.sink.halves[number]?.allSatisfy(\.isOrdered) == true)
        }
        #expect(spool.slots.isEmpty && crowd.engine.waitingFlows == 0)
    }

    /// A log's lines in two lots, cut anywhere, the last two in either order: stacks differ in which direction they write
    /// first.
    private static func lots(_ lines: [String]) -> [[ArraySlice<String>]] {
        var other = lines
        if other.count > 1 { other.swapAt(other.count - 1, other.count - 2) }
        return [lines, other].flatMap { lines in (0...lines.count).map { [lines[..<$0], lines[$0...]] } }
    }

    // The second secret of a renegotiated connection can be missed only when the first has opened what is before it.
    @Test(arguments: Conversation.all.filter { $0.name != "v12-renegotiated" })
    func `is read whole though its connection ended long ago and its secrets come in two lots`(
        _ conversation: Conversation
    ) {
        for lots in Self.lots(conversation.keyLog) {
            var tap = Tap()
            tap.play(conversation)
            tap.finish()
            for lot in lots { tap.engine.take(secrets(inKeyLog: Array(lot))) }
            #expect(tap.heard(true).content == conversation.client, "\(conversation.name), \(lots[0].count) before")
            #expect(tap.heard(false).content == conversation.server, "\(conversation.name), \(lots[0].count) before")
            #expect(tap.engine.undecryptable.isEmpty && tap.engine.waitingFlows == 0)
        }
    }

    @Test(arguments: Conversation.all.filter { $0.name != "v12-renegotiated" })
    func `is read whole though its connection ended between the two lots`(_ conversation: Conversation) {
        for lots in Self.lots(conversation.keyLog) {
            for early in 0...conversation.flights.count {
                var tap = Tap()
                for (index, flight) in conversation.flights.enumerated() {
                    if index == early { tap.engine.take(secrets(inKeyLog: Array(lots[0]))) }
                    tap.send(flight.isClient, flight.bytes[...])
                }
                if early == conversation.flights.count { tap.engine.take(secrets(inKeyLog: Array(lots[0]))) }
                tap.finish()
                tap.engine.take(secrets(inKeyLog: Array(lots[1])))
                let note = Comment(rawValue: "\(conversation.name), \(lots[0].count) lines before flight \(early)")
                #expect(tap.heard(true).content == conversation.client, note)
                #expect(tap.heard(false).content == conversation.server, note)
                #expect(tap.engine.undecryptable.isEmpty && tap.engine.waitingFlows == 0, note)
            }
        }
    }

    @Test(arguments: Conversation.all)
    func `is exported behind the secrets of both directions, though these come in two lots`(
        _ conversation: Conversation
    ) {
        for lots in Self.lots(conversation.keyLog) {
            let export = ExportWitness()
            var tap = Tap(export: export)
            tap.play(conversation)
            for lot in lots { tap.engine.take(secrets(inKeyLog: Array(lot))) }
            tap.finish()
            #expect(tap.heard(true).content == conversation.client)
            #expect(export.flows == 1, "\(conversation.name), \(lots[0].count) before")
            let shown = export.labelsAtFirstByte
            #expect(
                shown.contains(.master) || shown.isSuperset(of: [.clientApplication, .serverApplication]),
                "\(conversation.name), \(lots[0].count) before: \(shown)")
        }
    }

    @Test func `is the same whatever the chunks are cut at`() {
        var log = ParkedLog()
        let spool = SlotSpool(slotsMax: 1_000)
        var generator = SeededGenerator(seed: 7)
        var put: [[UInt8]] = [[], []]
        var got: [[UInt8]] = [[], []]
        for step in 0..<3_000 {
            let half: HalfConnection = Bool.random(using: &generator) ? .fromInitiator : .fromResponder
            let count = Int.random(in: 1...(step % 50 == 0 ? 70_000 : 300), using: &generator)
            let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: step), count: count)
            let context = SegmentContext(time: UInt64(step), packet: 1, acknowledged: step % 3 == 0 ? nil : 9)
            log.append(bytes.span.bytes, half, at: UInt64(put[Int(half.rawValue)].count), context)
            put[Int(half.rawValue)] += bytes
            if step % 7 == 0 { log.append(gap: 11, .keyMissing, half, at: 5, context) }
            if step % 97 == 0 {
                let isDone = log.spill(step % 2 == 0, to: spool)
                #expect(isDone)
            }
            if step % 400 == 399 {
                // Some are taken, what follows is put behind another log, as when a drain stops.
                for _ in 0..<100 { take() }
                var front = ParkedLog()
                front.append(log)
                log = front
            }
        }
        while !log.isEmpty { take() }
        #expect(got == put)
        #expect(spool.slots.isEmpty && log.slots == 0 && log.ciphertextBytes == 0)
        if case .nothing = log.next(spool) {} else { Issue.record("more than was put in") }
        #expect(log.memoryCharge == 0)

        func take() {
            guard case .entry(let entry) = log.next(spool) else { return }
            if case .bytes(let bytes) = entry.event {
                let side = Int(entry.half.rawValue)
                #expect(entry.offset == UInt64(got[side].count))
                got[side] += bytes
            } else if case .gap(let length, let cause) = entry.event {
                #expect(length == 11 && cause == .keyMissing && entry.offset == 5)
            }
        }
    }
}
