import Packets
import TestSupport
import Testing

/// Random and damaged frames: whatever comes out must lie within what went in, and every frame must be accounted for.
@Suite struct DecapsulatorPropertyTests {
    /// A decapsulator fed from many frames, with its sums.
    private struct Feed: ~Copyable {
        var decapsulator: Decapsulator
        var frames: UInt64 = 0
        var answered: UInt64 = 0
        var held: UInt64 = 0
        var isSound = true

        init() {
            var options = DecapsulatorOptions()
            options.separatesTenants = true
            options.limits.tenantsMax = 100
            options.limits.fragments.datagramsMax = 50
            options.limits.fragments.bytesMax = 100_000
            decapsulator = Decapsulator(options: options)
        }

        mutating func take(_ frame: [UInt8], count: Int, _ linkType: LinkType, wireLength: Int, time: UInt64) {
            frames += 1
            let bytes = frame.span.bytes.extracting(0..<count)
            switch decapsulator.decode(bytes, linkType: linkType, wireLength: wireLength, time: time) {
            case .segment(let header, _): check(header, count)
            case .reassembled(let header, _): check(header, decapsulator.withDatagram { $0.byteCount })
            case .held: held += 1
            case .fault: answered += 1
            }
        }

        private mutating func check(_ header: SegmentHeader, _ count: Int) {
            answered += 1
            isSound =
                isSound && header.payloadRange.lowerBound >= 20 && header.payloadRange.upperBound <= count
                && (0...header.payloadLength).contains(header.capturedPayloadLength)
        }
    }

    static let linkTypes: [LinkType] = [
        .ethernet, .rawIP, .null, .loop, .ppp, .pppHDLC, .pppEthernet, .mpls, .linuxCooked, .linuxCooked2,
    ]

    @Test func `60,000 frames of random bytes are answered, whatever the link type`() {
        var generator = SeededGenerator(seed: 1)
        var feed = Feed()
        for round in 0..<60_000 {
            let frame = (0..<Int.random(in: 0...100, using: &generator)).map { _ in
                UInt8(truncatingIfNeeded: generator.next())
            }
            let linkType = Self.linkTypes[round % Self.linkTypes.count]
            feed.take(
                frame, count: frame.count, linkType, wireLength: Int.random(in: -9...70_000, using: &generator),
                time: UInt64(round) * 1_000_000)
        }
        feed.decapsulator.finish()
        #expect(feed.isSound && feed.answered + feed.held == feed.frames)
        #expect(feed.decapsulator.waitingFragments == 0)
    }

    @Test(arguments: [UInt64(1), 2, 3, 4])
    func `20,000 frames of every form with headers that lie are answered`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var feed = Feed()
        var frames = WrappedForm.all.flatMap { form in
            [false, true].map { (form.linkType, form.wrap(WrappedForm.builder(isIPv6: $0))) }
        }
        for form in WrappedForm.all where form.linkType == .ethernet {
            let frame = form.wrap(WrappedForm.builder(isIPv6: false))
            if frame[12...13] == [8, 0] {
                frames += Wrapping.fragments(of: frame, size: 24).map { (.ethernet, $0) }
            }
        }
        let interesting: [UInt8] = [0, 1, 4, 6, 8, 0x0F, 0x40, 0x45, 0x7F, 0x80, 0xFF]
        for round in 0..<20_000 {
            var (linkType, frame) = frames[Int.random(in: 0..<frames.count, using: &generator)]
            for _ in 0..<Int.random(in: 0...4, using: &generator) {
                let place = Int.random(in: 0..<min(frame.count, 120), using: &generator)
                frame[place] =
                    Bool.random(using: &generator)
                    ? interesting[Int.random(in: 0..<interesting.count, using: &generator)]
                    : UInt8(truncatingIfNeeded: generator.next())
            }
            let count =
                Int.random(in: 0..<4, using: &generator) == 0
                ? Int.random(in: 0...frame.count, using: &generator) : frame.count
            let wireLengths = [count, frame.count, Int.random(in: -5...70_000, using: &generator), Int.max, Int.min, 0]
            feed.take(
                frame, count: count, linkType, wireLength: wireLengths[round % wireLengths.count],
                time: UInt64(round) * 3_000_000)
        }
        feed.decapsulator.finish()
        #expect(feed.isSound && feed.answered + feed.held == feed.frames)
        #expect(feed.decapsulator.waitingFragments == 0)
    }
}
