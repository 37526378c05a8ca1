import Packets
import TestSupport
import Testing

@Suite struct FragmentTests {
    /// A packet of `count` payload bytes that are all different from their neighbours.
    private func builder(_ count: Int = 500, isIPv6: Bool = false) -> FrameBuilder {
        var builder = WrappedForm.builder(isIPv6: isIPv6)
        builder.payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
        return builder
    }

    private func fragments(_ builder: FrameBuilder, size: Int) -> [[UInt8]] {
        builder.isIPv4
            ? Wrapping.fragments(of: builder.ethernet, size: size)
            : Wrapping.fragments6(of: builder.ethernet, size: size)
    }

    @Test(arguments: [false, true], [8, 64, 200, 512])
    func `a datagram is put together, whatever the order of its fragments`(isIPv6: Bool, size: Int) {
        let builder = builder(isIPv6: isIPv6)
        let parts = fragments(builder, size: size)
        var generator = SeededGenerator(seed: UInt64(size))
        var orders = [parts, parts.reversed()]
        for _ in 0..<20 { orders.append(parts.shuffled(using: &generator)) }
        for order in orders {
            let result = Decapsulation(order)
            #expect(result.isExactly(builder))
            #expect(result.found.allSatisfy(\.isReassembled) && result.held == parts.count - 1)
            #expect(result.counts.total == 0)
        }
    }

    @Test(arguments: [false, true])
    func `copies of fragments are counted and harm nothing, before and after the datagram is whole`(isIPv6: Bool) {
        let builder = builder(isIPv6: isIPv6)
        let parts = fragments(builder, size: 128)
        let result = Decapsulation(parts.flatMap { [$0, $0] })
        #expect(result.isExactly(builder))
        #expect(result.counts[.fragmentDuplicate] == UInt64(parts.count) && result.counts.total == UInt64(parts.count))
        let later = Decapsulation(parts + parts)
        #expect(later.isExactly(builder))
        #expect(later.counts[.fragmentDuplicate] == UInt64(parts.count))
    }

    @Test func `another datagram of the same identification is another datagram`() {
        var other = builder()
        other.payload.reverse()
        let parts = fragments(builder(), size: 128)
        let result = Decapsulation(parts + fragments(other, size: 128))
        #expect(result.found.map(\.payload) == [builder().payload, other.payload])
        #expect(result.counts.total == 0)
    }

    @Test func `what was lost long before does not mix with another datagram of the same identification`() {
        var other = builder()
        other.payload.reverse()
        let lost = fragments(builder(), size: 400)[0]
        // Of each of the others, one fragment is missing too.
        func between(_ count: Int) -> [[UInt8]] {
            (0..<count).map { number in
                Wrapping.fragments(of: builder().ethernet, size: 400, identification: UInt16(1000 + number))[0]
            }
        }
        let far = Decapsulation([lost] + between(65) + fragments(other, size: 400))
        #expect(far.found.map(\.payload) == [other.payload])
        // The rest of a datagram may come late.
        let near = Decapsulation([lost] + between(60) + [fragments(builder(), size: 400)[1]])
        #expect(near.found.map(\.payload) == [builder().payload])
        // What goes to others does not count: each receiver puts together what comes to it.
        let elsewhere = between(200).map { frame in
            var frame = frame
            frame[33] ^= 0x55
            return frame
        }
        let crowded = Decapsulation([lost] + elsewhere + [fragments(builder(), size: 400)[1]])
        #expect(crowded.found.map(\.payload) == [builder().payload])
    }

    @Test func `IPv4 fragments may overlap with equal bytes, as when copies were cut differently`() {
        let builder = builder()
        let mixed = [fragments(builder, size: 128), fragments(builder, size: 200)].flatMap { $0 }
        var generator = SeededGenerator(seed: 9)
        for _ in 0..<50 {
            let result = Decapsulation(mixed.shuffled(using: &generator))
            #expect(!result.found.isEmpty && result.found.allSatisfy { $0.payload == builder.payload })
        }
    }

    @Test func `IPv4 fragments that overlap with other bytes spoil their datagram`() {
        var parts = fragments(builder(), size: 128)
        var other = parts[1]
        other[40] ^= 1
        parts.insert(other, at: 2)
        let result = Decapsulation(parts)
        #expect(result.found.isEmpty)
        #expect(result.counts[.fragmentOverlap] == UInt64(parts.count))
    }

    @Test func `IPv6 fragments that overlap spoil their datagram, with those to come (RFC 5722)`() {
        let builder = builder(isIPv6: true)
        let parts = fragments(builder, size: 128)
        // The same bytes, cut elsewhere.
        let other = Wrapping.fragments6(of: builder.ethernet, size: 64)[1]
        let result = Decapsulation([parts[0], other] + parts[1...])
        #expect(result.found.isEmpty)
        #expect(result.counts[.fragmentOverlap] == UInt64(parts.count + 1))
    }

    @Test func `fragments of what is neither TCP nor a tunnel are not kept`() {
        let payload = Array(repeating: UInt8(1), count: 400)
        for number in [UInt8(1), 50, 132] {
            let frame = Wrapping.ethernet(0x0800, Wrapping.ipv4(number, payload))
            let result = Decapsulation(Wrapping.fragments(of: frame, size: 128))
            #expect(result.held == 0 && result.counts[.fragmentNotTCP] == 4)
        }
        // UDP is known for a tunnel, or not, by its first fragment; in any order.
        let parts = Wrapping.fragments(of: Wrapping.udpFrame(to: 53, payload), size: 128)
        for order in [parts, parts.reversed()] {
            #expect(Decapsulation(order).counts[.fragmentNotTCP] == UInt64(parts.count))
        }
        #expect(Decapsulation(parts).held == 0)
    }

    @Test(arguments: [false, true])
    func `fragments of a tunnel's packets are put together, and of packets within a tunnel, and both`(isIPv6: Bool) {
        let builder = builder(1_000, isIPv6: isIPv6)
        let tunnel = Wrapping.udpFrame(to: 4789, Wrapping.vxlan(42, builder.ethernet))
        #expect(Decapsulation(Wrapping.fragments(of: tunnel, size: 512)).isExactly(builder))
        let inner = fragments(builder, size: 400).map { Wrapping.udpFrame(to: 4789, Wrapping.vxlan(42, $0)) }
        #expect(Decapsulation(inner).isExactly(builder))
        let both = inner.enumerated().flatMap { index, frame in
            Wrapping.fragments(of: frame, size: 128, identification: UInt16(100 + index))
        }
        let result = Decapsulation(both.reversed())
        #expect(result.isExactly(builder))
        #expect(result.counts.total == 0)
    }

    @Test func `equal identifications in two overlays are two datagrams, tenants told apart or not`() {
        var other = builder()
        other.payload.reverse()
        let one = fragments(builder(), size: 256).map { Wrapping.udpFrame(to: 4789, Wrapping.vxlan(1, $0)) }
        let two = fragments(other, size: 256).map { Wrapping.udpFrame(to: 4789, Wrapping.vxlan(2, $0)) }
        let result = Decapsulation(zip(one, two).flatMap { [$0, $1] })
        #expect(result.found.map(\.payload) == [builder().payload, other.payload])
    }

    @Test func `extension headers behind the fragment header are skipped`() {
        var builder = builder(isIPv6: true)
        let plain = builder
        builder.extensions = [(60, [0, 0, 1, 4, 0, 0, 0, 0])]
        // Fragments6 takes the first number of the chain for the payload's.
        #expect(Decapsulation(fragments(builder, size: 128)).isExactly(plain))
    }

    @Test func `a datagram that never becomes whole is given up in time, and at the capture's end`() {
        let parts = fragments(builder(), size: 128)
        let late = Decapsulation([parts[0], parts[1], parts[2], parts[3], parts[4]], step: 16_000_000_000)
        #expect(late.found.isEmpty && late.counts[.fragmentIncomplete] == 5)
        let cut = Decapsulation(Array(parts[1...]))
        #expect(cut.counts[.fragmentIncomplete] == UInt64(parts.count - 1))
        #expect(Decapsulation(Array(parts[1...]), finishes: false).counts.total == 0)
    }

    @Test func `every bound on fragments is kept, and what it costs is named`() {
        let parts = fragments(builder(), size: 128)
        var options = DecapsulatorOptions()
        options.limits.fragments.datagramsMax = 4
        let many = (0..<10).map { number -> [UInt8] in
            Wrapping.fragments(of: builder().ethernet, size: 128, identification: UInt16(number))[0]
        }
        var result = Decapsulation(many, options: options)
        #expect(result.counts[.fragmentLimit] == 6 && result.counts[.fragmentIncomplete] == 4)
        options = DecapsulatorOptions()
        options.limits.fragments.bytesMax = 1_000
        result = Decapsulation(many, options: options)
        #expect(result.counts[.fragmentLimit] >= 3 && result.counts.total == 10)
        options = DecapsulatorOptions()
        options.limits.fragments.fragmentsPerDatagramMax = 3
        result = Decapsulation(parts, options: options)
        #expect(result.found.isEmpty && result.counts[.fragmentLimit] == UInt64(parts.count))
    }

    @Test func `offsets and lengths that cannot be are named`() {
        let parts = fragments(builder(), size: 128)
        // Not the last, and no multiple of 8.
        var odd = parts[0]
        odd.removeLast(3)
        odd.replaceSubrange(16..<18, with: be16(UInt16(odd.count - 14)))
        #expect(Decapsulation([odd]).faults == [.badFragment])
        // Beyond any datagram.
        var far = parts[1]
        far.replaceSubrange(20..<22, with: be16(0x1FFF))
        #expect(Decapsulation([far]).faults == [.badFragment])
        // Behind the end that another stated.
        var behind = parts[1]
        behind.replaceSubrange(20..<22, with: be16(0x2000 | 300))
        #expect(Decapsulation([parts[4], behind]).counts[.badFragment] == 2)
        #expect(Decapsulation([behind, parts[4]]).counts[.badFragment] == 2)
        // Snapped.
        #expect(Decapsulation([Array(parts[0].dropLast(20))]).faults == [.fragmentSnapped])
    }

    @Test func `every frame is a segment, a part of a datagram that gave one, or a counted fault`() {
        var generator = SeededGenerator(seed: 21)
        var frames: [[UInt8]] = []
        for number in 0..<300 {
            let builder = builder(Int.random(in: 0...900, using: &generator), isIPv6: number % 3 == 0)
            let size = 8 * Int.random(in: 4...40, using: &generator)
            let parts =
                builder.isIPv4
                ? Wrapping.fragments(of: builder.ethernet, size: size, identification: UInt16(number % 40))
                : Wrapping.fragments6(of: builder.ethernet, size: size, identification: UInt32(number % 40))
            frames += parts.filter { _ in Int.random(in: 0..<10, using: &generator) > 0 }
        }
        frames.shuffle(using: &generator)
        var decapsulator = Decapsulator()
        var segments: UInt64 = 0
        var plain: UInt64 = 0
        var afterwards: UInt64 = 0
        for (index, frame) in frames.enumerated() {
            let outcome = decapsulator.decode(
                frame.span.bytes, linkType: .ethernet, wireLength: frame.count, time: UInt64(index) * 10_000_000)
            switch outcome {
            case .segment: plain += 1
            case .reassembled: segments += 1
            // A datagram whose parts are of several packets is whole, but need not be TCP: its frames are used already.
            case .fault(.badDataOffset), .fault(.badLength), .fault(.truncatedHeader): afterwards += 1
            case .held, .fault: break
            }
        }
        decapsulator.finish()
        #expect(decapsulator.waitingFragments == 0)
        #expect(
            plain + decapsulator.reassembledFragments + decapsulator.faults.total - afterwards == UInt64(frames.count))
        #expect(decapsulator.reassembledDatagrams == segments + afterwards)
    }
}
