/// Writes captures for tests, block by block, in either byte order.
struct CaptureBuilder {
    var isBigEndian = false
    var bytes: [UInt8] = []

    func u16(_ value: UInt16) -> [UInt8] {
        let pair = [UInt8(value >> 8), UInt8(truncatingIfNeeded: value)]
        return isBigEndian ? pair : pair.reversed()
    }

    func u32(_ value: UInt32) -> [UInt8] {
        let word = (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * UInt32($0))) }
        return isBigEndian ? word : word.reversed()
    }

    func u64(_ value: UInt64) -> [UInt8] {
        let word = (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * UInt64($0))) }
        return isBigEndian ? word : word.reversed()
    }

    // pcap

    mutating func pcapHeader(
        magic: UInt32 = 0xA1B2_C3D4, version: (UInt16, UInt16) = (2, 4), snapLength: UInt32 = 262_144,
        linkType: UInt32 = 1
    ) {
        bytes += u32(magic) + u16(version.0) + u16(version.1) + u32(0) + u32(0) + u32(snapLength) + u32(linkType)
    }

    mutating func pcapRecord(
        _ seconds: UInt32, _ fraction: UInt32, _ data: [UInt8], wireLength: UInt32? = nil, extra: [UInt8] = []
    ) {
        bytes += u32(seconds) + u32(fraction) + u32(UInt32(data.count)) + u32(wireLength ?? UInt32(data.count))
        bytes += extra + data
    }

    // pcapng

    mutating func block(_ type: UInt32, _ body: [UInt8]) {
        let padded = body + Array(repeating: 0, count: (4 - body.count % 4) % 4)
        let length = UInt32(padded.count + 12)
        bytes += u32(type) + u32(length) + padded + u32(length)
    }

    func option(_ code: UInt16, _ value: [UInt8]) -> [UInt8] {
        u16(code) + u16(UInt16(value.count)) + value + Array(repeating: 0, count: (4 - value.count % 4) % 4)
    }

    mutating func section(major: UInt16 = 1, minor: UInt16 = 0, options: [UInt8] = []) {
        block(0x0A0D_0D0A, u32(0x1A2B_3C4D) + u16(major) + u16(minor) + u64(.max) + options)
    }

    mutating func interface(linkType: UInt16 = 1, snapLength: UInt32 = 262_144, options: [UInt8] = []) {
        block(1, u16(linkType) + u16(0) + u32(snapLength) + options)
    }

    mutating func enhanced(
        _ interface: UInt32, _ ticks: UInt64, _ data: [UInt8], wireLength: UInt32? = nil, options: [UInt8] = []
    ) {
        let padding = [UInt8](repeating: 0, count: (4 - data.count % 4) % 4)
        block(
            6,
            u32(interface) + u32(UInt32(ticks >> 32)) + u32(UInt32(truncatingIfNeeded: ticks))
                + u32(UInt32(data.count)) + u32(wireLength ?? UInt32(data.count)) + data + padding + options)
    }

    mutating func simple(_ data: [UInt8], wireLength: UInt32? = nil) {
        block(3, u32(wireLength ?? UInt32(data.count)) + data)
    }

    mutating func obsolete(_ interface: UInt16, drops: UInt16, _ ticks: UInt64, _ data: [UInt8]) {
        block(
            2,
            u16(interface) + u16(drops) + u32(UInt32(ticks >> 32)) + u32(UInt32(truncatingIfNeeded: ticks))
                + u32(UInt32(data.count)) + u32(UInt32(data.count)) + data)
    }

    mutating func statistics(_ interface: UInt32, options: [UInt8]) {
        block(5, u32(interface) + u32(0) + u32(0) + options)
    }
}

/// A packet of `count` bytes that tells itself from others.
func packet(_ number: Int, _ count: Int = 60) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ number &* 13) }
}
