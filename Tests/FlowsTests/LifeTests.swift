import Objects
import Packets
import Testing

@testable import Flows

@Suite struct MidStreamTests {
    @Test func `a flow may begin anywhere, and offset 0 is the first byte seen`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.data(.server, 7_000, pattern(100), ack: 400))
        tap.send(talk.data(.server, 7_100, pattern(100, from: 100), ack: 400))
        tap.send(talk.data(.client, 400, pattern(60), ack: 7_200))
        #expect(tap.flows[0].description.startedMidStream)
        #expect(tap.flows[0].description.initiatorPort == 40_000)
        #expect(tap.flows[0].responder.bytes == pattern(200))
        #expect(tap.flows[0].initiator.bytes == pattern(60))
        #expect(tap.flows[0].initiator.acknowledged == [200])
        tap.finish()
        #expect(tap.counters.gaps == 0)
        #expect(tap.counters.flowsMidStream == 1)
    }

    @Test func `a SYN-ACK shows who is the initiator, whatever the ports`() {
        var tap = Tap()
        var synAck = Talk(clientPort: 20).synAck
        synAck.clientPort = 20
        tap.send(synAck)
        #expect(tap.flows[0].description.initiatorPort == 20)
        #expect(tap.flows[0].description.startedMidStream == false)
        // Its acknowledgement is the other half's start: what is missing there is a gap.
        let talk = Talk(clientPort: 20)
        tap.send(talk.data(.client, 100, pattern(10), ack: 0))
        tap.finish()
        #expect(tap.flows[0].initiator.gaps == [.init(0, 100)])
    }

    @Test func `a SYN behind the first data is the same connection`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.data(.client, 0, pattern(100)))
        tap.send(talk.syn)
        tap.send(talk.synAck)
        tap.send(talk.data(.client, 100, pattern(100, from: 100)))
        tap.send(talk.data(.server, 0, pattern(50), ack: 200))
        #expect(tap.flows.count == 1)
        #expect(tap.flows[0].initiator.bytes == pattern(200))
        #expect(tap.flows[0].responder.bytes == pattern(50))
    }

    @Test func `bytes from before the first one seen are counted`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.data(.client, 500, pattern(100)))
        tap.send(talk.data(.client, 400, pattern(150)))
        #expect(tap.flows[0].initiator.bytes == pattern(100))
        #expect(tap.counters.bytesBeforeStart == 100)
        #expect(tap.counters.retransmittedBytes == 50)
    }

    @Test func `probes, acknowledgements, FINs and RSTs of unknown flows open none`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.ack(.client, 100, ack: 100))
        tap.send(talk.fin(.client, 100))
        tap.send(talk.reset(.client, 100))
        tap.send(talk.data(.client, 100, [0]))
        #expect(tap.flows.isEmpty)
        #expect(tap.counters.withoutFlow == 3)
        #expect(tap.counters.keepAlives == 1)
    }

    @Test func `a probe of a half not seen yet does not fix its start`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.data(.client, 100, pattern(10), ack: 800))
        tap.send(talk.data(.server, 799, [0], ack: 110))
        tap.send(talk.data(.server, 800, pattern(20), ack: 110))
        #expect(tap.flows[0].responder.bytes == pattern(20))
    }
}

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
}

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

@Suite struct ChecksumTests {
    private func damaged(_ segment: Segment) -> Segment {
        var damaged = segment
        damaged.checksum = .wrong
        damaged.payload = segment.payload.map { $0 ^ 0x55 }
        return damaged
    }

    @Test func `wrong checksums are accepted where right ones were never seen`() {
        var tap = Tap()
        let talk = Talk()
        for segment in talk.handshake + [talk.data(.client, 0, pattern(10))] {
            var segment = segment
            segment.checksum = .wrong
            tap.send(segment)
        }
        // One in 65,536 is right by chance: it proves nothing.
        tap.send(talk.data(.client, 10, pattern(10, from: 10)))
        var last = talk.data(.client, 20, pattern(10, from: 20))
        last.checksum = .wrong
        tap.send(last)
        #expect(tap.flows[0].initiator.bytes == pattern(30))
        #expect(tap.counters.wrongChecksums == 5)
        #expect(tap.counters.suspectDelivered == 0)
    }

    @Test func `a damaged copy waits for a sound one`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        tap.send(damaged(talk.data(.client, 0, pattern(100))))
        tap.send(talk.data(.client, 100, pattern(100, from: 100)))
        #expect(tap.flows[0].initiator.next == 0)
        tap.send(talk.data(.client, 0, pattern(60)))
        tap.send(talk.data(.client, 60, pattern(40, from: 60)))
        #expect(tap.flows[0].initiator.bytes == pattern(200))
        #expect(tap.counters.suspectDelivered == 0)
        #expect(tap.counters.conflictingBytes == 0)
        #expect(tap.violations == [])
    }

    @Test func `a damaged copy is better than none`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        let suspect = damaged(talk.data(.client, 0, pattern(100)))
        tap.send(suspect)
        tap.send(talk.ack(.server, 0, ack: 100))
        tap.wait(seconds: 1)
        #expect(tap.flows[0].initiator.bytes == suspect.payload)
        #expect(tap.counters.suspectDelivered == 100)
        #expect(tap.counters.gaps == 0)
    }

    @Test func `a damaged segment's control bits count for nothing`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        var reset = talk.reset(.client, 0)
        reset.checksum = .wrong
        tap.send(reset)
        var fin = talk.fin(.client, 0, ack: 500)
        fin.checksum = .wrong
        tap.send(fin)
        tap.wait(seconds: 2)
        #expect(tap.flows[0].initiator.end == nil)
        #expect(tap.counters.gaps == 0)
    }

    @Test func `policies: accept delivers, verify drops, ignore does not even count`() {
        for (policy, delivered, counted, dropped) in [
            (ChecksumPolicy.accept, 100, 1, 0), (.verify, 0, 1, 1), (.ignore, 100, 0, 0), (.auto, 0, 1, 0),
        ] as [(ChecksumPolicy, Int, UInt64, UInt64)] {
            var tap = Tap(checksumPolicy: policy)
            let talk = Talk()
            tap.send(talk.handshake)
            tap.send(damaged(talk.data(.client, 0, pattern(100))))
            #expect(tap.flows[0].initiator.bytes.count == delivered)
            #expect(tap.counters.wrongChecksums == counted)
            #expect(tap.counters.checksumDrops == dropped)
        }
    }

    @Test func `offloaded checksums are counted and fine`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        var segment = talk.data(.client, 0, pattern(10))
        segment.checksum = .offloaded
        tap.send(segment)
        #expect(tap.flows[0].initiator.bytes == pattern(10))
        #expect(tap.counters.offloadedChecksums == 1)
    }
}
