internal import Blocks
public import Catalog
public import Encryption
public import Objects
internal import Storage

/// A vault opened for reading: beside a writer or alone, from any thread.
///
/// It sees what was committed when it was opened. Every block's checksum and fingerprint are recomputed before a byte of
/// it is handed out.
public final class VaultReader: Sendable {
    /// Where everything is.
    public let layout: VaultLayout
    /// What the vault is.
    public let about: VaultDescription
    /// The catalog; all of `Catalog`'s queries work on it.
    public let catalog: RocksCatalog
    let blocks: BlockReader
    /// The segment files.
    let store: FileBlockStore
    /// The vault's keys; nil for a vault in clear.
    var keys: VaultKeys? { store.directory.keys }

    /// Opens the vault in the folder `path`; `secret` opens the keys of an encrypted one. When no writer has it and a crash
    /// left a tail behind the catalog's checkpoint, that tail is applied first.
    public convenience init(opening path: String, secret: VaultSecret? = nil) throws(VaultError) {
        let layout = VaultLayout(root: path)
        let about = try VaultDescription(reading: layout)
        let keys = try VaultKeyring.unlock(layout, about, secret)
        let catalog = try VaultRecovery.openForReading(layout, about, keys)
        try self.init(
            layout: layout, about: about, catalog: catalog, store: try VaultRecovery.store(layout, about, keys))
    }

    /// A reader that shares the catalog and the segment files of a writer in this process.
    init(layout: VaultLayout, about: VaultDescription, catalog: RocksCatalog, store: FileBlockStore) throws(VaultError)
    {
        self.layout = layout
        self.about = about
        self.catalog = catalog
        self.store = store
        blocks = try BlockReader(catalog: catalog, store: store)
    }

    /// What is held of `range`, ascending and without overlap.
    func pieces(of version: VersionRecord, in range: Range<UInt64>) throws(VaultError) -> [ManifestPiece] {
        try asVaultError { () throws(CatalogError) in try catalog.pieces(of: version, in: range) }
    }

    /// Reads one piece's bytes, checked.
    func withBlock(_ piece: ManifestPiece, of version: VersionRecord, _ body: (RawSpan) throws -> Void) throws {
        try blocks.withBlock(piece, object: version.name.url, body)
    }

    /// Reads one piece's bytes, checked; `object` is for messages.
    func withBlock(_ piece: ManifestPiece, named object: String, _ body: (RawSpan) throws -> Void) throws {
        try blocks.withBlock(piece, object: object, body)
    }

    /// What is held of `range`, ascending and without overlap, with the places of the blocks.
    func locatedPieces(of version: VersionRecord, in range: Range<UInt64>) throws(VaultError) -> [LocatedPiece] {
        try blocks.locate(try pieces(of: version, in: range), object: version.name.url)
    }

    /// Lets the disk begin with blocks that are read soon.
    func prefetch(_ pieces: ArraySlice<LocatedPiece>) { blocks.prefetch(Array(pieces)) }

    /// Reads a piece's block into a buffer, checked by its checksum alone.
    func read(_ piece: LocatedPiece, into buffer: BlockBuffer, of pool: BlockPool) throws(VaultError) {
        try blocks.read(piece, into: buffer, of: pool)
    }
}

extension VaultReader {
    /// Calls `visit` with the current version of every name, in the order of names.
    public func visitCurrent(
        asOf time: UInt64? = nil, includingTombstones: Bool = false, _ visit: (VersionRecord) throws -> Void
    ) throws {
        var next: ObjectName?
        var isDone = false
        while !isDone {
            // In batches, so that `visit` may query the catalog and throw what it likes.
            var batch: [VersionRecord] = []
            isDone = true
            try catalog.visitLive(
                startingAt: next, asOf: time, includingTombstones: includingTombstones
            ) { version in
                if version.name == next { return .next }
                batch.append(version)
                if batch.count < 256 { return .next }
                isDone = false
                return .stop
            }
            next = batch.last?.name ?? next
            for version in batch { try visit(version) }
        }
    }

    /// Calls `visit` with every name that has a version, a tombstone or evidence.
    public func visitNames(_ visit: (ObjectName) throws -> Void) throws {
        try visitCurrent(includingTombstones: true) { version in try visit(version.name) }
        try visitNotHeld { evidence in try visit(evidence.name) }
    }

    /// Calls `visit` with every object that the cloud spoke of and the vault does not hold.
    public func visitNotHeld(_ visit: (EvidenceRecord) throws -> Void) throws {
        var rows: [EvidenceRecord] = []
        try catalog.visitNotHeld { evidence in
            rows.append(evidence)
            return .next
        }
        for row in rows { try visit(row) }
    }
}

/// Runs a catalog call and words its error as the vault's.
func asVaultError<Value>(_ body: () throws(CatalogError) -> Value) throws(VaultError) -> Value {
    do {
        return try body()
    } catch {
        throw .catalog(error.description)
    }
}
