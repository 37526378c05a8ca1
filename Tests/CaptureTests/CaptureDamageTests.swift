import Capture
import Foundation
import Packets
import TestSupport
import Testing

@Suite struct CaptureDamageTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private static var pcap: CaptureBuilder {
        var builder = CaptureBuilder()
        builder.pcapHeader()
        for number in 0..<4 { builder.pcapRecord(UInt32(number), 0, packet(number, 20 + number)) }
        return builder
    }

    private static var pcapng: CaptureBuilder {
        var builder = CaptureBuilder()
        builder.section()
        builder.interface(options: builder.option(2, Array("lo".utf8)) + builder.option(0, []))
        builder.enhanced(0, 1, packet(0, 21), options: builder.option(4, builder.u64(1)))
        builder.block(0x7777, packet(9, 24))
        builder.simple(packet(1, 22))
        builder.statistics(0, options: builder.option(5, builder.u64(1)))
        builder.obsolete(0, drops: 0, 2, packet(2, 23))
        builder.section()
        builder.interface()
        builder.enhanced(0, 3, packet(3, 24))
        return builder
    }

    @Test(arguments: [pcap, pcapng])
    func `a file cut at any byte gives the packets before the cut and says that it was cut`(
        builder: CaptureBuilder
    ) throws {
        let whole = try OwnReading(path: try folder.write("whole", builder.bytes))
        #expect(whole.packets.count == 4 && whole.fault == nil)
        // A cut between two records or blocks is no damage that anyone could see.
        var faultless = 0
        for count in 1..<builder.bytes.count {
            let path = try folder.write("cut", Array(builder.bytes[..<count]))
            guard let cut = try? OwnReading(path: path) else {
                #expect(count < 28, "\(count) bytes were refused")
                continue
            }
            #expect(whole.packets.starts(with: cut.packets), "\(count) bytes")
            guard let fault = cut.fault else {
                faultless += 1
                continue
            }
            switch fault.kind {
            case .truncatedRecordHeader(let found, let expected): #expect(found < expected)
            case .truncatedRecord(let found, let expected):
                #expect(found < expected)
                #expect(fault.offset + found == UInt64(count))
            default: Issue.record("\(count) bytes: \(fault)")
            }
        }
        #expect(faultless == (whole.interfaces.count == 1 ? 4 : 9))
    }

    @Test(arguments: [pcap, pcapng], [UInt64(1), 2, 3])
    func `damage anywhere never crashes, and what comes before it is untouched`(
        builder: CaptureBuilder, seed: UInt64
    ) throws {
        var state = seed
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let whole = try OwnReading(path: try folder.write("whole", builder.bytes))
        for _ in 0..<400 {
            var bytes = builder.bytes
            let place = 28 + random(bytes.count - 28)
            bytes[place] = UInt8(random(256))
            guard let damaged = try? OwnReading(path: try folder.write("damaged", bytes)) else { continue }
            for (index, frame) in whole.frames.enumerated() {
                let end = index + 1 < whole.frames.count ? Int(whole.frames[index + 1].recordOffset) : bytes.count
                guard end <= place, frame.recordOffset < place else { break }
                #expect(damaged.packets[index] == whole.packets[index])
            }
        }
    }

    @Test func `a corrupt length in the middle ends the file there`() throws {
        var builder = Self.pcap
        let offset = builder.bytes.count
        builder.bytes += builder.u32(9) + builder.u32(9) + builder.u32(0x7FFF_FFFF) + builder.u32(60) + packet(7)
        let own = try OwnReading(path: try folder.write("a.pcap", builder.bytes))
        #expect(own.packets.count == 4)
        let fault = try #require(own.fault)
        #expect(fault.offset == UInt64(offset))
        #expect(fault.kind == .recordTooLong(length: 0x8000_000F, limit: 2 << 20))
        #expect("\(fault)".contains("offset \(offset)") && "\(fault)".contains("a.pcap"))
    }

    @Test func `a record at the limit is read and one above it is not`() throws {
        var limits = CaptureLimits()
        limits.recordBytesMax = 1_016
        var builder = CaptureBuilder()
        builder.pcapHeader()
        builder.pcapRecord(1, 0, packet(1, 1_000))
        builder.pcapRecord(2, 0, packet(2, 1_001))
        let own = try OwnReading(path: try folder.write("a.pcap", builder.bytes), limits: limits)
        #expect(own.packets.map(\.bytes) == [packet(1, 1_000)])
        #expect(own.fault?.kind == .recordTooLong(length: 1_017, limit: 1_016))
    }

    @Test func `corrupt blocks are named`() throws {
        func fault(_ change: (inout CaptureBuilder) -> Void) throws -> CaptureFault.Kind? {
            var builder = CaptureBuilder()
            builder.section()
            builder.interface()
            builder.enhanced(0, 1, packet(1))
            change(&builder)
            let own = try OwnReading(path: try folder.write("a.pcapng", builder.bytes))
            #expect(own.packets.first?.bytes == packet(1))
            return own.fault?.kind
        }
        #expect(try fault { $0.enhanced(1, 1, packet(2)) } == .unknownInterface(1, described: 1))
        #expect(try fault { $0.bytes += $0.u32(6) + $0.u32(8) + $0.u32(8) } == .badBlockLength(8))
        #expect(try fault { $0.bytes += $0.u32(9) + $0.u32(14) + packet(1, 10) } == .badBlockLength(14))
        #expect(
            try fault { $0.bytes += $0.u32(9) + $0.u32(12) + $0.u32(16) } == .blockLengthsDiffer(first: 12, last: 16))
        #expect(
            try fault { builder in
                builder.block(6, packet(1, 40))
                builder.bytes[builder.bytes.count - 1] ^= 1
            } == .blockLengthsDiffer(first: 52, last: 52 | 1 << 24))
        #expect(try fault { $0.block(6, packet(1, 16)) } == .blockTooShort(type: 6, length: 28, expected: 32))
        #expect(
            try fault { builder in
                builder.block(6, builder.u32(0) + builder.u64(1) + builder.u32(50) + builder.u32(50) + packet(1, 40))
            } == .blockTooShort(type: 6, length: 72, expected: 82))
        #expect(
            try fault { builder in builder.block(3, builder.u32(50) + packet(1, 40)) }
                == .blockTooShort(type: 3, length: 56, expected: 66))
        #expect(try fault { $0.block(1, packet(1, 4)) } == .blockTooShort(type: 1, length: 16, expected: 20))
        #expect(
            try fault { builder in builder.interface(options: builder.u16(2) + builder.u16(99)) }
                == .badOptions(type: 1))
        #expect(
            try fault { builder in builder.interface(options: builder.option(9, [6, 6])) } == .badOptions(type: 1))
        #expect(try fault { $0.section(major: 2) } == .unsupportedVersion(major: 2, minor: 0))
        #expect(
            try fault { builder in
                builder.section()
                builder.bytes[builder.bytes.count - 20] ^= 0xFF
            } == .badByteOrderMagic(0xB23C_2B1A))
        // A packet in a section that has described nothing yet.
        #expect(
            try fault { builder in
                builder.section()
                builder.simple(packet(1))
            } == .unknownInterface(0, described: 0))
    }

    @Test func `a file that loses its tail while it is read says so`() throws {
        var builder = CaptureBuilder()
        builder.pcapHeader()
        for number in 0..<100 { builder.pcapRecord(UInt32(number), 0, packet(number, 1_000)) }
        let path = try folder.write("a.pcap", builder.bytes)
        var limits = CaptureLimits()
        limits.windowBytes = 4_096
        var file = try CaptureFile(path: path, limits: limits)
        #expect(file.advance() != nil)
        // At a record's border, where nothing but the length tells.
        let remaining = UInt64(24 + 50 * 1_016)
        try #require(truncate(path, Int(remaining)) == 0)
        var count = 1
        while file.advance() != nil { count += 1 }
        #expect(count == 50)
        #expect(file.fault?.kind == .shrank(to: remaining, from: UInt64(builder.bytes.count)))
    }

    @Test func `a file that grows while it is read is read to its new end`() throws {
        var builder = CaptureBuilder()
        builder.pcapHeader()
        builder.pcapRecord(1, 0, packet(1))
        let path = try folder.write("a.pcap", builder.bytes)
        var file = try CaptureFile(path: path)
        let first = builder.bytes.count
        builder.pcapRecord(2, 0, packet(2))
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(builder.bytes[first...]))
        try handle.close()
        var count = 0
        while file.advance() != nil { count += 1 }
        #expect(count == 2)
        #expect(file.fault == nil)
    }
}
