internal import Glibc
internal import FoundationEssentials
public import Blocks
public import Compression
public import Storage

/// What a vault is: fixed when it is made, but for the format, which ``VaultLifecycle/upgrade(at:)`` raises, and the
/// compression of what is yet to come.
public struct VaultDescription: Sendable, Hashable {
    /// Format of the vault as a whole that new vaults get; see the storage format page.
    public static let currentFormat = 2
    /// Formats that this release reads and writes. A vault of format 1 has no compressed blocks, so that older releases
    /// can read it; it becomes one of format 2 by an upgrade only.
    public static let knownFormats = 1...2

    /// Format version.
    public var format: Int
    /// Random; every segment file of the vault carries it.
    public var id: VaultID
    /// Block size.
    public var blockSize: BlockSize
    /// When it was made, nanoseconds since 1970 UTC.
    public var created: UInt64
    /// How new blocks are made smaller, unless a run says otherwise.
    public var compression: CompressionMethod
    /// True when everything in it is encrypted, with keys that ``VaultLayout/keys`` has.
    public var isEncrypted: Bool
    /// Bytes that its files may take, packets that wait in its spool not counted; nil: no such limit.
    public var quotaBytes: UInt64?
    /// Live objects that it may have; nil: no such limit.
    public var quotaObjects: UInt64?

    /// The id as 32 hexadecimal digits.
    public var idText: String { id.description }

    /// A new vault's description with a random id.
    init(blockSize: BlockSize, created: UInt64, compression: CompressionMethod, isEncrypted: Bool) {
        format = Self.currentFormat
        id = VaultID.random()
        self.blockSize = blockSize
        self.created = created
        self.compression = compression
        self.isEncrypted = isEncrypted
    }

    /// What new vaults do unless told otherwise.
    public static let standardCompression = CompressionMethod.zstd(level: CompressionMethod.standardLevel)

    /// Reads `vault.json`.
    init(reading layout: VaultLayout) throws(VaultError) {
        let path = layout.description
        let bytes: [UInt8]
        do {
            bytes = try readWholeFile(path, limit: 1 << 16)
        } catch .system(_, _, ENOENT) {
            // Segments without a description are a vault that lost it: never taken for an empty place.
            if let names = try? namesInFolder(layout.segments), names.contains(where: { $0.hasSuffix(".oxs") }) {
                throw .damagedDescription(path: path, reason: "it is not there, though the vault has segments")
            }
            throw .notAVault(path: layout.root)
        } catch .system(_, _, ENOTDIR) {
            throw .notAVault(path: layout.root)
        }
        let file: File
        do {
            // The version first: a later one may have other fields.
            let format = try JSONDecoder().decode(Format.self, from: Data(bytes)).format
            guard Self.knownFormats.contains(format) else {
                throw VaultError.formatVersion(path: layout.root, found: format, known: Self.knownFormats)
            }
            file = try JSONDecoder().decode(File.self, from: Data(bytes))
        } catch let error as VaultError {
            throw error
        } catch {
            throw .damagedDescription(path: path, reason: "it is not the JSON that oxbow writes")
        }
        guard let id = VaultID(file.id) else {
            throw .damagedDescription(path: path, reason: "the id is not 32 hexadecimal digits")
        }
        guard let blockSize = try? BlockSize(bytes: file.block_size) else {
            throw .damagedDescription(path: path, reason: "\(file.block_size) is no block size")
        }
        format = file.format
        self.id = id
        self.blockSize = blockSize
        created = file.created
        isEncrypted = file.encryption != nil
        quotaBytes = file.quota_bytes
        quotaObjects = file.quota_objects
        guard file.encryption == nil || file.encryption == Self.cipher, format > 1 || !isEncrypted else {
            throw .damagedDescription(path: path, reason: "it names the encryption \(file.encryption ?? "")")
        }
        guard let text = file.compression else {
            compression = .none
            return
        }
        guard format > 1, let compression = CompressionMethod(text) else {
            throw .damagedDescription(path: path, reason: "it names the compression \(text)")
        }
        self.compression = compression
    }

    /// Writes `vault.json` atomically and durably.
    func write(to layout: VaultLayout) throws(VaultError) {
        let file = File(
            format: format, id: id.description, block_size: blockSize.bytes, created: created,
            compression: format > 1 ? compression.description : nil, encryption: isEncrypted ? Self.cipher : nil,
            quota_bytes: quotaBytes, quota_objects: quotaObjects)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        let data: Data
        do {
            data = try encoder.encode(file)
        } catch {
            throw .damagedDescription(path: layout.description, reason: "cannot be encoded: \(error)")
        }
        try writeFileDurably(layout.description, Array(data) + [UInt8(ascii: "\n")])
    }

    /// What every version of `vault.json` has.
    private struct Format: Codable {
        var format: Int
    }

    /// `vault.json` as it stands on disk.
    private struct File: Codable {
        var format: Int
        var id: String
        var block_size: Int
        var created: UInt64
        /// From format 2 on.
        var compression: String?
        /// From format 2 on; missing for a vault in clear.
        var encryption: String?
        /// Missing where there is no quota.
        var quota_bytes: UInt64?
        /// Likewise.
        var quota_objects: UInt64?
    }

    private static let cipher = "aes-256-gcm"
}

/// Bytes as lower-case hexadecimal digits.
func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for byte in bytes {
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
}
