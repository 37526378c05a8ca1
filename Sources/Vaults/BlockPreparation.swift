public import Blocks
internal import Catalog
internal import Compression
internal import Storage

/// What the threads before the writer do with hashed blocks: those that the vault lacks get the form in which they will be
/// stored. The writer then has only to copy them.
///
/// Serves any number of threads.
public struct BlockPreparation: Sendable {
    private let catalog: RocksCatalog
    private let compression: CompressionMethod

    init(catalog: RocksCatalog, compression: CompressionMethod) {
        self.catalog = catalog
        self.compression = compression
    }

    /// Prepares a batch's blocks, whose fingerprints are known and whose buffers lie in `pool`.
    ///
    /// Blocks that the index knows stay as they are: the writer will not store them, and compressing them would be in
    /// vain. The writer prepares itself what this left out by mistake.
    public func prepare(_ blocks: inout [BlockDescriptor], in pool: BlockPool) {
        guard compression != .none, !blocks.isEmpty else { return }
        let fingerprints = blocks.map(\.fingerprint)
        let missing: [Int]
        do throws(CatalogError) {
            missing = try catalog.missing(of: fingerprints)
        } catch {
            // The writer asks the same question next, and has a way to report that it got no answer.
            return
        }
        var packer = BlockPacker(compression, blockSize: pool.blockSize)
        var seen: Set<Fingerprint> = []
        for index in missing where seen.insert(fingerprints[index]).inserted { packer.pack(&blocks[index], in: pool) }
    }
}
