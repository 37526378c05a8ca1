import Objects
import Packets
import Testing

@testable import Flows

@Suite struct `A known loss` {
    /// Bytes 100 to 200 of the client are missing, and acknowledged.
    private func holed(_ tap: inout Tap, _ talk: Talk) {
        tap.send(talk.handshake)
        tap.send(talk.data(.client, 0, pattern(100)))
        tap.send(talk.data(.client, 200, pattern(100, from: 200)))
        tap.send(talk.ack(.server, 0, ack: 300))
    }

    @Test func `names the cause of the holes of its time`() {
        var tap = Tap()
        let talk = Talk()
        holed(&tap, talk)
        tap.assembler.note(CaptureLoss(cause: .kernelDrop, from: tap.time, through: tap.time))
        tap.wait(seconds: 1)
        #expect(tap.flows[0].initiator.gaps.map(\.cause) == [.kernelDrop])
    }

    @Test func `says nothing of the holes of another time`() {
        var tap = Tap()
        let talk = Talk()
        tap.assembler.note(CaptureLoss(cause: .kernelDrop, from: tap.time, through: tap.time))
        tap.wait(seconds: 3)
        holed(&tap, talk)
        tap.wait(seconds: 1)
        #expect(tap.flows[0].initiator.gaps.map(\.cause) == [.notCaptured])
    }

    @Test func `says nothing of flows of other classes`() {
        var tap = Tap()
        let talk = Talk()
        holed(&tap, talk)
        let own = FlowClass(talk.handshake[0].header).bit
        tap.assembler.note(CaptureLoss(cause: .overload, classes: ~own, from: tap.time, through: tap.time))
        tap.wait(seconds: 1)
        #expect(tap.flows[0].initiator.gaps.map(\.cause) == [.notCaptured])
    }

    @Test func `of an overload is why a flow ends that was left out`() {
        var tap = Tap()
        let talk = Talk()
        tap.send(talk.handshake)
        tap.send(talk.data(.client, 0, pattern(100)))
        tap.assembler.note(CaptureLoss(cause: .overload, from: tap.time, through: tap.time + 5_000_000_000))
        tap.wait(seconds: 400)
        #expect(tap.flows[0].initiator.end == .leftOut)
    }

    @Test func `is of the same class in both directions of a flow, and flows spread over all classes`() {
        var seen: Set<Int> = []
        for port in 1000..<2000 {
            let there = SegmentHeader(
                source: IPAddress(ipv4: 0x0A00_0001), sourcePort: UInt16(port),
                destination: IPAddress(ipv4: 0x0A00_0002),
                destinationPort: 80, sequence: SequenceNumber(0), capturedPayloadLength: 0, payloadLength: 0)
            let back = SegmentHeader(
                source: IPAddress(ipv4: 0x0A00_0002), sourcePort: 80, destination: IPAddress(ipv4: 0x0A00_0001),
                destinationPort: UInt16(port), sequence: SequenceNumber(0), capturedPayloadLength: 0, payloadLength: 0)
            #expect(FlowClass(there) == FlowClass(back))
            seen.insert(FlowClass(there).number)
        }
        #expect(seen.count == FlowClass.count)
    }
}
