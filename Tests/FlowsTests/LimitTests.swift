import Objects
import Packets
import Testing

@testable import Flows

@Suite struct LimitTests {
    @Test func `a flow over its budget gives up its oldest hole`() {
        var limits = FlowLimits()
        limits.flowBufferedBytesMax = 5_000
        var tap = Tap(limits: limits)
        let talk = Talk()
        tap.send(talk.handshake)
        for index in 0..<5 as Range<UInt64> {
            let offset = 100 + index * 1_100
            tap.send(talk.data(.client, offset, pattern(1_000, from: offset)))
            #expect(tap.assembler.tracker.buffer.charge <= 5_000)
        }
        #expect(tap.flows[0].initiator.gaps == [.init(0, 100)])
        #expect(tap.flows[0].initiator.next == 1_100)
        #expect(tap.counters.flowBudgetReached == 1)
        #expect(tap.counters.bufferedBytesPeak == 5 * 1_128)
    }

    @Test func `over the total budget the flow that waits longest gives up first`() {
        var limits = FlowLimits()
        limits.bufferedBytesMax = 5_000
        var tap = Tap(limits: limits)
        for port in 1...6 as ClosedRange<UInt16> {
            let talk = Talk(clientPort: port)
            tap.send(talk.handshake)
            tap.send(talk.data(.client, 100, pattern(1_000, from: 100)))
        }
        #expect(tap.flows.map(\.initiator.gaps.count) == [1, 1, 0, 0, 0, 0])
        #expect(tap.counters.totalBudgetReached == 2)
        #expect(tap.assembler.tracker.buffer.charge == 4 * 1_128)
    }

    @Test func `small pieces are charged for what they cost`() {
        var limits = FlowLimits()
        limits.flowBufferedBytesMax = 10_000
        var tap = Tap(limits: limits)
        let talk = Talk()
        tap.send(talk.handshake)
        for offset in stride(from: 1 as UInt64, to: 2_001, by: 2) {
            tap.send(talk.data(.client, offset, pattern(1, from: offset)))
        }
        #expect(tap.assembler.tracker.buffer.count <= 10_000 / 129)
        #expect(tap.counters.flowBudgetReached > 900)
    }

    @Test func `at most flowsMax flows are open; the least recently active one goes`() {
        var limits = FlowLimits()
        limits.flowsMax = 3
        var tap = Tap(limits: limits)
        tap.pace = 2_000_000_000
        for port in 1...3 as ClosedRange<UInt16> { tap.send(Talk(clientPort: port).data(.client, 0, pattern(10))) }
        tap.send(Talk(clientPort: 1).data(.client, 10, pattern(10, from: 10)))
        tap.send(Talk(clientPort: 4).data(.client, 0, pattern(10)))
        #expect(tap.flows.map(\.isClosed) == [false, true, false, false])
        #expect(tap.flows[1].initiator.end == .evicted)
        #expect(tap.counters.flowsEvicted == 1)
        #expect(tap.assembler.openFlows == 3)
        #expect(tap.violations == [])
    }

    @Test func `at most closedFlowsMax ended flows are remembered`() {
        var limits = FlowLimits()
        limits.closedFlowsMax = 2
        var tap = Tap(limits: limits)
        for port in 1...3 as ClosedRange<UInt16> {
            let talk = Talk(clientPort: port)
            tap.send(talk.handshake)
            tap.send(talk.reset(.client, 0))
        }
        #expect(tap.counters.closedFlowsForgotten == 1)
        #expect(tap.assembler.tracker.closed.count == 2)
        tap.send(Talk(clientPort: 1).data(.server, 0, pattern(10)))
        tap.send(Talk(clientPort: 2).data(.server, 0, pattern(10)))
        #expect(tap.flows.count == 4)
    }

    @Test func `silent flows end, those without data or half closed earlier`() {
        var tap = Tap()
        let talks = (1...3 as ClosedRange<UInt16>).map { Talk(clientPort: $0) }
        tap.send(talks[0].handshake)
        tap.send(talks[1].handshake)
        tap.send(talks[1].fin(.client, 0, pattern(10)))
        tap.send(talks[2].handshake)
        tap.send(talks[2].data(.client, 0, pattern(10)))
        tap.wait(seconds: 58)
        #expect(tap.assembler.openFlows == 3)
        tap.wait(seconds: 4)
        #expect(tap.flows.map(\.initiator.end) == [.idle, .finished, nil])
        #expect(tap.flows[1].responder.end == .idle)
        tap.wait(seconds: 230)
        #expect(tap.assembler.openFlows == 1)
        tap.wait(seconds: 20)
        #expect(tap.flows[2].initiator.end == .idle)
        #expect(tap.counters.flowsIdle == 3)
        #expect(tap.assembler.openFlows == 0)
    }

    @Test func `one wrong time stamp ends no flow`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        tap.send(talk.data(.client, 0, pattern(10)))
        let time = tap.time
        tap.time = 4_000_000_000_000_000_000
        tap.send(talk.data(.client, 10, pattern(10, from: 10)))
        tap.assembler.expire(now: time)
        tap.time = time
        tap.send(talk.data(.client, 20, pattern(10, from: 20)))
        tap.wait(seconds: 1)
        #expect(tap.flows[0].initiator.bytes == pattern(30))
        #expect(tap.assembler.openFlows == 1)
    }

    @Test func `flows end in the order in which they opened`() {
        var recorder = Recorder()
        recorder.keepsLog = true
        var tap = Tap(recorder: recorder)
        for port in [9_009, 9_003, 9_007, 9_001] as [UInt16] {
            tap.send(Talk(clientPort: port).data(.client, 0, pattern(10)))
        }
        tap.send(Talk(clientPort: 9_009).data(.client, 10, pattern(10)))
        tap.finish()
        #expect(tap.assembler.sink.log.filter { $0.hasPrefix("close") } == (1...4).map { "close \($0)" })
        // And the assembler is as new.
        tap.time = 1_000
        tap.send(Talk(clientPort: 9_009).data(.client, 0, pattern(10)))
        #expect(tap.flows[4].initiator.bytes == pattern(10))
    }

    @Test func `a flow costs what the documentation says`() {
        let state = MemoryLayout<FlowState>.stride + 2 * MemoryLayout<HalfStream>.stride
        let lists = 3 * 8
        let freeList = 3 * 4
        #expect(MemoryLayout<HalfStream>.stride == 64)
        #expect(MemoryLayout<FlowTable.Entry>.stride == 8)
        #expect(state + lists + freeList == FlowLimits.bytesPerFlow)
        #expect(MemoryLayout<Piece>.stride <= ReorderBuffer.overhead - 32)
    }
}
