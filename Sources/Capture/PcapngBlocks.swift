internal import Packets

/// The block types of pcapng that are understood (draft-ietf-opsawg-pcapng §4, §11.1).
enum PcapngBlock {
    static let interfaceDescription: UInt32 = 1
    /// Obsolete.
    static let packet: UInt32 = 2
    static let simplePacket: UInt32 = 3
    static let interfaceStatistics: UInt32 = 5
    static let enhancedPacket: UInt32 = 6
    static let decryptionSecrets: UInt32 = 10
    /// The same in both byte orders.
    static let sectionHeader: UInt32 = 0x0A0D_0D0A

    /// Bytes of a block without a body: type, length, and length again.
    static let emptyLength = 12
    /// Bytes of a Section Header Block without options.
    static let sectionHeaderLength = 28

    /// Fails unless `bytes`, a whole block, has room for `expected` bytes, the length behind them included.
    @inline(__always)
    static func check(_ bytes: borrowing RawSpan, type: UInt32, holds expected: Int) throws(CaptureFault.Kind) {
        guard bytes.byteCount >= expected else {
            throw .blockTooShort(type: type, length: UInt64(bytes.byteCount), expected: UInt64(expected))
        }
    }
}

/// What a Section Header Block settles for its section (§4.1).
struct PcapngSection: BitwiseCopyable {
    /// Byte order of everything in the section.
    var order: ByteOrder
    /// Index in the file of the section's first interface.
    var firstInterface: Int

    /// What holds before the first section, or in a pcap file: nothing that is ever used.
    static let none = PcapngSection()

    private init() {
        order = ByteOrder(isBigEndian: false)
        firstInterface = 0
    }

    /// Reads the first 28 bytes of the block.
    init(_ bytes: borrowing RawSpan, firstInterface: Int) throws(CaptureFault.Kind) {
        switch bytes.network32(8) {
        case 0x1A2B_3C4D: order = ByteOrder(isBigEndian: true)
        case 0x4D3C_2B1A: order = ByteOrder(isBigEndian: false)
        default: throw .badByteOrderMagic(bytes.network32(8))
        }
        let major = order.load16(bytes, at: 12)
        let minor = order.load16(bytes, at: 14)
        // §4.1: 1.2 was written by mistake and means 1.0; other minor versions are not known.
        guard major == 1, minor == 0 || minor == 2 else { throw .unsupportedVersion(major: major, minor: minor) }
        self.firstInterface = firstInterface
    }
}

/// The options behind a block's fixed part (§3.5).
struct PcapngOptions: BitwiseCopyable {
    private var offset: Int
    private let end: Int
    private let order: ByteOrder
    /// True when an option runs out of the block: what follows cannot be read.
    private(set) var isDamaged = false

    struct Option: BitwiseCopyable {
        var code: UInt16
        var offset: Int
        var length: Int
    }

    /// The options of `block`, a whole one, that begin at `offset`.
    init(_ block: borrowing RawSpan, at offset: Int, _ order: ByteOrder) {
        self.offset = offset
        // The block's last four bytes are its length.
        end = block.byteCount &- 4
        self.order = order
    }

    /// The next option; nil behind the last and at damage.
    mutating func next(_ block: borrowing RawSpan) -> Option? {
        guard end &- offset >= 4 else { return nil }
        let option = Option(
            code: order.load16(block, at: offset), offset: offset &+ 4,
            length: Int(order.load16(block, at: offset &+ 2)))
        if option.code == 0 { return nil }
        guard end &- option.offset >= option.length else {
            isDamaged = true
            return nil
        }
        // Values are padded to a multiple of four bytes; the last one's padding may reach the end.
        offset = option.offset &+ (option.length &+ 3) & ~3
        return option
    }
}

/// What an Interface Description Block says (§4.2).
struct PcapngInterface {
    var linkType: LinkType
    var snapLength: UInt32
    var scale = TimestampScale.microseconds
    var name: String?

    /// Reads a whole block.
    init(_ block: borrowing RawSpan, _ order: ByteOrder) throws(CaptureFault.Kind) {
        try PcapngBlock.check(block, type: PcapngBlock.interfaceDescription, holds: 20)
        linkType = LinkType(rawValue: order.load16(block, at: 8))
        snapLength = order.load32(block, at: 12)
        var options = PcapngOptions(block, at: 16, order)
        while let option = options.next(block) {
            switch (option.code, option.length) {
            case (2, _):
                let bytes = (option.offset..<(option.offset &+ option.length)).map { block.byte($0) }
                name = String(decoding: bytes, as: UTF8.self)
            case (9, 1): scale.unit = TimestampScale.unit(resolution: block.byte(option.offset))
            case (14, 8): scale.offsetSeconds = Int64(bitPattern: order.load64(block, at: option.offset))
            // Without these the times would be silently wrong.
            case (9, _), (14, _): throw .badOptions(type: PcapngBlock.interfaceDescription)
            default: break
            }
        }
        if options.isDamaged { throw .badOptions(type: PcapngBlock.interfaceDescription) }
    }
}

/// What a packet's block says, of any of the three kinds (§4.3, §4.4, appendix A).
struct PcapngPacket: BitwiseCopyable {
    /// Index within the section.
    var interface: UInt32
    /// Time in the interface's scale; nil when the block has none.
    var ticks: UInt64?
    var capturedLength: UInt32
    var wireLength: UInt32
    /// Offset in the block of the packet's first byte.
    var dataOffset: Int
    /// Packets lost in front of this one.
    var droppedBefore: UInt64 = 0

    /// Reads a whole Enhanced Packet Block, or a Packet Block, which differs in its first word only.
    @inline(__always)
    init(_ block: borrowing RawSpan, type: UInt32, _ order: ByteOrder) throws(CaptureFault.Kind) {
        try PcapngBlock.check(block, type: type, holds: 32)
        ticks = UInt64(order.load32(block, at: 12)) << 32 | UInt64(order.load32(block, at: 16))
        capturedLength = order.load32(block, at: 20)
        wireLength = order.load32(block, at: 24)
        dataOffset = 28
        try PcapngBlock.check(block, type: type, holds: 32 &+ Int(capturedLength))
        if type == PcapngBlock.enhancedPacket {
            interface = order.load32(block, at: 8)
        } else {
            interface = UInt32(order.load16(block, at: 8))
            let drops = order.load16(block, at: 10)
            // All ones: not known.
            if drops != .max { droppedBefore = UInt64(drops) }
        }
        let optionsOffset = 28 &+ (Int(capturedLength) &+ 3) & ~3
        if optionsOffset &+ 4 < block.byteCount { readDropCount(block, at: optionsOffset, order) }
    }

    /// Damage among a packet's options harms nothing but the counters: the packet itself was read.
    private mutating func readDropCount(_ block: borrowing RawSpan, at offset: Int, _ order: ByteOrder) {
        var options = PcapngOptions(block, at: offset, order)
        while let option = options.next(block) {
            if option.code == 4, option.length == 8 { droppedBefore = order.load64(block, at: option.offset) }
        }
    }

    /// Reads a whole Simple Packet Block, of an interface with this snap length.
    init(simple block: borrowing RawSpan, snapLength: UInt32, _ order: ByteOrder) throws(CaptureFault.Kind) {
        try PcapngBlock.check(block, type: PcapngBlock.simplePacket, holds: 16)
        interface = 0
        ticks = nil
        wireLength = order.load32(block, at: 8)
        capturedLength = snapLength == 0 ? wireLength : min(wireLength, snapLength)
        dataOffset = 12
        try PcapngBlock.check(block, type: PcapngBlock.simplePacket, holds: 16 &+ Int(capturedLength))
    }
}

/// What a Decryption Secrets Block holds (§4.7).
struct PcapngSecrets {
    var type: UInt32
    var bytes: [UInt8]

    /// Reads a whole block.
    init?(_ block: borrowing RawSpan, _ order: ByteOrder) {
        guard block.byteCount >= 20 else { return nil }
        type = order.load32(block, at: 8)
        let length = Int(order.load32(block, at: 12))
        guard block.byteCount >= 20 &+ length else { return nil }
        bytes = (16..<16 &+ length).map { block.byte($0) }
    }
}

/// What an Interface Statistics Block says of drops (§4.6).
struct PcapngDrops: BitwiseCopyable {
    /// Index within the section.
    var interface: UInt32
    var byInterface: UInt64?
    var bySystem: UInt64?

    /// Reads a whole block.
    init(_ block: borrowing RawSpan, _ order: ByteOrder) throws(CaptureFault.Kind) {
        try PcapngBlock.check(block, type: PcapngBlock.interfaceStatistics, holds: 24)
        interface = order.load32(block, at: 8)
        var options = PcapngOptions(block, at: 20, order)
        while let option = options.next(block) {
            switch (option.code, option.length) {
            case (5, 8): byInterface = order.load64(block, at: option.offset)
            case (7, 8): bySystem = order.load64(block, at: option.offset)
            default: break
            }
        }
    }
}
