import Objects
import Packets
import Testing

@testable import Flows

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
