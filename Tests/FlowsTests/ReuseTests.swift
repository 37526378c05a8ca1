import Objects
import Packets
import Testing

@testable import Flows

@Suite struct ReuseTests {
    private func closed(_ tap: inout Tap, _ talk: Talk) {
        tap.send(talk.handshake)
        tap.send(talk.fin(.client, 0, pattern(10)))
        tap.send(talk.fin(.server, 0, pattern(20), ack: 11))
    }

    @Test func `late segments of a closed flow open no phantom`() {
        var tap = Tap()
        let talk = Talk()
        closed(&tap, talk)
        tap.send(talk.ack(.client, 11, ack: 21))
        tap.send(talk.fin(.client, 0, pattern(10)))
        tap.send(talk.handshake[0])
        tap.send(talk.synAck)
        #expect(tap.flows.count == 1)
        #expect(tap.counters.ignoredAfterClose == 4)
    }

    @Test func `the same ports with a new SYN are a new flow`() {
        var tap = Tap()
        let talk = Talk()
        closed(&tap, talk)
        var other = talk
        other.clientISN = 77_777
        other.serverISN = 3
        tap.send(other.handshake)
        tap.send(other.data(.client, 0, pattern(30)))
        #expect(tap.flows.count == 2)
        #expect(tap.flows[1].initiator.bytes == pattern(30))
        #expect(tap.flows[1].description.startedMidStream == false)
    }

    @Test func `bytes far from a closed flow are another connection whose SYN was lost`() {
        var tap = Tap()
        let talk = Talk()
        closed(&tap, talk)
        tap.send(talk.data(.client, 900_000_000, pattern(30)))
        #expect(tap.flows.count == 2)
        #expect(tap.flows[1].description.startedMidStream)
    }

    @Test func `a closed flow is forgotten after a minute`() {
        var tap = Tap()
        let talk = Talk()
        closed(&tap, talk)
        tap.wait(seconds: 59)
        #expect(tap.assembler.tracker.closed.count == 1)
        tap.wait(seconds: 2)
        #expect(tap.assembler.tracker.closed.count == 0)
        #expect(tap.assembler.tracker.table.count == 0)
        tap.send(talk.data(.client, 0, pattern(30)))
        #expect(tap.flows.count == 2)
    }

    @Test func `a repeated SYN is no new connection`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.syn)
        tap.send(talk.syn)
        tap.send(talk.synAck)
        tap.send(talk.synAck)
        tap.send(talk.data(.client, 0, pattern(30)))
        tap.send(talk.syn)
        #expect(tap.flows.count == 1)
        #expect(tap.flows[0].initiator.bytes == pattern(30))
    }

    @Test func `a new SYN on a silent flow replaces it`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        tap.send(talk.data(.client, 0, pattern(10)))
        tap.send(talk.data(.client, 20, pattern(10, from: 20)))
        tap.wait(seconds: 6)
        var other = talk
        other.clientISN = 50
        tap.send(other.syn)
        #expect(tap.flows[0].initiator.end == .replaced)
        #expect(tap.flows[0].initiator.gaps == [.init(10, 10)])
        #expect(tap.flows[0].isClosed)
        #expect(tap.counters.flowsReplaced == 1)
        tap.send(other.data(.client, 0, pattern(40)))
        #expect(tap.flows[1].initiator.bytes == pattern(40))
        #expect(tap.violations == [])
    }

    @Test func `a new SYN on a half-closed flow replaces it`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        tap.send(talk.fin(.client, 0, pattern(10)))
        var other = talk
        other.clientISN = 50
        tap.send(other.syn)
        #expect(tap.flows[0].responder.end == .replaced)
        #expect(tap.flows.count == 2)
    }

    @Test func `a forged SYN does not cut a busy flow`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        tap.send(talk.data(.client, 0, pattern(10)))
        var forged = talk
        forged.clientISN = 555_555_555
        tap.send(forged.syn)
        tap.send(talk.data(.client, 10, pattern(10, from: 10)))
        tap.send(talk.data(.server, 0, pattern(10), ack: 20))
        #expect(tap.flows.count == 1)
        #expect(tap.flows[0].initiator.bytes == pattern(20))
        #expect(tap.assembler.tracker.waiting.count == 0)
    }

    @Test(arguments: [true, false])
    func `a new SYN on a busy flow counts when the connection answers to it`(answers: Bool) {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        tap.send(talk.data(.client, 0, pattern(10)))
        var other = talk
        other.clientISN = 555_555_555
        other.serverISN = 444
        tap.send(other.syn)
        if answers { tap.send(other.synAck) }
        tap.send(other.data(.client, 0, pattern(33)))
        #expect(tap.flows.count == 2)
        #expect(tap.flows[0].initiator.end == .replaced)
        #expect(tap.flows[1].initiator.bytes == pattern(33))
        #expect(tap.flows[1].description.startedMidStream == false)
        #expect(tap.violations == [])
    }

    @Test func `the numbers of a SYN-ACK may change before any data`() {
        var tap = Tap()
        let talk = Talk()
        tap.send([talk.syn, talk.synAck])
        var again = talk
        again.serverISN = 5
        tap.send(again.synAck)
        tap.send(again.data(.client, 0, pattern(10)))
        tap.send(again.data(.server, 0, pattern(10), ack: 10))
        #expect(tap.flows.count == 1)
        #expect(tap.flows[0].responder.bytes == pattern(10))
    }

    @Test func `bytes behind a FIN are another connection whose SYN was lost`() {
        var tap = Tap()
        let talk = Talk()
        closed(&tap, talk)
        tap.send(talk.data(.client, 500, pattern(30)))
        #expect(tap.flows.count == 2)
        #expect(tap.flows[1].initiator.bytes == pattern(30))
    }
}
