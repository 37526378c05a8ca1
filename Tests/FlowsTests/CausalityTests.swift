import Objects
import Packets
import Testing

@testable import Flows

@Suite struct CausalityTests {
    private func logged() -> Tap {
        var recorder = Recorder()
        recorder.keepsLog = true
        return Tap(recorder: recorder)
    }

    @Test func `an answer captured before its question is delivered after it`() {
        var tap = logged()
        let talk = Talk()
        tap.send(talk.handshake)
        tap.send(talk.data(.server, 0, pattern(200), ack: 100))
        tap.send(talk.data(.server, 200, pattern(100, from: 200), ack: 100))
        tap.send(talk.data(.client, 0, pattern(100)))
        #expect(tap.assembler.sink.log == ["open 1", "> 0+100", "< 0+200", "< 200+100"])
        #expect(tap.counters.heldSegments == 2)
        #expect(tap.flows[0].responder.bytes == pattern(300))
    }

    @Test func `the end of an answer waits for the question too`() {
        var tap = logged()
        let talk = Talk()
        tap.send(talk.handshake)
        tap.send(talk.fin(.server, 0, ack: 100))
        tap.send(talk.data(.client, 0, pattern(100)))
        #expect(tap.assembler.sink.log == ["open 1", "> 0+100", "< end finished"])
    }

    @Test func `an answer to lost bytes waits for the slack and follows their gap`() {
        var tap = logged()
        let talk = Talk()
        tap.send(talk.handshake)
        tap.send(talk.data(.server, 0, pattern(200), ack: 100))
        tap.wait(seconds: 1)
        #expect(tap.assembler.sink.log == ["open 1", "> gap 0+100 not-captured", "< 0+200"])
    }

    @Test func `a half-connection of which nothing is captured holds nothing up`() {
        var tap = logged()
        let talk = Talk()
        tap.send(talk.syn)
        tap.send(talk.ack(.client, 0, ack: 0))
        tap.send(talk.data(.client, 0, pattern(10)))
        tap.send(talk.data(.client, 10, pattern(10, from: 10), ack: 5_000))
        tap.send(talk.data(.client, 20, pattern(10, from: 20), ack: 9_000))
        #expect(tap.assembler.sink.log == ["open 1", "> 0+10", "> 10+10", "> 20+10"])
        #expect(tap.flows[0].initiator.acknowledged == [0, nil, nil])
        tap.finish()
        // Its start is known by the handshake, so what it must have sent is named.
        #expect(tap.flows[0].responder.gaps == [.init(0, 9_000)])
    }

    @Test func `acknowledgement of bytes before the capture holds nothing up`() {
        var tap = logged()
        let talk = Talk()
        tap.send(talk.data(.client, 5_000, pattern(10), ack: 70_000))
        tap.send(talk.data(.server, 70_000, pattern(10), ack: 5_010))
        tap.send(talk.data(.client, 5_010, pattern(10, from: 10), ack: 69_000))
        #expect(tap.assembler.sink.log == ["open 1", "> 0+10", "< 0+10", "> 10+10"])
        #expect(tap.flows[0].initiator.acknowledged == [0, 0])
        #expect(tap.flows[0].responder.acknowledged == [10])
    }

    @Test func `two halves that wait for each other go on at once, the retransmission first`() {
        var tap = logged()
        let talk = Talk()
        tap.send(talk.handshake)
        // The client's first copy of 0..<100 is lost to the capture only. The server answers it. The client repeats
        // itself after it had the answer, so the copy captured acknowledges the answer to itself.
        tap.send(talk.data(.server, 0, pattern(50), ack: 100))
        tap.send(talk.data(.client, 0, pattern(100), ack: 50))
        #expect(tap.assembler.sink.log == ["open 1", "> 0+100", "< 0+50"])
        #expect(tap.flows[0].initiator.acknowledged == [0])
        #expect(tap.violations == [])
        #expect(tap.assembler.tracker.waiting.count == 0)
    }

    @Test func `a hole in each half, each acknowledged behind the other's, ends after the slack`() {
        var tap = logged()
        let talk = Talk()
        tap.send(talk.handshake)
        // Both first segments are lost; what is left of each half acknowledges what is lost of the other, and more.
        tap.send(talk.data(.client, 100, pattern(100, from: 100), ack: 100))
        tap.send(talk.data(.server, 100, pattern(100, from: 100), ack: 200))
        tap.wait(seconds: 1)
        #expect(
            tap.assembler.sink.log == [
                "open 1", "> gap 0+100 not-captured", "< gap 0+100 not-captured", "> 100+100", "< 100+100",
            ])
        #expect(tap.violations == [])
    }

    @Test func `a held segment never delays the half it waits for`() {
        var tap = logged()
        let talk = Talk()
        tap.send(talk.handshake)
        tap.send(talk.data(.server, 0, pattern(10), ack: 1_000))
        for offset in stride(from: 0 as UInt64, to: 900, by: 100) {
            tap.send(talk.data(.client, offset, pattern(100, from: offset)))
        }
        #expect(tap.flows[0].initiator.next == 900)
        #expect(tap.flows[0].responder.next == 0)
        tap.send(talk.data(.client, 900, pattern(100, from: 900)))
        #expect(tap.flows[0].responder.next == 10)
    }
}
