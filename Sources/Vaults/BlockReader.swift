internal import Blocks
internal import Catalog
internal import Storage

/// Reads blocks by fingerprint and proves them: checksum of the stored bytes, then fingerprint of the raw ones.
///
/// The one place that turns a fingerprint into bytes: a block that another vault holds would be asked for here.
struct BlockReader: Sendable {
    private let catalog: RocksCatalog
    private let store: FileBlockStore
    private let fingerprints: VaultFingerprints

    init(catalog: RocksCatalog, store: FileBlockStore) throws(VaultError) {
        self.catalog = catalog
        self.store = store
        fingerprints = try VaultFingerprints(keys: store.directory.keys)
    }

    /// Calls `body` with the bytes of a piece; `object` is for messages.
    func withBlock(_ piece: ManifestPiece, object: String, _ body: (RawSpan) throws -> Void) throws {
        let block = try bytes(of: piece, object: object)
        let end = Int(piece.skip) + Int(piece.length)
        unsafe try body(block.span.bytes.extracting(Int(piece.skip)..<end))
    }

    /// The pieces with the places of their blocks, found in one look-up.
    func locate(_ pieces: [ManifestPiece], object: String) throws(VaultError) -> [LocatedPiece] {
        let fingerprints = pieces.map(\.fingerprint)
        let places = try asVaultError { () throws(CatalogError) in try catalog.locate(fingerprints) }
        var located: [LocatedPiece] = []
        located.reserveCapacity(pieces.count)
        for (piece, place) in zip(pieces, places) {
            guard let place else {
                throw .missingBlock(
                    fingerprint: String(describing: piece.fingerprint), object: object,
                    range: piece.offset..<piece.end)
            }
            located.append(LocatedPiece(piece: piece, location: BlockLocation(place)))
        }
        return located
    }

    /// Reads the block that a piece lies in into a buffer, checked by its checksum alone.
    func read(_ located: LocatedPiece, into buffer: BlockBuffer, of pool: BlockPool) throws(VaultError) {
        let piece = located.piece
        guard located.location.rawLength >= piece.skip + piece.length,
            Int(located.location.rawLength) <= pool.blockSize.bytes
        else { throw .storage("the index gives a block of \(located.location.rawLength) bytes another length") }
        try asVaultError { () throws(StorageError) in
            try store.read(located.location, of: piece.fingerprint, into: buffer, of: pool)
        }
    }

    /// Lets the disk begin with blocks that are read soon.
    func prefetch(_ pieces: [LocatedPiece]) { store.prefetch(pieces.map(\.location)) }

    /// Reads whole blocks that follow one another into the start of `room` and proves them side by side. False when that
    /// cannot be: some piece is not a whole block, or something is wrong, which ``withBlock(_:object:_:)`` puts into words.
    func read(_ pieces: ArraySlice<ManifestPiece>, into room: inout MutableRawSpan) -> Bool {
        do {
            let places = try catalog.locate(pieces.map(\.fingerprint))
            store.prefetch(places.compactMap { $0.map { BlockLocation($0) } })
            var opener = BlockOpener()
            var start = 0
            for (piece, place) in zip(pieces, places) {
                guard let location = place.map({ BlockLocation($0) }), piece.skip == 0,
                    location.rawLength == piece.length
                else { return false }
                var part = room._mutatingExtracting(start..<start + Int(piece.length))
                try store.read(location, of: piece.fingerprint, into: &part, with: &opener)
                start += Int(piece.length)
            }
            let found = try fingerprints.fingerprints(of: room.bytes, lengths: pieces.map { Int($0.length) })
            return zip(pieces, found).allSatisfy { $0.fingerprint == $1 }
        } catch {
            return false
        }
    }

    /// The bytes of the block that a piece lies in, proven, and at least as many as the piece needs.
    func bytes(of piece: ManifestPiece, object: String) throws(VaultError) -> [UInt8] {
        let fingerprint = piece.fingerprint
        func damaged(_ reason: String) -> VaultError {
            .damagedBlock(
                fingerprint: String(describing: fingerprint), object: object, range: piece.offset..<piece.end,
                reason: reason)
        }
        let place = try asVaultError { () throws(CatalogError) in try catalog.locate(fingerprint) }
        guard let place else {
            throw .missingBlock(
                fingerprint: String(describing: fingerprint), object: object, range: piece.offset..<piece.end)
        }
        let location = BlockLocation(place)
        let block: [UInt8]
        do {
            block = try store.read(location, of: fingerprint)
        } catch {
            throw damaged("\(error)")
        }
        let file = store.directory.path(of: location.segment)
        let found = unsafe try fingerprints.fingerprint(of: block.span.bytes)
        guard found == fingerprint else {
            throw damaged("its bytes in \(file) at offset \(location.payloadOffset) have another fingerprint")
        }
        guard Int(piece.skip) + Int(piece.length) <= block.count else {
            throw damaged("it has \(block.count) bytes, the manifest needs \(Int(piece.skip) + Int(piece.length))")
        }
        return block
    }
}

/// A piece and the place of its block.
struct LocatedPiece: Sendable {
    var piece: ManifestPiece
    var location: BlockLocation
}
