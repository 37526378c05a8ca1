internal import Blocks
internal import Catalog
internal import Storage

/// Reads blocks by fingerprint and proves them: checksum of the stored bytes, then fingerprint of the raw ones.
///
/// The one place that turns a fingerprint into bytes: a block that another vault holds would be asked for here.
struct BlockReader: Sendable {
    private let catalog: RocksCatalog
    private let store: FileBlockStore
    private let hasher: OpenSSLBlockHasher

    init(catalog: RocksCatalog, store: FileBlockStore) throws(VaultError) {
        self.catalog = catalog
        self.store = store
        do throws(BlocksError) {
            hasher = try OpenSSLBlockHasher()
        } catch {
            throw .blocks(error)
        }
    }

    /// Calls `body` with the bytes of a piece; `object` is for messages.
    func withBlock(_ piece: ManifestPiece, object: String, _ body: (RawSpan) throws -> Void) throws {
        let block = try bytes(of: piece.fingerprint, object: object, offset: piece.offset)
        let end = Int(piece.skip) + Int(piece.length)
        guard end <= block.count else {
            throw VaultError.damagedBlock(
                fingerprint: String(describing: piece.fingerprint), object: object, offset: piece.offset,
                reason: "it has \(block.count) bytes, the manifest needs \(end)")
        }
        unsafe try body(block.span.bytes.extracting(Int(piece.skip)..<end))
    }

    /// A block's bytes, proven.
    func bytes(of fingerprint: Fingerprint, object: String, offset: UInt64) throws(VaultError) -> [UInt8] {
        let place = try asVaultError { () throws(CatalogError) in try catalog.locate(fingerprint) }
        guard let place else {
            throw .missingBlock(fingerprint: String(describing: fingerprint), object: object, offset: offset)
        }
        let block: [UInt8]
        do {
            block = try store.read(BlockLocation(place))
        } catch {
            throw .damagedBlock(
                fingerprint: String(describing: fingerprint), object: object, offset: offset, reason: "\(error)")
        }
        let found: Fingerprint
        do throws(BlocksError) {
            found = unsafe try hasher.fingerprint(of: block.span.bytes)
        } catch {
            throw .blocks(error)
        }
        guard found == fingerprint else {
            throw .damagedBlock(
                fingerprint: String(describing: fingerprint), object: object, offset: offset,
                reason: "its bytes have another SHA-256")
        }
        return block
    }
}
