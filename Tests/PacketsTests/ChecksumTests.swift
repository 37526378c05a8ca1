import TestSupport
import Testing

@testable import Packets

@Suite struct ChecksumTests {
    @Test func `the wide sum equals the sum word by word for every length and position`() {
        var generator = SeededGenerator(seed: 11)
        let bytes = (0..<2_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
        for count in 0...300 {
            let start = Int.random(in: 0...64, using: &generator)
            let part = Array(bytes[start..<(start + count)])
            let sum = InternetChecksum.sum(part.span.bytes)
            #expect(UInt16(sum).bigEndian == plainSum(part), "\(count) bytes")
        }
        let ones = [UInt8](repeating: 0xFF, count: 1 << 20)
        #expect(UInt16(InternetChecksum.sum(ones.span.bytes)) == 0xFFFF)
    }

    @Test(arguments: [("10.77.0.1", "10.77.0.2"), ("255.255.255.255", "254.255.253.1"), ("fd77::1", "fd77::2")])
    func `a segment as it was sent is valid, and one bit makes it wrong`(source: String, destination: String) throws {
        var generator = SeededGenerator(seed: 5)
        for count in [0, 1, 2, 63, 64, 65, 1_448] {
            var builder = FrameBuilder()
            (builder.source, builder.destination) = (source, destination)
            builder.payload = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            var frame = builder.ethernet
            let segment = try #require(decode(frame).segment)
            #expect(segment.checksum == .valid)
            let tcpStart = segment.payloadOffset - 20
            let place = Int.random(in: (tcpStart + 4)..<(tcpStart + 12), using: &generator)
            frame[place] ^= 1 << UInt8.random(in: 0...7, using: &generator)
            #expect(decode(frame).segment?.checksum == .wrong)
            if count > 0 {
                frame = builder.ethernet
                frame[segment.payloadRange.randomElement(using: &generator) ?? 0] ^= 0x10
                #expect(decode(frame).segment?.checksum == .wrong)
            }
        }
    }

    @Test(arguments: [("10.77.0.1", "10.77.0.2"), ("fd77::1", "fd77::2")])
    func `a field that an offload left unfinished is told from a wrong one`(source: String, destination: String) {
        var builder = FrameBuilder()
        (builder.source, builder.destination) = (source, destination)
        builder.payload = Array("unfinished".utf8)
        let length = builder.segment.count
        let bare = plainSum(builder.pseudoHeader(length: length))
        let withoutLength = plainSum(builder.pseudoHeader(length: 0))
        for field in [0, bare, withoutLength] {
            builder.checksum = field
            #expect(decode(builder.ethernet).segment?.checksum == .offloaded, "\(field)")
        }
        builder.checksum = bare &+ 1
        #expect(decode(builder.ethernet).segment?.checksum == .wrong)
    }

    @Test func `the mode decides whether anything is computed, never what is accepted`() {
        var builder = FrameBuilder()
        builder.checksum = 0x1234
        let frame = builder.ethernet
        #expect(decode(frame, mode: .ignore).segment?.checksum == .notChecked)
        #expect(decode(frame, mode: .auto).segment?.checksum == .wrong)
        #expect(decode(frame, mode: .verify).segment?.checksum == .wrong)
    }
}
