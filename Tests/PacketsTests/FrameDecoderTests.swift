import Packets
import TestSupport
import Testing

@Suite struct FrameDecoderTests {
    @Test func `a segment comes out with every field of its headers`() throws {
        let frame = FrameBuilder().ethernet
        let segment = try #require(decode(frame).segment)
        #expect(segment.source == IPAddress(ipv4: 0x0A4D_0001))
        #expect(segment.destination == IPAddress(ipv4: 0x0A4D_0002))
        #expect(segment.sourcePort == 40_000)
        #expect(segment.destinationPort == 80)
        #expect(segment.sequence == SequenceNumber(1_000))
        #expect(segment.acknowledgement == SequenceNumber(2_000))
        #expect(segment.flags == [.ack, .psh])
        #expect(segment.window == 501)
        #expect(Array(frame[segment.payloadRange]) == Array("payload".utf8))
        #expect(segment.payloadLength == 7)
        #expect(segment.checksum == .valid)
        #expect(!segment.isSnapped && !segment.isSuperSegment)
    }

    @Test(arguments: [false, true])
    func `every link type leads to the same segment`(isIPv6: Bool) throws {
        var builder = FrameBuilder()
        if isIPv6 { (builder.source, builder.destination) = ("fd77::1", "fd77::2") }
        var frames: [(LinkType, [UInt8])] = [
            (.ethernet, builder.ethernet), (.linuxCooked, builder.linuxCooked), (.linuxCooked2, builder.linuxCooked2),
        ]
        let raw: [LinkType] = [.rawIP, .rawIPLinux, .rawIPOpenBSD, isIPv6 ? .rawIPv6 : .rawIPv4]
        frames += raw.map { ($0, builder.datagram) }
        for (linkType, frame) in frames {
            let segment = try #require(decode(frame, linkType).segment, "\(linkType)")
            #expect(Array(frame[segment.payloadRange]) == builder.payload)
            #expect(segment.source == IPAddress(builder.source))
            #expect(segment.destination == IPAddress(builder.destination))
            #expect(segment.checksum == .valid)
        }
    }

    @Test func `IPv4 options and TCP options are skipped`() throws {
        var builder = FrameBuilder()
        builder.ipOptions = [1, 1, 1, 1, 0x94, 4, 0, 0]
        builder.tcpOptions = [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]
        let frame = builder.ethernet
        let segment = try #require(decode(frame).segment)
        #expect(Array(frame[segment.payloadRange]) == builder.payload)
        #expect(segment.checksum == .valid)
    }

    @Test func `Ethernet padding is no payload`() throws {
        var builder = FrameBuilder()
        builder.payload = []
        builder.padding = 6
        let segment = try #require(decode(builder.ethernet).segment)
        #expect(segment.payloadLength == 0)
        #expect(segment.capturedPayloadLength == 0)
        #expect(segment.checksum == .valid)
    }

    @Test func `an IP length of zero takes the frame's own`() throws {
        for addresses in [("10.0.0.1", "10.0.0.2"), ("fd77::1", "fd77::2")] {
            var builder = FrameBuilder()
            (builder.source, builder.destination) = addresses
            builder.ipLength = 0
            builder.payload = Array(repeating: 7, count: 20_000)
            let frame = builder.ethernet
            let segment = try #require(decode(frame).segment)
            #expect(segment.payloadLength == 20_000)
            #expect(segment.isSuperSegment)
            // Snapped besides: the wire length still says how much there was.
            let cut = try #require(decode(Array(frame[..<200]), wireLength: frame.count).segment)
            #expect(cut.payloadLength == 20_000)
            #expect(cut.capturedPayloadLength == 200 - cut.payloadOffset)
        }
    }

    @Test func `a datagram above every MTU is a super-segment`() throws {
        var builder = FrameBuilder()
        builder.payload = Array(repeating: 7, count: 9_300)
        #expect(try #require(decode(builder.ethernet).segment).isSuperSegment)
        builder.payload = Array(repeating: 7, count: 8_900)
        #expect(try !#require(decode(builder.ethernet).segment).isSuperSegment)
    }

    @Test func `a snapped frame is a segment with a hole of known length`() throws {
        var builder = FrameBuilder()
        builder.payload = Array(repeating: 7, count: 1_000)
        let frame = builder.ethernet
        let segment = try #require(decode(Array(frame[..<200]), wireLength: frame.count).segment)
        #expect(segment.payloadLength == 1_000)
        #expect(segment.capturedPayloadLength == 200 - 54)
        #expect(segment.isSnapped)
        #expect(segment.checksum == .notChecked)
        // A mirror that cuts packets states the cut length as the frame's: the IP header still knows.
        #expect(decode(Array(frame[..<200])).segment == segment)
    }

    @Test func `headers that were not captured are a fault`() throws {
        let frame = FrameBuilder().ethernet
        for count in 0..<54 {
            #expect(decode(Array(frame[..<count]), wireLength: frame.count) == .fault(.truncatedHeader), "\(count)")
        }
        #expect(decode(Array(frame[..<54]), wireLength: frame.count).segment?.capturedPayloadLength == 0)
    }

    @Test func `IPv6 extension headers are skipped up to TCP`() throws {
        var builder = FrameBuilder()
        (builder.source, builder.destination) = ("fd77::1", "fd77::2")
        let options: [UInt8] = [0, 0, 1, 4, 0, 0, 0, 0]
        let long: [UInt8] = [0, 1, 1, 12] + Array(repeating: 0, count: 12)
        let authentication: [UInt8] = [0, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1] + Array(repeating: 9, count: 12)
        builder.extensions = [(0, options), (60, long), (43, [0, 0, 2, 0, 0, 0, 0, 0]), (51, authentication)]
        let frame = builder.ethernet
        let segment = try #require(decode(frame).segment)
        #expect(Array(frame[segment.payloadRange]) == builder.payload)
        #expect(segment.checksum == .valid)
        for count in 54..<(segment.payloadOffset) {
            #expect(decode(Array(frame[..<count]), wireLength: frame.count) == .fault(.truncatedHeader), "\(count)")
        }
    }

    @Test func `a routing header with stops to come leaves the checksum unchecked`() throws {
        var builder = FrameBuilder()
        (builder.source, builder.destination) = ("fd77::1", "fd77::2")
        builder.extensions = [(43, [0, 0, 2, 1, 0, 0, 0, 0])]
        #expect(try #require(decode(builder.ethernet).segment).checksum == .notChecked)
    }

    @Test func `more extension headers than the limit are a fault`() throws {
        var builder = FrameBuilder()
        (builder.source, builder.destination) = ("fd77::1", "fd77::2")
        let options: [UInt8] = [0, 0, 1, 4, 0, 0, 0, 0]
        builder.extensions = Array(repeating: (60, options), count: 8)
        #expect(decode(builder.ethernet).segment != nil)
        builder.extensions.append((60, options))
        #expect(decode(builder.ethernet) == .fault(.tooManyExtensionHeaders))
    }

    @Test func `fragments are named, and whole datagrams with a fragment header are not`() throws {
        var builder = FrameBuilder()
        builder.fragmentField = 0x2000
        #expect(decode(builder.ethernet) == .fault(.fragment))
        builder.fragmentField = 0x0010
        #expect(decode(builder.ethernet) == .fault(.fragment))
        builder = FrameBuilder()
        (builder.source, builder.destination) = ("fd77::1", "fd77::2")
        builder.extensions = [(44, [0, 0, 0, 1, 0, 0, 0, 9])]
        #expect(decode(builder.ethernet) == .fault(.fragment))
        builder.extensions = [(44, [0, 0, 0, 8, 0, 0, 0, 9])]
        #expect(decode(builder.ethernet) == .fault(.fragment))
        builder.extensions = [(44, [0, 0, 0, 0, 0, 0, 0, 9])]
        #expect(decode(builder.ethernet).segment?.checksum == .valid)
    }

    @Test func `frames that are no TCP are named`() throws {
        var builder = FrameBuilder()
        builder.ipProtocol = 17
        #expect(decode(builder.ethernet) == .fault(.notTCP))
        (builder.source, builder.destination) = ("fd77::1", "fd77::2")
        builder.extensions = [(60, [0, 0, 1, 4, 0, 0, 0, 0])]
        #expect(decode(builder.ethernet) == .fault(.notTCP))
        var arp = FrameBuilder().ethernet
        arp.replaceSubrange(12..<14, with: [0x08, 0x06])
        #expect(decode(arp) == .fault(.unsupportedEtherType))
        #expect(decode(arp, LinkType(rawValue: 105)) == .fault(.unsupportedLinkType))
    }

    @Test func `a version that is not the announced one is a fault`() throws {
        var frame = FrameBuilder().ethernet
        frame[14] = 0x65
        #expect(decode(frame) == .fault(.badIPVersion))
        #expect(decode(Array(frame[14...]), .rawIPv4) == .fault(.badIPVersion))
        frame[14] = 0x15
        #expect(decode(Array(frame[14...]), .rawIP) == .fault(.badIPVersion))
        frame = FrameBuilder().ethernet
        frame.replaceSubrange(12..<14, with: [0x86, 0xDD])
        #expect(decode(frame) == .fault(.badIPVersion))
    }

    @Test func `lengths that contradict each other are faults`() throws {
        var frame = FrameBuilder().ethernet
        frame[14] = 0x44
        #expect(decode(frame) == .fault(.badLength))
        var builder = FrameBuilder()
        builder.ipLength = 19
        #expect(decode(builder.ethernet) == .fault(.badLength))
        builder.ipLength = 39
        #expect(decode(builder.ethernet) == .fault(.badLength))
        builder = FrameBuilder()
        (builder.source, builder.destination) = ("fd77::1", "fd77::2")
        builder.extensions = [(60, [0, 9, 1, 4, 0, 0, 0, 0])]
        #expect(decode(builder.ethernet) == .fault(.badLength))
    }

    @Test func `a data offset outside the segment is a fault`() throws {
        for words in [UInt8(0), 4, 7, 15] {
            var builder = FrameBuilder()
            builder.dataOffset = words
            #expect(decode(builder.ethernet) == .fault(.badDataOffset), "\(words)")
        }
    }
}

@Suite struct FrameDecoderPropertyTests {
    /// Whatever comes out must lie within what went in.
    private func check(_ frame: [UInt8], _ linkType: LinkType, wireLength: Int) {
        guard let segment = decode(frame, linkType, wireLength: wireLength).segment else { return }
        #expect(segment.payloadRange.lowerBound >= 20 && segment.payloadRange.upperBound <= frame.count)
        #expect((0...segment.payloadLength).contains(segment.capturedPayloadLength))
    }

    static let linkTypes: [LinkType] = [.ethernet, .rawIP, .rawIPv4, .rawIPv6, .linuxCooked, .linuxCooked2]

    @Test(arguments: linkTypes)
    func `no bytes at all make the decoder step outside the frame`(linkType: LinkType) {
        var generator = SeededGenerator(seed: UInt64(linkType.rawValue))
        for _ in 0..<20_000 {
            let frame = (0..<Int.random(in: 0...120, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            check(frame, linkType, wireLength: Int.random(in: 0...70_000, using: &generator))
        }
    }

    @Test(arguments: [UInt64(1), 2, 3, 4])
    func `damage anywhere in real headers never makes the decoder step outside the frame`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var builder = FrameBuilder()
        builder.tcpOptions = [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]
        let ipv4 = builder.ethernet
        (builder.source, builder.destination) = ("fd77::1", "fd77::2")
        builder.extensions = [(0, [0, 0, 1, 4, 0, 0, 0, 0]), (44, [0, 0, 0, 0, 0, 0, 0, 9])]
        let ipv6 = builder.ethernet
        for round in 0..<20_000 {
            var frame = round % 2 == 0 ? ipv4 : ipv6
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                frame[Int.random(in: 12..<frame.count, using: &generator)] = .random(in: 0...255, using: &generator)
            }
            let kept = Int.random(in: 0...frame.count, using: &generator)
            check(Array(frame[..<kept]), .ethernet, wireLength: Int.random(in: -5...70_000, using: &generator))
        }
    }

    @Test func `a wire length without sense does no harm`() {
        let frame = FrameBuilder().ethernet
        for wireLength in [Int.min, -1, 0, Int.max] { check(frame, .ethernet, wireLength: wireLength) }
        var builder = FrameBuilder()
        builder.ipLength = 0
        for wireLength in [Int.min, -1, 0, Int.max] { check(builder.ethernet, .ethernet, wireLength: wireLength) }
    }
}
