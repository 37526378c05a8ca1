import Objects
import Packets
import TestSupport
import Testing

@testable import Flows

@Suite struct OrderTests {
    @Test func `a whole connection gives its bytes and its ends`() {
        var tap = Tap()
        let talk = Talk()
        tap.assembler.sink.keepsLog = true
        tap.send(talk.handshake)
        tap.send(talk.data(.client, 0, pattern(100)))
        tap.send(talk.data(.server, 0, pattern(300), ack: 100))
        tap.send(talk.fin(.client, 100, ack: 300))
        tap.send(talk.fin(.server, 300, ack: 101))
        tap.send(talk.ack(.client, 101, ack: 301))
        #expect(
            tap.assembler.sink.log == [
                "open 1", "> 0+100", "< 0+300", "> end finished", "< end finished", "close 1",
            ])
        #expect(tap.flows[0].initiator.bytes == pattern(100))
        #expect(tap.flows[0].responder.bytes == pattern(300))
        #expect(tap.flows[0].responder.acknowledged == [100])
        #expect(tap.violations == [])
        #expect(tap.assembler.openFlows == 0)
        #expect(tap.counters.ignoredAfterClose == 1)
    }

    @Test func `the description names the initiator first`() {
        var tap = Tap()
        tap.send(Talk().syn)
        var ipv6 = Talk().syn
        ipv6.isIPv6 = true
        tap.send(ipv6)
        #expect(tap.flows[0].description.text == "10.0.0.7:40000 > 192.0.2.1:80")
        #expect(tap.flows[0].description.startedMidStream == false)
        #expect(tap.flows[1].description.text == "[2001:db8::7]:40000 > [2001:db8::1]:80")
        #expect(tap.flows[1].description.initiatorAddress == "2001:db8::7")
    }

    @Test(arguments: [UInt32.max, .max - 1, .max - 700, 0, 0x7FFF_FFFF, 0x8000_0000] as [UInt32])
    func `sequence numbers wrap around`(isn: UInt32) {
        var tap = Tap()
        let talk = Talk(clientISN: isn, serverISN: isn &+ 5)
        tap.send(talk.handshake)
        var offset: UInt64 = 0
        while offset < 5_000 {
            tap.send(talk.data(.client, offset, pattern(500, from: offset), ack: offset))
            tap.send(talk.data(.server, offset, pattern(500, from: offset), ack: offset + 500))
            offset += 500
        }
        #expect(tap.flows.count == 1)
        #expect(tap.flows[0].initiator.bytes == pattern(5_000))
        #expect(tap.flows[0].responder.bytes == pattern(5_000))
        #expect(tap.violations == [])
    }

    @Test func `a stream of more than 4 GiB keeps 64-bit offsets`() {
        var recorder = Recorder()
        recorder.keepsBytes = false
        var tap = Tap(recorder: recorder)
        let talk = Talk()
        let length: UInt64 = 1 << 24
        let frame = [UInt8](repeating: 7, count: Int(length))
        tap.send(talk.handshake)
        var offset: UInt64 = 0
        while offset < 9 << 30 {
            var header = talk.data(.client, offset, []).header
            header.payloadOffset = 0
            header.payloadLength = Int(length)
            header.capturedPayloadLength = Int(length)
            tap.assembler.segment(header, frame.span.bytes, time: tap.time, packet: tap.packet)
            offset += length
            tap.send(talk.ack(.server, 0, ack: offset))
        }
        tap.send(talk.fin(.client, offset))
        #expect(tap.flows[0].initiator.next == 9 << 30)
        #expect(tap.flows[0].initiator.end == .finished)
        #expect(tap.counters.gaps == 0)
        #expect(tap.violations == [])
    }

    @Test func `data on the SYN begins at offset 0`() {
        var tap = Tap()
        let talk = Talk()
        var syn = talk.syn
        syn.payload = pattern(10)
        tap.send(syn)
        tap.send(syn)
        var synAck = talk.synAck
        synAck.acknowledgement = talk.clientISN &+ 11
        tap.send(synAck)
        tap.send(talk.data(.client, 10, pattern(10, from: 10)))
        #expect(tap.flows[0].initiator.bytes == pattern(20))
        #expect(tap.counters.gaps == 0)
        #expect(tap.violations == [])
    }

    @Test func `probes and repeated acknowledgements are no data`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        tap.send(talk.data(.client, 0, pattern(100)))
        tap.send(talk.data(.client, 99, []))
        tap.send(talk.data(.client, 99, [0]))
        for _ in 0..<5 { tap.send(talk.ack(.server, 0, ack: 100)) }
        // A zero-window probe of the BSD kind carries the next byte, and the byte is data.
        tap.send(talk.data(.client, 100, pattern(1, from: 100)))
        tap.send(talk.data(.client, 100, pattern(50, from: 100)))
        #expect(tap.flows[0].initiator.bytes == pattern(150))
        #expect(tap.counters.keepAlives == 2)
        #expect(tap.counters.conflictingBytes == 0)
        #expect(tap.counters.retransmittedBytes == 1)
    }

    @Test func `super-segments beyond 64 KiB are taken whole`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        var large = talk.data(.client, 0, pattern(200_000))
        large.isSuperSegment = true
        large.checksum = .wrong
        tap.send(large)
        tap.send(talk.data(.client, 200_000, pattern(10, from: 200_000)))
        #expect(tap.flows[0].initiator.bytes == pattern(200_010))
        #expect(tap.counters.gaps == 0)
    }

    @Test func `overlapping bytes that differ are counted, and the first copy wins`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        tap.send(talk.data(.client, 100, pattern(100, from: 100)))
        var forged = pattern(100, from: 100)
        forged[3] = 0
        forged[99] = 0
        tap.send(talk.data(.client, 100, forged))
        tap.send(talk.data(.client, 0, pattern(100)))
        #expect(tap.flows[0].initiator.bytes == pattern(200))
        #expect(tap.counters.conflictingBytes == 2)
        #expect(tap.counters.outOfOrderSegments == 2)
    }

    @Test func `isSegmentStart marks first bytes of segments only`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        tap.send(talk.data(.client, 0, pattern(100)))
        tap.send(talk.data(.client, 50, pattern(100, from: 50)))
        tap.send(talk.data(.client, 150, pattern(10, from: 150)))
        #expect(tap.flows[0].initiator.bytes == pattern(160))
        #expect(tap.flows[0].initiator.starts == [0, 150])
    }

    @Test func `tenants do not mix, and neither do address families`() {
        var tap = Tap()
        let talk = Talk()
        for tenant in 0..<3 as Range<UInt32> {
            var segment = talk.data(.client, 0, [UInt8(10 + tenant), 1])
            segment.tenant = tenant
            tap.send(segment)
        }
        #expect(tap.flows.map(\.initiator.bytes) == [[10, 1], [11, 1], [12, 1]])
    }

    @Test func `headers that contradict their frame are counted and ignored`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        let good = talk.data(.client, 0, pattern(10))
        let frame = [UInt8](repeating: 1, count: 15)
        for (offset, captured, length) in [
            (11, 10, 10), (-1, 1, 1), (0, -1, 4), (0, 5, 4), (.max, 1, 1), (1, .max, .max), (0, 0, -1),
        ] {
            var header = good.header
            header.payloadOffset = offset
            header.capturedPayloadLength = captured
            header.payloadLength = length
            tap.assembler.segment(header, frame.span.bytes, time: tap.time, packet: 9)
        }
        #expect(tap.counters.malformed == 7)
        #expect(tap.flows[0].initiator.bytes.isEmpty)
    }

    @Test func `the seed of the table does not show in the output`() {
        var logs: [[String]] = []
        for seed in 1...3 as ClosedRange<UInt64> {
            var recorder = Recorder()
            recorder.keepsLog = true
            var limits = FlowLimits()
            limits.flowsMax = 50
            limits.closedFlowsMax = 20
            var tap = Tap(
                limits: limits, recorder: recorder,
                seed: FlowHashSeed(first: seed, second: seed &* 77, third: seed &* 991))
            var random = SeededGenerator(seed: 5)
            for _ in 0..<4_000 {
                let talk = Talk(clientPort: UInt16.random(in: 1_000..<1_100, using: &random))
                switch Int.random(in: 0..<10, using: &random) {
                case 0: tap.send(talk.syn)
                case 1: tap.send(talk.reset(.client, 0, ack: 0))
                case 2: tap.send(talk.fin(.server, 0, ack: 0))
                default: tap.send(talk.data(.client, UInt64.random(in: 0..<40, using: &random), pattern(9)))
                }
            }
            tap.finish()
            #expect(tap.violations == [])
            logs.append(tap.assembler.sink.log)
        }
        #expect(logs[0].count > 1_000)
        #expect(logs[0] == logs[1])
        #expect(logs[0] == logs[2])
    }

    @Test func `a segment around one that came before goes on in parts, and starts once`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        tap.send(talk.data(.client, 10, pattern(10, from: 10)))
        tap.send(talk.data(.client, 0, pattern(30)))
        #expect(tap.flows[0].initiator.bytes == pattern(30))
        #expect(tap.flows[0].initiator.starts == [0, 10])
        #expect(tap.counters.retransmittedBytes == 10)
    }
}
