internal import Packets

/// What the header of a pcap file settles for its records (draft-ietf-opsawg-pcap §4).
struct PcapHeader: BitwiseCopyable {
    /// Which of the magic numbers a file begins with.
    struct Magic: BitwiseCopyable {
        /// True when the file was written in big-endian order.
        var isBigEndian: Bool
        /// Nanoseconds in a unit of the timestamp's second word: 1 or 1,000.
        var fractionNanoseconds: UInt64
        /// Bytes of a record's header: 16, or 24 in the "modified" format, whose eight more name an interface.
        var recordHeaderLength: Int

        /// The magic that the first four bytes, read as a big-endian word, are; nil when they are none.
        init?(bigEndianWord word: UInt32) {
            for isBigEndian in [true, false] {
                let magic = isBigEndian ? word : word.byteSwapped
                let properties: (fraction: UInt64, header: Int)? =
                    switch magic {
                    case 0xA1B2_C3D4: (1_000, 16)
                    case 0xA1B2_3C4D: (1, 16)
                    case 0xA1B2_CD34: (1_000, 24)
                    default: nil
                    }
                if let properties {
                    self.isBigEndian = isBigEndian
                    fractionNanoseconds = properties.fraction
                    recordHeaderLength = properties.header
                    return
                }
            }
            return nil
        }
    }

    /// In which order a record states its two lengths.
    enum LengthOrder: BitwiseCopyable {
        /// Captured, then wire: version 2.4.
        case capturedFirst
        /// Wire, then captured: before version 2.3.
        case wireFirst
        /// Version 2.3 came in both orders: the smaller one is the captured length.
        case smallerFirst
    }

    /// Bytes of the file header.
    static let length = 24

    var magic: Magic
    var lengthOrder: LengthOrder
    var linkType: LinkType
    var snapLength: UInt32

    /// The header of a version that is not known.
    struct UnknownVersion: Error {
        var major: UInt16
        var minor: UInt16
    }

    /// Reads the 24 bytes of the file header.
    init(_ bytes: borrowing RawSpan, _ magic: Magic) throws(UnknownVersion) {
        let order = ByteOrder(isBigEndian: magic.isBigEndian)
        let major = order.load16(bytes, at: 4)
        let minor = order.load16(bytes, at: 6)
        guard major == 2, minor <= 4 else { throw UnknownVersion(major: major, minor: minor) }
        lengthOrder = minor == 4 ? .capturedFirst : minor == 3 ? .smallerFirst : .wireFirst
        self.magic = magic
        snapLength = order.load32(bytes, at: 16)
        // The upper half holds the length of a frame check sequence and reserved bits.
        linkType = LinkType(rawValue: UInt16(truncatingIfNeeded: order.load32(bytes, at: 20)))
    }

    /// Time, captured length and wire length from a record's header.
    @inline(__always)
    func record(_ bytes: borrowing RawSpan) -> (time: UInt64, captured: UInt32, wire: UInt32) {
        let order = ByteOrder(isBigEndian: magic.isBigEndian)
        let seconds = UInt64(order.load32(bytes, at: 0))
        let fraction = UInt64(order.load32(bytes, at: 4))
        let first = order.load32(bytes, at: 8)
        let second = order.load32(bytes, at: 12)
        let isSwapped =
            switch lengthOrder {
            case .capturedFirst: false
            case .wireFirst: true
            case .smallerFirst: first > second
            }
        // 2^32 seconds and 2^32 milliseconds fit in 63 bits of nanoseconds.
        return (
            seconds &* 1_000_000_000 &+ fraction &* magic.fractionNanoseconds, isSwapped ? second : first,
            isSwapped ? first : second
        )
    }
}

/// The byte order in which a file, or a section of one, was written.
struct ByteOrder: BitwiseCopyable {
    /// True when it is not this machine's.
    private let isSwapped: Bool

    init(isBigEndian: Bool) { isSwapped = isBigEndian != (UInt16(1).bigEndian == 1) }

    @inline(__always)
    func load16(_ bytes: borrowing RawSpan, at offset: Int) -> UInt16 {
        let value = bytes.native(offset, as: UInt16.self)
        return isSwapped ? value.byteSwapped : value
    }

    @inline(__always)
    func load32(_ bytes: borrowing RawSpan, at offset: Int) -> UInt32 {
        let value = bytes.native(offset, as: UInt32.self)
        return isSwapped ? value.byteSwapped : value
    }

    @inline(__always)
    func load64(_ bytes: borrowing RawSpan, at offset: Int) -> UInt64 {
        let value = bytes.native(offset, as: UInt64.self)
        return isSwapped ? value.byteSwapped : value
    }
}
