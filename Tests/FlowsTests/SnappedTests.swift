import Objects
import Packets
import Testing

@testable import Flows

@Suite struct SnappedTests {
    @Test func `a snapped segment gives its prefix and a gap of known length`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        var snapped = talk.data(.client, 0, pattern(100))
        snapped.captured = 40
        tap.send(snapped)
        tap.send(talk.data(.client, 100, pattern(100, from: 100)))
        #expect(tap.flows[0].initiator.bytes == pattern(40))
        tap.send(talk.ack(.server, 0, ack: 200))
        tap.wait(seconds: 1)
        #expect(tap.flows[0].initiator.gaps == [.init(40, 60, .snapped)])
        #expect(tap.flows[0].initiator.next == 200)
        #expect(tap.counters.snappedBytes == 60)
        #expect(tap.counters.gapBytesSnapped == 60)
    }

    @Test func `another copy heals what was snapped, in any part`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        var snapped = talk.data(.client, 0, pattern(100))
        snapped.captured = 0
        tap.send(snapped)
        tap.send(talk.data(.client, 30, pattern(40, from: 30)))
        #expect(tap.flows[0].initiator.next == 0)
        tap.send(talk.data(.client, 0, pattern(30)))
        #expect(tap.flows[0].initiator.bytes == pattern(70))
        tap.send(talk.fin(.client, 100))
        tap.finish()
        #expect(tap.flows[0].initiator.gaps == [.init(70, 30, .snapped)])
        #expect(tap.flows[0].initiator.end == .finished)
        #expect(tap.violations == [])
    }

    @Test func `a lost and a snapped range side by side keep their causes`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        var snapped = talk.data(.client, 50, pattern(50, from: 50))
        snapped.captured = 20
        tap.send(snapped)
        tap.send(talk.data(.client, 150, pattern(50, from: 150)))
        tap.finish()
        #expect(tap.flows[0].initiator.gaps == [.init(0, 50), .init(70, 30, .snapped), .init(100, 50)])
    }

    @Test func `a snapped copy never displaces bytes`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        tap.send(talk.data(.client, 50, pattern(50, from: 50)))
        var snapped = talk.data(.client, 0, pattern(100))
        snapped.captured = 10
        tap.send(snapped)
        tap.send(talk.data(.client, 0, pattern(60)))
        #expect(tap.flows[0].initiator.bytes == pattern(100))
        #expect(tap.counters.gaps == 0)
    }
}
