import Packets
import Testing

@Suite struct FrameFaultTests {
    @Test func `every fault has its own counter and its own name`() {
        var counts = FrameFaultCounts()
        for (place, fault) in FrameFault.allCases.enumerated() { counts[fault] += UInt64(place + 1) }
        for (place, fault) in FrameFault.allCases.enumerated() { #expect(counts[fault] == UInt64(place + 1)) }
        #expect(counts.total == UInt64((1...FrameFault.allCases.count).reduce(0, +)))
        #expect(Set(FrameFault.allCases.map(\.name)).count == FrameFault.allCases.count)
    }

    @Test func `only faults that happened are listed, and counts add up`() {
        var counts = FrameFaultCounts()
        #expect(counts.occurred.isEmpty)
        counts[.notTCP] += 2
        var others = FrameFaultCounts()
        others[.notTCP] += 3
        others[.fragment] += 1
        counts.add(others)
        #expect(counts.occurred.map(\.fault) == [.fragment, .notTCP])
        #expect(counts.occurred.map(\.count) == [1, 5])
    }
}

@Suite struct SegmentHeaderTests {
    @Test func `SYN and FIN take one number each`() {
        var segment = SegmentHeader(
            source: IPAddress(ipv4: 1), sourcePort: 1, destination: IPAddress(ipv4: 2), destinationPort: 2,
            sequence: SequenceNumber(9), flags: [.syn], capturedPayloadLength: 0, payloadLength: 0)
        #expect(segment.sequenceLength == 1)
        segment.flags = [.ack, .fin]
        segment.payloadLength = 10
        #expect(segment.sequenceLength == 11)
        #expect(segment.isSnapped)
    }
}
