import Packets
import Testing

@Suite struct TenantTests {
    private let frame = FrameBuilder().ethernet

    private func tenants(_ frames: [[UInt8]], limit: Int = 65_536) -> Decapsulation {
        var options = DecapsulatorOptions()
        options.separatesTenants = true
        options.limits.tenantsMax = limit
        return Decapsulation(frames, options: options)
    }

    private func overlay(_ network: UInt32, _ frame: [UInt8]) -> [UInt8] {
        Wrapping.udpFrame(to: 4789, Wrapping.vxlan(network, frame))
    }

    @Test func `every chain of VLAN and network has a tenant of its own, in the order of appearance`() {
        let tagged = Wrapping.tagged(frame, 0x8100, vlan: 42)
        let frames = [
            frame, tagged, overlay(42, frame), overlay(42, tagged),
            Wrapping.tagged(overlay(42, frame), 0x8100, vlan: 42),
            Wrapping.udpFrame(to: 6081, Wrapping.geneve(43, 0x6558, frame)),
            Wrapping.greFrame(0x2000, 0x6558, fields: be32(0x00AB_CD_07), frame),
        ]
        // A chain's beginning takes a number too, so these are not dense.
        let first = tenants(frames).found.map(\.tenant)
        #expect(first[0] == 0)
        #expect(Set(first).count == frames.count)
        #expect(tenants(frames + frames).found.map(\.tenant) == first + first)
    }

    @Test func `off, every chain is one tenant`() {
        let frames = [frame, overlay(42, frame), Wrapping.tagged(frame, 0x8100, vlan: 7)]
        #expect(Decapsulation(frames).found.map(\.tenant) == [0, 0, 0])
    }

    @Test func `what differs by direction or path is no tenant`() {
        let frames = [
            Wrapping.ethernet(0x8847, Wrapping.label(16, isBottom: true) + FrameBuilder().datagram),
            Wrapping.tagged(frame, 0x8100, vlan: 0),
            Wrapping.greFrame(0x2000, 0x0800, fields: be32(99_999), FrameBuilder().datagram),
            // NVGRE's flow id is the lower 8 bits, ERSPAN's session is its own.
            Wrapping.greFrame(0x2000, 0x6558, fields: be32(7), frame),
            Wrapping.greFrame(0x1000, 0x88BE, fields: be32(9) + be32(0x1064_004D) + be32(5), frame),
            overlay(0, frame),
        ]
        #expect(tenants(frames).found.map(\.tenant) == Array(repeating: 0, count: frames.count))
    }

    @Test func `the tag that ERSPAN took off counts as if it were there`() {
        let stripped = Wrapping.greFrame(0x1000, 0x88BE, fields: be32(9) + be32(0x1064_104D) + be32(5), frame)
        let result = tenants([stripped, Wrapping.tagged(frame, 0x8100, vlan: 0x64)])
        #expect(result.found.map(\.tenant) == [1, 1])
    }

    @Test func `more tenants than the table has room for are refused by name, and never mixed`() {
        let frames = (1...6).map { overlay($0, frame) }
        let result = tenants(frames + frames, limit: 4)
        #expect(result.found.map(\.tenant) == [1, 2, 3, 4, 1, 2, 3, 4])
        #expect(result.counts[.tooManyTenants] == 4)
    }
}
