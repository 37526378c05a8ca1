import Capture
import Packets
import TestSupport
import Testing

@Suite struct PacketFilterTests {
    private func numbers(_ name: String, _ filter: String?) throws -> (numbers: [UInt64], statistics: CaptureStatistics)
    {
        var stream = try CaptureStream(paths: [ProjectFolder.captures + "/" + name], filter: filter)
        var sink = RecordingSink()
        while stream.run(into: &sink, atMost: 50) {}
        return (sink.frames.map(\.number), stream.statistics)
    }

    @Test(
        arguments: [
            "d40-base/d40-base.pcap", "d46-rawip/d46-rawip.pcap", "d11-sll2-any/d11-sll2-any.pcap",
            "d12-sll1-any/d12-sll1-any.pcap",
        ])
    func `a filter keeps the packets it names, and their numbers, on every link type`(name: String) throws {
        let own = try OwnReading(path: ProjectFolder.captures + "/" + name)
        let decoder = FrameDecoder()
        // What the filter should find, worked out by the decoder.
        let expected = zip(own.frames, own.packets).compactMap { frame, packet -> UInt64? in
            guard
                case .segment(let segment) = decoder.decode(
                    packet.bytes.span.bytes, linkType: frame.linkType, wireLength: Int(frame.wireLength)),
                segment.flags.contains(.syn)
            else { return nil }
            return frame.number
        }
        let found = try numbers(name, "tcp[tcpflags] & tcp-syn != 0")
        #expect(!expected.isEmpty)
        #expect(found.numbers == expected)
        #expect(found.statistics.packets == UInt64(own.frames.count))
        #expect(found.statistics.filteredPackets == UInt64(own.frames.count - expected.count))
    }

    @Test func `a filter that keeps nothing still ends`() throws {
        let found = try numbers("d40-base/d40-base.pcap", "udp port 9")
        #expect(found.numbers.isEmpty)
        #expect(found.statistics.filteredPackets == found.statistics.packets)
    }

    @Test func `an expression that cannot be read is refused with libpcap's words`() throws {
        let path = ProjectFolder.captures + "/" + "d40-base/d40-base.pcap"
        do {
            _ = try CaptureStream(paths: [path], filter: "tcp prot 80")
            Issue.record("the filter was accepted")
        } catch {
            guard case .badFilter(let expression, let linkType, let message) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(expression == "tcp prot 80")
            #expect(linkType == "Ethernet (1)")
            #expect(message.contains("syntax error"))
        }
    }

    @Test func `a link type that a filter does not fit is reported once, and its packets are left out`() throws {
        let folder = try TemporaryFolder()
        var builder = CaptureBuilder()
        builder.section()
        builder.interface(linkType: 1)
        builder.enhanced(0, 1, packet(1))
        // Raw IP comes later, has no Ethernet addresses, and libpcap says so.
        builder.interface(linkType: 101)
        for time in 2..<5 { builder.enhanced(1, UInt64(time), packet(time)) }
        builder.enhanced(0, 9, packet(1))
        let path = try folder.write("a.pcapng", builder.bytes)
        var stream = try CaptureStream(paths: [path], filter: "not ether host 02:00:00:00:00:01")
        var sink = RecordingSink()
        while stream.run(into: &sink, atMost: 50) {}
        #expect(sink.frames.map(\.number) == [1, 5])
        #expect(stream.faults.count == 1)
        guard case .filterUnusable(let reason) = stream.faults.first?.kind else {
            Issue.record("\(stream.faults)")
            return
        }
        #expect(reason.contains("raw IP (101)"))
        #expect(stream.statistics.filteredPackets == 3)
    }
}
