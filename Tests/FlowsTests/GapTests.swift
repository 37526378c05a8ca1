import Objects
import Packets
import Testing

@testable import Flows

@Suite struct GapTests {
    /// A handshake, 100 bytes, a hole of 100, and 100 bytes more.
    private func holed(_ tap: inout Tap, _ talk: Talk) {
        tap.send(talk.handshake)
        tap.send(talk.data(.client, 0, pattern(100)))
        tap.send(talk.data(.client, 200, pattern(100, from: 200)))
    }

    @Test func `a hole nobody acknowledged waits, and a retransmission heals it`() {
        var tap = Tap()
        let talk = Talk()
        holed(&tap, talk)
        for _ in 0..<500 { tap.send(talk.ack(.server, 0, ack: 100)) }
        tap.wait(seconds: 20)
        #expect(tap.flows[0].initiator.next == 100)
        tap.send(talk.data(.client, 100, pattern(100, from: 100)))
        #expect(tap.flows[0].initiator.bytes == pattern(300))
        #expect(tap.counters.gaps == 0)
    }

    @Test func `an acknowledged hole is declared after 64 further segments`() {
        var tap = Tap()
        let talk = Talk()
        holed(&tap, talk)
        tap.send(talk.ack(.server, 0, ack: 300))
        for _ in 0..<63 { tap.send(talk.ack(.server, 0, ack: 300)) }
        #expect(tap.flows[0].initiator.gaps == [])
        tap.send(talk.ack(.server, 0, ack: 300))
        #expect(tap.flows[0].initiator.gaps == [.init(100, 100)])
        #expect(tap.flows[0].initiator.bytes.suffix(100) == pattern(100, from: 200)[...])
        #expect(tap.counters.gapBytesNotCaptured == 100)
    }

    @Test func `an acknowledged hole is declared after half a second without segments`() {
        var tap = Tap()
        let talk = Talk()
        holed(&tap, talk)
        tap.send(talk.ack(.server, 0, ack: 300))
        tap.wait(seconds: 0.4)
        #expect(tap.flows[0].initiator.gaps == [])
        tap.wait(seconds: 0.2)
        #expect(tap.flows[0].initiator.gaps == [.init(100, 100)])
        #expect(tap.flows[0].initiator.next == 300)
        // What comes after the declaration is late.
        tap.send(talk.data(.client, 100, pattern(100, from: 100)))
        #expect(tap.counters.retransmittedBytes == 100)
        #expect(tap.violations == [])
    }

    @Test func `an acknowledgement ahead of its bytes loses nothing when they come`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        tap.send(talk.ack(.server, 0, ack: 300))
        tap.send(talk.data(.client, 0, pattern(150)))
        tap.send(talk.data(.client, 150, pattern(150, from: 150)))
        for _ in 0..<200 { tap.send(talk.ack(.server, 0, ack: 300)) }
        tap.wait(seconds: 2)
        #expect(tap.flows[0].initiator.bytes == pattern(300))
        #expect(tap.counters.gaps == 0)
        #expect(tap.assembler.tracker.waiting.count == 0)
    }

    @Test func `many holes cost two slacks, not one each`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        for index in 0..<50 as Range<UInt64> {
            tap.send(talk.data(.client, index * 20, pattern(10, from: index * 20)))
            tap.send(talk.ack(.server, 0, ack: index * 20 + 10))
        }
        for _ in 0..<130 { tap.send(talk.ack(.server, 0, ack: 990)) }
        #expect(tap.flows[0].initiator.gaps.count == 49)
        #expect(tap.flows[0].initiator.next == 990)
    }

    @Test func `a hole before a FIN is given up when the connection stays silent`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        tap.send(talk.fin(.client, 100, pattern(100, from: 100)))
        tap.wait(seconds: 4)
        #expect(tap.flows[0].initiator.gaps == [])
        tap.wait(seconds: 2)
        #expect(tap.flows[0].initiator.gaps == [.init(0, 100)])
        #expect(tap.flows[0].initiator.end == .finished)
    }

    @Test func `acknowledged bytes that never came are a gap at the end`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        tap.send(talk.data(.client, 0, pattern(100)))
        tap.send(talk.ack(.server, 0, ack: 250))
        tap.finish()
        #expect(tap.flows[0].initiator.gaps == [.init(100, 150)])
        #expect(tap.flows[0].initiator.end == .captureEnded)
        #expect(tap.flows[0].responder.gaps == [])
    }

    @Test func `the number of a lost FIN is no gap, and no end either`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        tap.send(talk.data(.client, 0, pattern(100)))
        // The client's FIN is lost; the server acknowledges it and answers.
        tap.send(talk.data(.server, 0, pattern(50), ack: 101))
        #expect(tap.flows[0].responder.next == 0)
        tap.wait(seconds: 1)
        #expect(tap.flows[0].responder.bytes == pattern(50))
        tap.send(talk.fin(.server, 50, ack: 101))
        tap.finish()
        #expect(tap.counters.gaps == 0)
        #expect(tap.flows[0].initiator.end == .captureEnded)
        #expect(tap.flows[0].responder.end == .finished)
        #expect(tap.violations == [])
    }

    @Test func `a byte that was taken for a FIN is delivered when others follow it`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        tap.send(talk.data(.client, 0, pattern(100)))
        tap.send(talk.data(.server, 0, pattern(50), ack: 101))
        tap.wait(seconds: 1)
        tap.send(talk.data(.client, 101, pattern(99, from: 101)))
        tap.send(talk.ack(.server, 50, ack: 200))
        tap.wait(seconds: 1)
        #expect(tap.flows[0].initiator.gaps == [.init(100, 1)])
        #expect(tap.flows[0].initiator.next == 200)
    }

    @Test func `a FIN that was acknowledged is no gap`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        tap.send(talk.fin(.client, 0, pattern(100)))
        tap.send(talk.fin(.server, 0, pattern(10), ack: 101))
        #expect(tap.flows[0].isClosed)
        #expect(tap.counters.gaps == 0)
    }

    @Test func `gaps at the end of the capture are named, and bytes behind them delivered`() {
        var tap = Tap()
        let talk = Talk()
        holed(&tap, talk)
        tap.finish()
        #expect(tap.flows[0].initiator.gaps == [.init(100, 100)])
        #expect(tap.flows[0].initiator.next == 300)
        #expect(tap.flows[0].initiator.end == .captureEnded)
        #expect(tap.flows[0].isClosed)
    }

    @Test func `a segment from far outside the window opens no gap`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        tap.send(talk.data(.client, 0, pattern(100)))
        tap.send(talk.data(.client, 900_000_000, pattern(100)))
        tap.send(talk.data(.client, 3_000_000_000, pattern(100)))
        tap.send(talk.ack(.server, 0, ack: 800_000_000))
        tap.send(talk.data(.client, 100, pattern(100, from: 100)))
        tap.finish()
        #expect(tap.flows[0].initiator.bytes == pattern(200))
        #expect(tap.counters.outOfWindow == 3)
        #expect(tap.counters.gaps == 0)
    }

    @Test(arguments: [100_000_000, 1_900_000_000, 2_500_000_000, 4_200_000_000] as [UInt64])
    func `a half-connection that goes on outside the window is followed`(jump: UInt64) {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        tap.send(talk.data(.client, 0, pattern(100)))
        for index in 0..<9 as Range<UInt64> {
            tap.send(talk.data(.client, jump + index * 100, pattern(100, from: index * 100)))
        }
        #expect(tap.counters.resynchronisations == 1)
        #expect(tap.counters.outOfWindow == 7)
        var recorder = Recorder()
        recorder.keepsBytes = false
        tap.assembler.sink.keepsBytes = false
        tap.assembler.sink.flows[0].initiator.bytes = []
        tap.assembler.sink.flows[0].initiator.base = 100
        tap.finish()
        #expect(tap.flows[0].initiator.gaps == [.init(100, jump + 600)])
        #expect(tap.flows[0].initiator.next == jump + 900)
        #expect(tap.violations == [])
    }

    @Test func `of holes in both halves the older is given up first`() {
        var limits = FlowLimits()
        limits.flowBufferedBytesMax = 2_500
        var tap = Tap(limits: limits)
        let talk = Talk()
        tap.send(talk.handshake)
        tap.send(talk.data(.server, 100, pattern(1_000, from: 100)))
        tap.send(talk.data(.client, 100, pattern(1_000, from: 100)))
        tap.send(talk.data(.client, 1_100, pattern(1_000, from: 1_100)))
        #expect(tap.flows[0].responder.gaps == [.init(0, 100)])
        #expect(tap.flows[0].initiator.gaps == [])
    }

    @Test func `a probe's byte does not fill a hole`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        tap.send(talk.ack(.server, 0, ack: 100))
        tap.send(talk.data(.client, 99, [0]))
        tap.send(talk.data(.client, 0, pattern(100)))
        #expect(tap.flows[0].initiator.bytes == pattern(100))
        #expect(tap.counters.keepAlives == 1)
        #expect(tap.counters.conflictingBytes == 0)
    }

    @Test func `an assumption of a FIN ends with the bytes that follow`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        tap.send(talk.data(.client, 0, pattern(100)))
        tap.send(talk.ack(.server, 0, ack: 101))
        tap.wait(seconds: 1)
        tap.send(talk.data(.client, 100, pattern(50, from: 100)))
        tap.send(talk.data(.server, 0, pattern(10), ack: 151))
        #expect(tap.flows[0].responder.next == 0)
        tap.send(talk.data(.client, 150, pattern(50, from: 150)))
        #expect(tap.flows[0].responder.next == 10)
        #expect(tap.violations == [])
    }
}
