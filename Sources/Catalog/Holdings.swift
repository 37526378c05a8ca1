public import Blocks

/// Part of a block that stands at a place of an object: bytes `skip ..< skip + length` of the block. It comes of
/// server-side copies of ranges; the vault cuts it into a block of its own (see ``RegridWork``), and until then it counts
/// as missing.
public struct BlockSlice: Hashable, Sendable, BitwiseCopyable {
    /// Offset of the first byte within the object.
    public var offset: UInt64
    /// Length in bytes.
    public var length: UInt32
    /// How many bytes of the block come before.
    public var skip: UInt32
    /// The block.
    public var fingerprint: Fingerprint

    /// A slice of its parts.
    public init(offset: UInt64, length: UInt32, skip: UInt32, fingerprint: Fingerprint) {
        self.offset = offset
        self.length = length
        self.skip = skip
        self.fingerprint = fingerprint
    }

    /// One past the last byte.
    public var end: UInt64 { offset + UInt64(length) }
}

/// What is held of a run of bytes (a version or a part), and what is known of the rest.
///
/// The extents themselves are here while they are few; more of them lie in pages of the table `manifests`.
public struct Holdings: Hashable, Sendable {
    /// The bytes that are held: the union of all extents.
    public internal(set) var covered = RangeSet()
    /// Why bytes that are not held are missing.
    public internal(set) var reported = ReportedGaps()
    /// Pieces of blocks that are to be cut into blocks of their own.
    public internal(set) var slices: [BlockSlice] = []
    /// The extents, sorted by offset, when they are not in pages.
    var inlineExtents: [Extent] = []
    /// How many bytes of the object a page of extents spans; 0 while the extents are in the record.
    public internal(set) var pageSpan: UInt64 = 0
    /// Number of extents held.
    public internal(set) var extentCount: UInt64 = 0

    /// Nothing held.
    public init() {}

    /// True when the extents lie in pages.
    public var isPaged: Bool { pageSpan != 0 }
}

extension Holdings {
    func encode(as field: Int, into encoder: inout RecordEncoder) {
        encoder.message(field) { encoder in
            covered.encode(as: 1, into: &encoder)
            reported.encode(as: 2, into: &encoder)
            for slice in slices {
                encoder.message(3) { encoder in
                    encoder.number(1, slice.offset)
                    encoder.number(2, UInt64(slice.length))
                    encoder.number(3, UInt64(slice.skip))
                    encoder.fingerprint(4, slice.fingerprint)
                }
            }
            for extent in inlineExtents { encoder.extent(4, extent) }
            encoder.number(5, pageSpan)
            encoder.number(6, extentCount)
        }
    }

    init(decoding decoder: RecordDecoder) throws(CatalogError) {
        var decoder = decoder
        while let field = try decoder.next() {
            switch field.number {
            case 1: covered = try RangeSet(decoding: try decoder.message(field))
            case 2: reported = try ReportedGaps(decoding: try decoder.message(field))
            case 3: slices.append(try BlockSlice(decoding: try decoder.message(field)))
            case 4: inlineExtents.append(try Extent(decoding: try decoder.message(field), after: inlineExtents.last))
            case 5: pageSpan = try decoder.number(field)
            case 6: extentCount = try decoder.number(field)
            default: break
            }
        }
    }
}

extension BlockSlice {
    init(decoding decoder: RecordDecoder) throws(CatalogError) {
        var decoder = decoder
        self.init(offset: 0, length: 0, skip: 0, fingerprint: Fingerprint(0, 0, 0, 0))
        while let field = try decoder.next() {
            switch field.number {
            case 1: offset = try decoder.number(field)
            case 2: length = try decoder.word32(field)
            case 3: skip = try decoder.word32(field)
            case 4: fingerprint = try decoder.fingerprint(field)
            default: break
            }
        }
        guard length > 0, !offset.addingReportingOverflow(UInt64(length)).overflow,
            !skip.addingReportingOverflow(length).overflow
        else { throw decoder.malformed("a slice that is empty or too far") }
    }
}

extension Extent {
    /// Decodes an extent of a list; `previous` is the one before, which must not lie behind it.
    init(decoding decoder: RecordDecoder, after previous: Extent?) throws(CatalogError) {
        var decoder = decoder
        self.init(offset: 0, length: 0, fingerprint: Fingerprint(0, 0, 0, 0))
        while let field = try decoder.next() {
            switch field.number {
            case 1: offset = try decoder.number(field)
            case 2: length = try decoder.word32(field)
            case 3: fingerprint = try decoder.fingerprint(field)
            default: break
            }
        }
        guard length > 0, !offset.addingReportingOverflow(UInt64(length)).overflow else {
            throw decoder.malformed("an extent that is empty or too far")
        }
        guard previous.map({ $0.offset <= offset }) ?? true else { throw decoder.malformed("extents out of order") }
    }
}

extension RecordEncoder {
    mutating func extent(_ field: Int, _ extent: Extent) {
        message(field) { encoder in
            encoder.number(1, extent.offset)
            encoder.number(2, UInt64(extent.length))
            encoder.fingerprint(3, extent.fingerprint)
        }
    }

    mutating func fingerprint(_ field: Int, _ fingerprint: Fingerprint) {
        words(field, fingerprint.word0, fingerprint.word1, fingerprint.word2, fingerprint.word3)
    }
}

extension RecordDecoder {
    func fingerprint(_ field: Field) throws(CatalogError) -> Fingerprint {
        let (word0, word1, word2, word3) = try words(field)
        return Fingerprint(word0, word1, word2, word3)
    }

    func word32(_ field: Field) throws(CatalogError) -> UInt32 {
        guard let value = UInt32(exactly: try number(field)) else {
            throw malformed("field \(field.number) is too big")
        }
        return value
    }
}

/// A page of a manifest: the extents that begin within one span of the object, sorted by offset.
enum ManifestPage {
    /// How many blocks a page spans. A page of whole blocks is then about 12 KB: small enough to be rewritten when one
    /// range joins, big enough that an object of a terabyte has some ten thousands of them.
    static let blocks: UInt64 = 256

    static func encode(_ extents: [Extent]) -> [UInt8] {
        var encoder = RecordEncoder(capacity: extents.count * 48)
        for extent in extents { encoder.extent(1, extent) }
        return encoder.bytes
    }

    static func decode(_ bytes: [UInt8]) throws(CatalogError) -> [Extent] {
        var decoder = RecordDecoder(bytes, record: "manifest page")
        var extents: [Extent] = []
        while let field = try decoder.next() {
            guard field.number == 1 else { continue }
            extents.append(try Extent(decoding: try decoder.message(field), after: extents.last))
        }
        return extents
    }
}
