import Capture
import Packets
import TestSupport
import Testing

@Suite struct PcapngFileTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func read(_ builder: CaptureBuilder) throws -> OwnReading {
        try OwnReading(path: try folder.write("a.pcapng", builder.bytes))
    }

    @Test(arguments: [false, true])
    func `packet blocks of every kind read as libpcap reads them`(isBigEndian: Bool) throws {
        var builder = CaptureBuilder(isBigEndian: isBigEndian)
        builder.section(options: builder.option(4, Array("application".utf8)) + builder.option(0, []))
        builder.interface(options: builder.option(2, Array("eth0".utf8)) + builder.option(0, []))
        builder.simple(packet(1, 61))
        builder.enhanced(0, 1_700_000_000_123_456, packet(2, 63), options: builder.option(1, Array("why".utf8)))
        builder.block(0x0BAD, packet(3, 30))
        builder.block(4, packet(4, 16))
        builder.obsolete(0, drops: 3, 1_700_000_001_000_000, packet(5, 64))
        builder.block(0x7777, [])
        builder.enhanced(0, 1_700_000_002_000_000, packet(6), wireLength: 9_000)
        let path = try folder.write("a.pcapng", builder.bytes)
        let own = try OwnReading(path: path)
        let oracle = LibpcapOracle(path: path)
        #expect(oracle.error == nil && oracle.packets.count == 4)
        #expect(own.packets == oracle.packets)
        #expect(own.fault == nil)
        #expect(own.interfaces.map(\.name) == ["eth0"])
        #expect(own.statistics.skippedBlocks == 4)
        #expect(own.statistics.untimedPackets == 1)
        #expect(own.statistics.droppedPackets == 3)
    }

    @Test(arguments: [0, 1, 3, 6, 7, 9, 12, 0x80, 0x80 | 10, 0x80 | 20, 0x80 | 30] as [UInt8])
    func `times in every resolution are nanoseconds, as libpcap has them`(resolution: UInt8) throws {
        var builder = CaptureBuilder()
        builder.section()
        let offset = UInt64(bitPattern: Int64(86_400))
        builder.interface(options: builder.option(9, [resolution]) + builder.option(14, builder.u64(offset)))
        let exponent = UInt64(resolution & 0x7F)
        let perSecond =
            resolution & 0x80 != 0 ? UInt64(1) << exponent : (0..<exponent).reduce(UInt64(1)) { unit, _ in unit * 10 }
        for ticks in [0, 1, perSecond - 1, perSecond, 1_700_000 * perSecond + perSecond / 3] {
            builder.enhanced(0, ticks, packet(1))
        }
        let path = try folder.write("a.pcapng", builder.bytes)
        let oracle = LibpcapOracle(path: path)
        #expect(oracle.error == nil)
        #expect(try OwnReading(path: path).packets == oracle.packets)
    }

    @Test func `a section begins anew: byte order, interfaces and their numbers`() throws {
        var builder = CaptureBuilder(isBigEndian: false)
        builder.section()
        builder.interface(options: builder.option(9, [9]))
        builder.enhanced(0, 5_000_000_000, packet(1))
        builder.isBigEndian = true
        builder.section()
        builder.interface()
        builder.interface(options: builder.option(9, [3]))
        builder.enhanced(0, 6_000_000, packet(2))
        builder.enhanced(1, 7_000, packet(3))
        let path = try folder.write("a.pcapng", builder.bytes)
        let own = try OwnReading(path: path)
        #expect(own.frames.map(\.time) == [5_000_000_000, 6_000_000_000, 7_000_000_000])
        #expect(own.frames.map(\.interface) == [0, 1, 2])
        #expect(own.packets.map(\.bytes) == [packet(1), packet(2), packet(3)])
        // libpcap refuses a change of byte order; what it read before that must be the same.
        let oracle = LibpcapOracle(path: path)
        #expect(oracle.error != nil)
        #expect(own.packets.starts(with: oracle.packets))
    }

    @Test func `sections of one byte order read as libpcap reads them`() throws {
        var builder = CaptureBuilder(isBigEndian: true)
        for number in 0..<3 {
            builder.section(minor: number == 1 ? 2 : 0)
            builder.interface(options: builder.option(9, [9]))
            builder.enhanced(0, UInt64(number) * 1_000_000_007, packet(number))
        }
        let path = try folder.write("a.pcapng", builder.bytes)
        let oracle = LibpcapOracle(path: path)
        if oracle.error == nil { #expect(oracle.packets.count == 3) }
        #expect(try OwnReading(path: path).packets.starts(with: oracle.packets))
        #expect(try OwnReading(path: path).packets.count == 3)
    }

    @Test func `interfaces of several link types keep theirs, which libpcap cannot read`() throws {
        var builder = CaptureBuilder()
        builder.section()
        builder.interface(linkType: 1)
        builder.interface(linkType: 276, snapLength: 100)
        builder.enhanced(1, 1, packet(1))
        builder.enhanced(0, 2, packet(2))
        let path = try folder.write("a.pcapng", builder.bytes)
        #expect(LibpcapOracle(path: path).error != nil)
        let own = try OwnReading(path: path)
        #expect(own.frames.map(\.linkType) == [.linuxCooked2, .ethernet])
        #expect(own.interfaces.map(\.snapLength) == [262_144, 100])
    }

    @Test func `a simple packet has the interface's snap length and the time of the packet before it`() throws {
        var builder = CaptureBuilder()
        builder.section()
        builder.interface(snapLength: 50)
        builder.simple(packet(1, 50), wireLength: 80)
        builder.enhanced(0, 9_000_000, packet(2, 20))
        builder.simple(packet(3, 30))
        let own = try read(builder)
        #expect(own.frames.map(\.time) == [0, 9_000_000_000, 9_000_000_000])
        #expect(own.frames.map(\.wireLength) == [80, 20, 30])
        #expect(own.packets.map(\.bytes) == [packet(1, 50), packet(2, 20), packet(3, 30)])
        #expect(own.statistics.untimedPackets == 2)
    }

    @Test func `drops are taken from the last statistics, or from the packets themselves`() throws {
        var builder = CaptureBuilder()
        builder.section()
        builder.interface()
        builder.interface()
        builder.interface()
        builder.statistics(0, options: builder.option(5, builder.u64(5)) + builder.option(7, builder.u64(1)))
        builder.enhanced(1, 1, packet(1), options: builder.option(1, [1]) + builder.option(4, builder.u64(40)))
        builder.enhanced(1, 2, packet(2, 5), options: builder.option(4, builder.u64(2)) + builder.option(0, []))
        builder.statistics(0, options: builder.option(5, builder.u64(8)) + builder.option(0, []))
        builder.obsolete(2, drops: 7, 3, packet(3))
        builder.obsolete(2, drops: .max, 4, packet(4))
        let own = try read(builder)
        #expect(own.fault == nil)
        #expect(own.interfaces.map(\.droppedByInterface) == [8, nil, nil])
        #expect(own.interfaces.map(\.droppedBySystem) == [1, nil, nil])
        #expect(own.interfaces.map(\.droppedBetweenPackets) == [0, 42, 7])
        #expect(own.statistics.droppedPackets == 9 + 42 + 7)
    }

    @Test func `a secrets block is skipped and counted, whatever its length`() throws {
        var builder = CaptureBuilder()
        builder.section()
        builder.interface()
        var limits = CaptureLimits()
        limits.windowBytes = 4_096
        limits.recordBytesMax = 8_192
        builder.block(10, builder.u32(0x544C_534B) + builder.u32(50_000) + Array(repeating: 65, count: 50_000))
        builder.enhanced(0, 1, packet(1))
        let own = try OwnReading(path: try folder.write("a.pcapng", builder.bytes), limits: limits)
        #expect(own.fault == nil)
        #expect(own.packets.map(\.bytes) == [packet(1)])
        #expect(own.statistics.secretsBlocks == 1)
    }

    @Test func `a secrets block is given out once, if it is sound and within the limit`() throws {
        var builder = CaptureBuilder()
        builder.section()
        builder.interface()
        builder.enhanced(0, 1, packet(1))
        builder.block(10, builder.u32(0x544C_534B) + builder.u32(5) + Array("abcde\0\0\0".utf8))
        builder.block(10, builder.u32(0x544C_534B) + builder.u32(4_000) + Array(repeating: 65, count: 8))
        builder.block(10, builder.u32(0x544C_534B) + builder.u32(60) + Array(repeating: 65, count: 60))
        builder.enhanced(0, 2, packet(2))
        var limits = CaptureLimits()
        limits.secretsBytesMax = 40
        let path = try folder.write("secrets.pcapng", builder.bytes)
        var stream = try CaptureStream(paths: [path], limits: limits)
        let mayHoldSecrets = stream.mayHoldSecrets
        #expect(mayHoldSecrets)
        var packets = 0
        while stream.next({ _, _ in true }) != nil { packets += 1 }
        let secrets = stream.takeSecrets()
        let (faults, blocks) = (stream.faults, stream.statistics.secretsBlocks)
        #expect(packets == 2 && faults.isEmpty && blocks == 3)
        #expect(secrets.map(\.bytes) == [Array("abcde".utf8)] && secrets.first?.type == CapturedSecrets.keyLog)
        let more = stream.takeSecrets()
        #expect(more.isEmpty)
    }

    @Test func `more interfaces than the limit end the file`() throws {
        var builder = CaptureBuilder()
        builder.section()
        for number in 0..<3 {
            builder.interface()
            builder.enhanced(UInt32(number), 1, packet(number))
        }
        var limits = CaptureLimits()
        limits.interfacesMax = 2
        let own = try OwnReading(path: try folder.write("a.pcapng", builder.bytes), limits: limits)
        #expect(own.packets.count == 2)
        #expect(own.fault?.kind == .tooManyInterfaces(limit: 2))
    }
}
