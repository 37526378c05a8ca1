public import Catalog
internal import Blocks
internal import Storage

/// A block that the vault cannot read any more, and what needs it: what a source is asked for.
public struct LostBlock: Sendable {
    /// Its fingerprint, 64 hexadecimal digits.
    public let fingerprintText: String
    /// The bytes of objects that stand in it.
    public let uses: [BlockUse]
    let fingerprint: Fingerprint

    init(_ fingerprint: Fingerprint, uses: [BlockUse]) {
        self.fingerprint = fingerprint
        fingerprintText = "\(fingerprint)"
        self.uses = uses
    }
}

/// What a repair did.
public struct RepairReport: Sendable, Hashable, Codable {
    /// Segments whose content was moved out of the damaged file, which then went.
    public var segmentsRewritten: UInt64 = 0
    /// Good blocks that were copied out of damaged files.
    public var blocksCopied: UInt64 = 0
    /// Blocks that were had back from a source, and proven.
    public var blocksRestored: UInt64 = 0
    /// Their bytes.
    public var bytesRestored: UInt64 = 0
    /// Rows of the catalog that were logged once more.
    public var rowsLogged: UInt64 = 0
    /// True when the catalog was made anew from the segments.
    public var isCatalogRebuilt = false
    /// Blocks that no source has: the next replay of their traffic stores them.
    public var blocksLost: [String] = []

    /// Nothing done.
    public init() {}
}

/// Another vault as a source of lost blocks: by fingerprint where both count alike, else by name and place of the objects that
/// need them. The block size, compression and keys of the two do not matter.
public struct VaultBlockSource: Sendable {
    private let reader: VaultReader
    private let limit: Int

    /// A source that reads `reader`'s vault.
    public init(_ reader: VaultReader) {
        self.reader = reader
        limit = BlockSize.range.upperBound
    }

    /// Bytes that may be the block's; nil when the vault has none. Who asks proves them.
    public func candidates(for block: LostBlock) -> [[UInt8]] {
        var candidates: [[UInt8]] = []
        if let place = try? reader.catalog.locate(block.fingerprint),
            let bytes = try? reader.store.read(BlockLocation(place), of: block.fingerprint)
        {
            candidates.append(bytes)
        }
        for use in block.uses where use.skip == 0 && Int(use.length) <= limit {
            let versions = (try? reader.catalog.versions(of: use.name)) ?? []
            for version in versions where version.kind == .object {
                var bytes: [UInt8] = []
                bytes.reserveCapacity(Int(use.length))
                do {
                    try reader.visitBytes(of: version, in: use.offset..<use.offset + UInt64(use.length)) { piece in
                        unsafe piece.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
                    }
                } catch {
                    continue
                }
                candidates.append(bytes)
            }
        }
        return candidates
    }
}
