public import Catalog
internal import Blocks
internal import Objects
internal import Storage

// What is done on idle time and at the end of a run: heal copies, make whole blocks of pieces, check digests, close.

extension VaultWriter {
    /// Versions that became whole and are committed, so that a reader can check them; at most `max`, each once.
    public mutating func takeCommittedVerificationWork(max: Int) throws(VaultError) -> [VersionID] {
        guard isCommitted else { return [] }
        return ledger.takeVerificationWork(max: max)
    }

    /// Versions whose stated digests were never checked, behind `last` in the order of keys; at most `max`.
    public func pendingVerification(after last: VersionID?, max: Int) throws(VaultError) -> [VersionID] {
        try asVaultError { () throws(CatalogError) in try catalog.pendingVerification(after: last, max: max) }
    }

    /// Records what a check of a version's bytes found.
    public mutating func record(_ result: VerificationResult) throws(VaultError) {
        do throws(CatalogError) {
            if try ledger.record(result) != nil { counters.versionsChecked += 1 }
        } catch {
            throw .catalog(error.description)
        }
    }

    /// Brings server-side copies up to what is known of their sources by now.
    public mutating func healCopies() throws(VaultError) {
        do throws(CatalogError) { _ = try ledger.healCopies() } catch { throw .catalog(error.description) }
        try commit()
    }

    /// Replaces pieces by whole blocks of the object's grid while `goesOn` says so. Everything is committed before, since
    /// only durable blocks can be read.
    public mutating func regridPending(while goesOn: () -> Bool) throws(VaultError) {
        try commit()
        var last: VersionID?
        while goesOn() {
            let behind = last
            let pending = try asVaultError { () throws(CatalogError) in
                try catalog.pendingRegrid(after: behind, max: 256)
            }
            guard let newLast = pending.last else { return }
            last = newLast
            for version in pending { ledger.queueRegrid(version) }
            while goesOn(), try regridSome() {}
        }
    }

    /// One round of regridding; false when nothing is queued.
    private mutating func regridSome() throws(VaultError) -> Bool {
        let work: [RegridWork]
        do throws(CatalogError) {
            work = try ledger.takeRegridWork(max: 64)
        } catch {
            throw .catalog(error.description)
        }
        guard !work.isEmpty else { return false }
        let reader = try makeReader()
        for item in work {
            guard let buffer = pool.acquire() else { break }
            defer { pool.release(buffer) }
            guard let block = try joined(item, into: buffer, reader) else { continue }
            var batch = IngestBatch()
            batch.blocks = [block]
            try storeBlocks(of: batch)
            let extent = Extent(offset: item.offset, length: item.length, fingerprint: block.fingerprint)
            do throws(CatalogError) {
                if try ledger.replaceExtents(of: item.version, revision: item.revision, with: extent) {
                    counters.regriddedBlocks += 1
                }
            } catch {
                throw .catalog(error.description)
            }
        }
        try commit()
        return true
    }

    /// The block that a piece of work is about, its bytes in `buffer`; nil when its pieces cannot be read: they stay as they
    /// are, and `oxbow verify` names what is wrong with them.
    private func joined(
        _ item: RegridWork, into buffer: BlockBuffer, _ reader: VaultReader
    ) throws(VaultError) -> BlockDescriptor? {
        var filled = 0
        do {
            for piece in item.pieces {
                try reader.withBlock(piece, named: item.version.name.url) { bytes in
                    pool.copy(bytes, into: buffer, at: filled)
                    filled += bytes.byteCount
                }
            }
        } catch {
            return nil
        }
        guard filled == Int(item.length) else { return nil }
        var block = BlockDescriptor(transfer: TransferID(0), offset: 0, length: item.length, buffer: buffer)
        block.fingerprint = try hash(buffer, count: filled)
        block.isKeyed = true
        return block
    }

    /// Commits what is left and leaves the catalog with nothing to replay.
    public mutating func close() throws(VaultError) {
        try commit()
        if backend != nil {
            try log.roll()
            handOver()
        }
        try asVaultError { () throws(CatalogError) in try catalog.synchronize() }
        try finishSending()
    }
}
