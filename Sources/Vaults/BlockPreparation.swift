public import Blocks
internal import Catalog
internal import Compression
internal import Encryption
internal import Storage

/// What the threads before the writer do with hashed blocks: in a vault with keys the digest becomes a fingerprint of its
/// own, and those that the vault lacks get the form in which they will be stored. The writer then has only to copy them.
///
/// Serves any number of threads.
public struct BlockPreparation: Sendable {
    private let catalog: RocksCatalog
    private let compression: CompressionMethod
    private let keys: VaultKeys?

    init(catalog: RocksCatalog, compression: CompressionMethod, keys: VaultKeys?) {
        self.catalog = catalog
        self.compression = compression
        self.keys = keys
    }

    /// Says which blocks of a batch the index knows, by their fingerprints, which a vault with keys makes its own first.
    public func lookUp(_ batch: inout IngestBatch) {
        guard !batch.blocks.isEmpty else { return }
        // Whatever fails here the writer tries again next, and it has a way to report.
        do throws(EncryptionError) { try VaultFingerprints.key(&batch.blocks, keys) } catch { return }
        let moment = catalog.indexMoment
        guard let missing = try? catalog.missing(of: batch.blocks.map(\.fingerprint)) else { return }
        for index in batch.blocks.indices { batch.blocks[index].isIndexed = true }
        for index in missing { batch.blocks[index].isIndexed = false }
        batch.lookedUp = moment
    }

    /// Gives the blocks of a batch that was looked up the form in which they will be stored; their buffers lie in `pool`.
    ///
    /// Blocks that the index knows stay as they are: the writer will not store them, and compressing them would be in
    /// vain. The writer prepares itself what this left out by mistake, and looks up again what may have changed since.
    public func pack(_ batch: inout IngestBatch, in pool: BlockPool) {
        guard batch.lookedUp != nil, compression != .none || keys != nil else { return }
        do throws(EncryptionError) {
            var packer = try BlockPacker(compression, blockSize: pool.blockSize, keys: keys)
            var seen: Set<Fingerprint> = []
            for index in batch.blocks.indices
            where !batch.blocks[index].isIndexed && seen.insert(batch.blocks[index].fingerprint).inserted {
                try packer.pack(&batch.blocks[index], in: pool)
            }
        } catch { return }
    }
}
