internal import Blocks

/// One record as a frame's header and a segment's footer describe it.
///
/// The same bytes stand in both places: a footer is the descriptors of all frames once more, in order.
struct RecordDescriptor: Hashable {
    /// Types known to this release; a reader skips others by their length.
    enum Kind: Hashable {
        case block(Fingerprint)
        case catalogPut(table: UInt8, keyLength: UInt32)
        case catalogDelete(table: UInt8)
        case other(type: UInt8)
    }

    var kind: Kind
    var codec: UInt8 = BlockLocation.rawCodec
    var flags: UInt8 = 0
    /// Length of the record before the codec.
    var rawLength: UInt32
    /// Length in the file.
    var storedLength: UInt32
    /// Of the stored bytes.
    var crc32c: UInt32
    /// Offset in the file, so that a descriptor means the same in the frame and in the footer.
    var payloadOffset: UInt64

    static let blockType: UInt8 = 1
    static let catalogPutType: UInt8 = 2
    static let catalogDeleteType: UInt8 = 3

    static let commonBytes = 24
    static let blockBytes = commonBytes + Fingerprint.byteCount
    static let catalogBytes = commonBytes + 8

    /// Length of the encoded form, a multiple of 8.
    var byteCount: Int {
        switch kind {
        case .block: Self.blockBytes
        case .catalogPut, .catalogDelete: Self.catalogBytes
        case .other: Self.commonBytes
        }
    }

    func append(to bytes: inout [UInt8]) {
        let type: UInt8
        switch kind {
        case .block: type = Self.blockType
        case .catalogPut: type = Self.catalogPutType
        case .catalogDelete: type = Self.catalogDeleteType
        case .other(let other): type = other
        }
        bytes.append(type)
        bytes.append(codec)
        bytes.append(flags)
        bytes.append(UInt8(byteCount / 8))
        bytes.appendLittleEndian(rawLength)
        bytes.appendLittleEndian(storedLength)
        bytes.appendLittleEndian(crc32c)
        bytes.appendLittleEndian(payloadOffset)
        switch kind {
        case .block(let fingerprint): fingerprint.append(to: &bytes)
        case .catalogPut(let table, let keyLength): Self.appendCatalogPart(table, keyLength, to: &bytes)
        case .catalogDelete(let table): Self.appendCatalogPart(table, rawLength, to: &bytes)
        case .other: break
        }
    }

    private static func appendCatalogPart(_ table: UInt8, _ keyLength: UInt32, to bytes: inout [UInt8]) {
        bytes.appendLittleEndian(UInt32(table))
        bytes.appendLittleEndian(keyLength)
    }

    /// Reads the descriptor at `offset` of `bytes` and moves `offset` past it; nil when it is none.
    init?(_ bytes: RawSpan, at offset: inout Int) {
        guard bytes.byteCount - offset >= Self.commonBytes else { return nil }
        let length = 8 * Int(bytes.littleEndian(at: offset + 3, as: UInt8.self))
        guard length >= Self.commonBytes, length <= bytes.byteCount - offset else { return nil }
        codec = bytes.littleEndian(at: offset + 1)
        flags = bytes.littleEndian(at: offset + 2)
        rawLength = bytes.littleEndian(at: offset + 4)
        storedLength = bytes.littleEndian(at: offset + 8)
        crc32c = bytes.littleEndian(at: offset + 12)
        payloadOffset = bytes.littleEndian(at: offset + 16)
        switch bytes.littleEndian(at: offset, as: UInt8.self) {
        case Self.blockType:
            guard length >= Self.blockBytes, rawLength > 0, rawLength <= UInt32(BlockSize.range.upperBound) else {
                return nil
            }
            kind = .block(Fingerprint(bytes: bytes, at: offset + Self.commonBytes))
        case let type where type == Self.catalogPutType || type == Self.catalogDeleteType:
            guard length >= Self.catalogBytes else { return nil }
            let table: UInt8 = bytes.littleEndian(at: offset + 24)
            let keyLength: UInt32 = bytes.littleEndian(at: offset + 28)
            guard keyLength > 0, keyLength <= rawLength else { return nil }
            kind =
                type == Self.catalogPutType
                ? .catalogPut(table: table, keyLength: keyLength) : .catalogDelete(table: table)
        case let type: kind = .other(type: type)
        }
        offset += length
    }

    init(
        _ kind: Kind, codec: UInt8 = BlockLocation.rawCodec, rawLength: UInt32, storedLength: UInt32, crc32c: UInt32,
        payloadOffset: UInt64
    ) {
        self.kind = kind
        self.codec = codec
        self.rawLength = rawLength
        self.storedLength = storedLength
        self.crc32c = crc32c
        self.payloadOffset = payloadOffset
    }

    /// True when the payload lies within `range` of the file.
    func isWithin(_ range: Range<UInt64>) -> Bool {
        payloadOffset >= range.lowerBound && payloadOffset <= range.upperBound
            && UInt64(storedLength) <= range.upperBound - payloadOffset
    }
}
