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

    @Test func `the first segment's acknowledgement says where the other half goes on`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.data(.client, 500, pattern(100), ack: 900))
        tap.send(talk.data(.server, 900, pattern(50), ack: 600))
        #expect(tap.flows[0].initiator.acknowledged == [0])
        #expect(tap.flows[0].responder.bytes == pattern(50))
        #expect(tap.flows[0].responder.acknowledged == [100])
    }

    @Test func `what was lost behind the first acknowledgement is a gap`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.data(.client, 500, pattern(100), ack: 900))
        tap.send(talk.data(.server, 1_000, pattern(50, from: 100), ack: 600))
        tap.finish()
        #expect(tap.flows[0].responder.gaps == [.init(0, 100)])
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
