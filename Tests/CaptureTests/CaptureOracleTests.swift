import Capture
import Packets
import TestSupport
import Testing

@Suite struct CaptureOracleTests {
    @Test func `there are captures to compare`() {
        #expect(ProjectFolder.captureFiles.count >= 7)
    }

    @Test(arguments: ProjectFolder.captureFiles)
    func `every kept capture reads as libpcap reads it`(path: String) throws {
        let own = try OwnReading(path: path)
        let oracle = LibpcapOracle(path: path)
        #expect(own.fault == nil)
        #expect(oracle.error == nil)
        #expect(!oracle.packets.isEmpty)
        // Compared as a whole, and not printed as a whole.
        let isEqual = own.packets == oracle.packets
        #expect(isEqual)
        #expect(own.statistics.packets == UInt64(oracle.packets.count))
    }

    @Test(arguments: ["d11-sll2-any/d11-sll2-any.pcap", "d12-sll1-any/d12-sll1-any.pcap", "d40-base/d40-base.pcap"])
    func `frames of every link type decode to TCP segments`(name: String) throws {
        var file = try CaptureFile(path: ProjectFolder.captures + "/" + name)
        let decoder = FrameDecoder()
        var segments = 0
        var payloadBytes = 0
        while let outcome = file.next({ frame, bytes in
            decoder.decode(bytes, linkType: frame.linkType, wireLength: Int(frame.wireLength))
        }) {
            guard case .segment(let segment) = outcome else { continue }
            segments += 1
            payloadBytes += segment.payloadLength
            #expect(segment.checksum == .valid || segment.checksum == .offloaded)
        }
        #expect(segments > 200)
        #expect(payloadBytes > 100_000)
    }

    @Test func `the same packets in another form are the same packets`() throws {
        let base = try OwnReading(path: ProjectFolder.captures + "/" + "d40-base/d40-base.pcap")
        let bigEndian = try OwnReading(path: ProjectFolder.captures + "/" + "d47-bigendian/d47-bigendian.pcap")
        #expect(base.packets == bigEndian.packets)
        let raw = try OwnReading(path: ProjectFolder.captures + "/" + "d46-rawip/d46-rawip.pcap")
        #expect(raw.packets.map(\.bytes) == base.packets.map { Array($0.bytes.dropFirst(14)) })
        let sections = try OwnReading(
            path: ProjectFolder.captures + "/" + "d49-pcapng-two-interfaces/d49-pcapng-two-interfaces.pcapng")
        #expect(sections.packets == base.packets)
        #expect(Set(sections.frames.map(\.interface)) == [0, 1])
    }
}
