internal import Blocks
internal import Catalog
internal import Encryption
internal import Storage

// Which blocks are new, and their way into the log.

extension VaultWriter {
    /// True for a block that is in the log but not in the index yet.
    func isUnpublished(_ fingerprint: Fingerprint) -> Bool { unpublished[fingerprint] != nil }

    /// Appends blocks that the index has, so that they are there twice until the other copies go.
    mutating func appendAgain(_ blocks: [BlockDescriptor]) throws(VaultError) {
        var blocks = blocks
        do throws(EncryptionError) {
            for index in blocks.indices { try packer.pack(&blocks[index], in: pool) }
        } catch {
            throw .encryption(error.description)
        }
        for (block, place) in zip(blocks, try log.append(blocks, in: pool)) { unpublished[block.fingerprint] = place }
    }

    /// Appends the blocks that neither the index nor the log has.
    mutating func storeBlocks(of batch: IngestBatch) throws(VaultError) {
        guard !batch.blocks.isEmpty else { return }
        counters.blocks += UInt64(batch.blocks.count)
        // In the order of the batch, so that the same traffic makes the same files.
        var candidates: [Int] = []
        var seen: Set<Fingerprint> = []
        for (index, block) in batch.blocks.enumerated() {
            counters.blockBytes += UInt64(block.length)
            if unpublished[block.fingerprint] == nil, seen.insert(block.fingerprint).inserted {
                candidates.append(index)
            }
        }
        let missing = try missing(candidates, of: batch)
        guard !missing.isEmpty else { return }
        var blocks = missing.map { batch.blocks[$0] }
        do throws(EncryptionError) {
            for index in blocks.indices { try packer.pack(&blocks[index], in: pool) }
        } catch {
            throw .encryption(error.description)
        }
        for (block, place) in zip(blocks, try log.append(blocks, in: pool)) {
            unpublished[block.fingerprint] = place
            counters.newBlocks += 1
            counters.newBlockBytes += UInt64(block.length)
            counters.storedBlockBytes += place.word2 >> 32
        }
    }

    /// Those of the batch's blocks at `candidates` that the index lacks. The threads before the writer have looked all
    /// of them up: only when more than one commit, or a collection, came between is the index asked again.
    private func missing(_ candidates: [Int], of batch: IngestBatch) throws(VaultError) -> [Int] {
        guard !candidates.isEmpty else { return [] }
        let now = catalog.indexMoment
        if let then = batch.lookedUp, now == publishedAt, then.withdrawals == now.withdrawals,
            then.commits + 1 >= now.commits
        {
            return candidates.filter { index in
                !batch.blocks[index].isIndexed && published[batch.blocks[index].fingerprint] == nil
            }
        }
        let fingerprints = candidates.map { batch.blocks[$0].fingerprint }
        return try asVaultError { () throws(CatalogError) in try catalog.missing(of: fingerprints) }
            .map { candidates[$0] }
    }
}
