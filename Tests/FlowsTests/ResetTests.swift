import Objects
import Packets
import Testing

@testable import Flows

@Suite struct ResetTests {
    @Test func `a reset ends both halves, and what follows is ignored`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        tap.send(talk.data(.client, 0, pattern(10)))
        tap.send(talk.reset(.client, 10, ack: 0))
        #expect(tap.flows[0].initiator.end == .reset)
        #expect(tap.flows[0].responder.end == .reset)
        #expect(tap.flows[0].isClosed)
        tap.send(talk.data(.server, 0, pattern(10), ack: 10))
        tap.send(talk.data(.server, 10, pattern(10), ack: 10))
        #expect(tap.flows.count == 1)
        #expect(tap.counters.ignoredAfterReset == 2)
    }

    @Test func `a refused connection ends at once`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.syn)
        tap.send(
            Segment(side: .server, sequence: 0, acknowledgement: talk.clientISN &+ 1, flags: [.rst]))
        #expect(tap.flows[0].initiator.end == .reset)
        #expect(tap.flows[0].isClosed)
    }

    @Test func `a reset that overtook its bytes waits for them`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        tap.send(talk.reset(.client, 100))
        tap.send(talk.data(.client, 0, pattern(100)))
        #expect(tap.flows[0].initiator.end == nil)
        tap.wait(seconds: 1)
        #expect(tap.flows[0].initiator.bytes == pattern(100))
        #expect(tap.flows[0].initiator.end == .reset)
    }

    @Test func `bytes lost before a reset are a gap`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        tap.send(talk.data(.client, 50, pattern(50, from: 50)))
        tap.send(talk.reset(.client, 100))
        tap.wait(seconds: 1)
        #expect(tap.flows[0].initiator.gaps == [.init(0, 50)])
        #expect(tap.flows[0].initiator.next == 100)
        #expect(tap.flows[0].initiator.end == .reset)
    }

    @Test(arguments: [1_000_000_000, 40_000] as [UInt64])
    func `a forged reset does not cut a flow`(offset: UInt64) {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        tap.send(talk.data(.client, 0, pattern(100)))
        tap.send(talk.reset(.client, offset))
        for index in 1..<100 as Range<UInt64> {
            tap.send(talk.data(.client, index * 100, pattern(100, from: index * 100)))
        }
        tap.wait(seconds: 1)
        #expect(tap.flows[0].initiator.bytes == pattern(10_000))
        #expect(tap.flows[0].initiator.end == nil)
        #expect(tap.counters.outOfWindow == 1)
        #expect(tap.assembler.tracker.waiting.count == 0)
    }

    @Test func `a reset in the window is dropped when its sender goes on behind it`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        tap.send(talk.reset(.client, 50))
        tap.send(talk.data(.client, 0, pattern(100)))
        tap.send(talk.data(.client, 100, pattern(100, from: 100)))
        tap.wait(seconds: 1)
        #expect(tap.flows[0].initiator.end == nil)
        #expect(tap.flows[0].initiator.bytes == pattern(200))
    }

    @Test func `a reset with an old number is ignored`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        tap.send(talk.data(.client, 0, pattern(100)))
        tap.send(talk.ack(.server, 0, ack: 100))
        tap.send(talk.reset(.client, 20))
        tap.wait(seconds: 1)
        #expect(tap.flows[0].initiator.end == nil)
        #expect(tap.counters.outOfWindow == 1)
    }
}
