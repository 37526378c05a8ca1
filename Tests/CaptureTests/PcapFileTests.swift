import Capture
import Packets
import TestSupport
import Testing

@Suite struct PcapFileTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test(arguments: [UInt32(0xA1B2_C3D4), 0xA1B2_3C4D, 0xA1B2_CD34], [false, true])
    func `every magic in either byte order reads as libpcap reads it`(magic: UInt32, isBigEndian: Bool) throws {
        var builder = CaptureBuilder(isBigEndian: isBigEndian)
        builder.pcapHeader(magic: magic)
        let extra: [UInt8] = magic == 0xA1B2_CD34 ? Array(repeating: 9, count: 8) : []
        builder.pcapRecord(1_700_000_000, 999_999, packet(1), extra: extra)
        builder.pcapRecord(2_147_483_647, 1, packet(2, 61), wireLength: 1_500, extra: extra)
        builder.pcapRecord(0, 0, [], wireLength: 60, extra: extra)
        let path = try folder.write("a.pcap", builder.bytes)
        let own = try OwnReading(path: path)
        let oracle = LibpcapOracle(path: path)
        #expect(oracle.error == nil && oracle.packets.count == 3)
        #expect(own.packets == oracle.packets)
        #expect(own.fault == nil)
        #expect(own.packets[0].time == 1_700_000_000_000_000_000 + 999_999 * (magic == 0xA1B2_3C4D ? 1 : 1_000))
    }

    @Test func `seconds are unsigned and reach to 2106`() throws {
        // libpcap reads them as signed, so it cannot be asked here.
        var builder = CaptureBuilder()
        builder.pcapHeader(magic: 0xA1B2_3C4D)
        builder.pcapRecord(.max, .max, packet(1))
        let own = try OwnReading(path: try folder.write("a.pcap", builder.bytes))
        let expected: UInt64 = 4_294_967_295_000_000_000 + 4_294_967_295
        #expect(own.packets.map(\.time) == [expected])
    }

    @Test(arguments: [UInt16(2), 3, 4])
    func `older versions have their lengths the other way round`(minor: UInt16) throws {
        var builder = CaptureBuilder()
        builder.pcapHeader(version: (2, minor))
        let data = packet(1, 40)
        let isSwapped = minor == 2
        builder.bytes += builder.u32(5) + builder.u32(6)
        builder.bytes += builder.u32(isSwapped ? 90 : 40) + builder.u32(isSwapped ? 40 : 90) + data
        let path = try folder.write("a.pcap", builder.bytes)
        let own = try OwnReading(path: path)
        #expect(own.packets == LibpcapOracle(path: path).packets)
        #expect(own.packets.first?.wireLength == 90)
        #expect(own.packets.first?.bytes == data)
    }

    @Test func `version 2 3 is read in both of its orders`() throws {
        var builder = CaptureBuilder()
        builder.pcapHeader(version: (2, 3))
        builder.bytes += builder.u32(5) + builder.u32(6) + builder.u32(90) + builder.u32(40) + packet(1, 40)
        builder.bytes += builder.u32(5) + builder.u32(6) + builder.u32(40) + builder.u32(90) + packet(2, 40)
        let path = try folder.write("a.pcap", builder.bytes)
        let own = try OwnReading(path: path)
        #expect(own.packets == LibpcapOracle(path: path).packets)
        #expect(own.packets.count == 2)
    }

    @Test func `frames say where they stand and how they begin`() throws {
        var builder = CaptureBuilder()
        // The upper half of the link type word announces a frame check sequence.
        builder.pcapHeader(snapLength: 60, linkType: 0x1400_0071)
        builder.pcapRecord(1, 0, packet(1))
        builder.pcapRecord(2, 0, packet(2), wireLength: 100)
        let own = try OwnReading(path: try folder.write("a.pcap", builder.bytes))
        #expect(own.frames.map(\.number) == [1, 2])
        #expect(own.frames.map(\.recordOffset) == [24, 100])
        #expect(own.frames.allSatisfy { $0.linkType == .linuxCooked && $0.interface == 0 && $0.file == 0 })
        #expect(own.frames.map(\.isSnapped) == [false, true])
        #expect(own.interfaces == [CaptureInterface(linkType: .linuxCooked, snapLength: 60)])
        #expect(own.statistics.packets == 2)
        #expect(own.statistics.capturedBytes == 120)
        #expect(own.statistics.snappedPackets == 1)
        #expect(own.statistics.snappedBytes == 40)
    }

    @Test func `records larger than the window, and windows cut anywhere, change nothing`() throws {
        var builder = CaptureBuilder()
        builder.pcapHeader()
        for number in 0..<40 { builder.pcapRecord(UInt32(number), 0, packet(number, number * 997 % 30_000)) }
        let path = try folder.write("a.pcap", builder.bytes)
        let whole = try OwnReading(path: path)
        #expect(whole.packets == LibpcapOracle(path: path).packets)
        for windowBytes in [0, 4_096, 5_000, 9_973, 65_536] {
            var limits = CaptureLimits()
            limits.windowBytes = windowBytes
            #expect(try OwnReading(path: path, limits: limits).packets == whole.packets, "\(windowBytes)")
        }
    }

    @Test func `progress ends at the file's length`() throws {
        var builder = CaptureBuilder()
        builder.pcapHeader()
        for number in 0..<10 { builder.pcapRecord(UInt32(number), 0, packet(number)) }
        var file = try CaptureFile(path: try folder.write("a.pcap", builder.bytes))
        var last: UInt64 = 0
        while file.advance() != nil {
            #expect(file.bytesRead > last)
            last = file.bytesRead
        }
        #expect(file.bytesRead == file.bytesTotal && file.bytesTotal == UInt64(builder.bytes.count))
    }
}
