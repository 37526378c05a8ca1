public import Blocks

/// The numbers of segment format version 1. Every offset and field is on the format page, docs/storage-format.md.
enum SegmentFormat {
    static let version: UInt32 = 1
    /// Of segments whose frames are encrypted.
    static let encryptedVersion: UInt32 = 2
    /// Frames, the header and large payloads begin at multiples of this, so that they can be written with O_DIRECT.
    static let pageBytes = 4096

    /// "OXBOWSEG" read as a little-endian word.
    static let headerMagic: UInt64 = 0x4745_5357_4F42_584F
    /// "OXFR".
    static let frameMagic: UInt32 = 0x5246_584F
    /// "OXBOWEND".
    static let trailerMagic: UInt64 = 0x444E_4557_4F42_584F

    static let frameHeaderBytes = 96
    static let trailerBytes = 96
    /// Where the CRC stands in the frame header and in the trailer, in every version.
    static let checksumOffset = 92

    /// Kinds of frames.
    static let dataFrame: UInt16 = 1
    static let footerFrame: UInt16 = 2

    static func roundedUp(_ bytes: Int) -> Int { (bytes + pageBytes - 1) & ~(pageBytes - 1) }
    static func roundedUp(_ bytes: UInt64) -> UInt64 { (bytes &+ UInt64(pageBytes - 1)) & ~UInt64(pageBytes - 1) }

    /// True for payloads that begin on a page of their own: those for which padding costs at most an eighth.
    static func isPageAligned(_ storedLength: Int) -> Bool {
        (roundedUp(storedLength) - storedLength) * 8 <= storedLength
    }
}

/// The first page of a segment file: whose it is, and how to read it.
public struct SegmentHeader: Hashable, Sendable {
    /// The vault it belongs to.
    public var vault: VaultID
    /// Its number, which is also its name; never used twice in a vault.
    public var number: UInt64
    /// The run that wrote it, for people who ask.
    public var writer: UInt64
    /// When it was created, nanoseconds since 1970 UTC.
    public var createdTime: UInt64
    /// The vault's block size.
    public var blockSize: BlockSize
    /// True when everything behind this page is encrypted, but for the frames' headers.
    public var isEncrypted: Bool

    /// A header of its parts.
    public init(
        vault: VaultID, number: UInt64, writer: UInt64, createdTime: UInt64, blockSize: BlockSize,
        isEncrypted: Bool = false
    ) {
        self.isEncrypted = isEncrypted
        self.vault = vault
        self.number = number
        self.writer = writer
        self.createdTime = createdTime
        self.blockSize = blockSize
    }

    /// Offset of a segment's first frame.
    public static let byteCount = SegmentFormat.pageBytes

    /// Version of the page, the frames and the trailer.
    var version: UInt32 { isEncrypted ? SegmentFormat.encryptedVersion : SegmentFormat.version }

    /// The page as it stands in the file.
    func encoded() -> [UInt8] {
        var page: [UInt8] = []
        page.reserveCapacity(SegmentFormat.pageBytes)
        page.appendLittleEndian(SegmentFormat.headerMagic)
        page.appendLittleEndian(version)
        page.appendLittleEndian(UInt32(SegmentFormat.pageBytes))
        vault.append(to: &page)
        page.appendLittleEndian(number)
        page.appendLittleEndian(writer)
        page.appendLittleEndian(createdTime)
        page.appendLittleEndian(UInt32(blockSize.bytes))
        page.pad(to: SegmentFormat.pageBytes - 4)
        page.appendLittleEndian(unsafe CRC32C.of(page.span.bytes))
        return page
    }

    /// Reads the first page of the file at `path`.
    init(page: [UInt8], path: String) throws(StorageError) {
        guard page.count >= SegmentFormat.pageBytes else {
            throw .notASegment(path: path, reason: "it has \(page.count) bytes, a segment begins with a page of 4096")
        }
        let bytes = unsafe page.span.bytes
        guard bytes.littleEndian(at: 0) == SegmentFormat.headerMagic else {
            throw .notASegment(path: path, reason: "it does not begin with OXBOWSEG")
        }
        // The checksum is at the same place in every version, so a damaged version number is not taken for a new one.
        let checksum = CRC32C.of(bytes.extracting(0..<SegmentFormat.pageBytes - 4))
        guard bytes.littleEndian(at: SegmentFormat.pageBytes - 4) == checksum else {
            throw .damaged(path: path, offset: 0, reason: "the header page does not match its checksum")
        }
        let version = bytes.littleEndian(at: 8, as: UInt32.self)
        guard version == SegmentFormat.version || version == SegmentFormat.encryptedVersion else {
            throw .unsupportedVersion(
                path: path, offset: 0, found: Int(version), supported: Int(SegmentFormat.encryptedVersion))
        }
        isEncrypted = version == SegmentFormat.encryptedVersion
        vault = VaultID(bytes: bytes, at: 16)
        number = bytes.littleEndian(at: 32)
        writer = bytes.littleEndian(at: 40)
        createdTime = bytes.littleEndian(at: 48)
        do throws(BlocksError) {
            blockSize = try BlockSize(bytes: Int(bytes.littleEndian(at: 56, as: UInt32.self)))
        } catch {
            throw .damaged(path: path, offset: 56, reason: "\(error)")
        }
    }
}
