internal import Blocks
internal import Storage

// What a writer does for the medium of its vault: seals by age, waits for room in the spool, waits for the medium.

extension VaultWriter {
    /// Bytes that a batch may add to the spool at most, frames and rows included.
    private static var batchOverheadBytes: UInt64 { 4 << 20 }

    /// Waits until the spool has room for a batch: the bound on what is here and nowhere else.
    func waitForRoom(of batch: IngestBatch) throws(VaultError) {
        guard let sending else { return }
        let bytes = batch.blocks.reduce(Self.batchOverheadBytes) { $0 + UInt64($1.length) }
        try sending.waitForRoom(bytes, open: log.openBytes, givesUp: givesUp)
    }

    /// Waits until the spool has room for so many bytes; a vault without a medium has no spool.
    func waitForRoomInSpool(_ bytes: UInt64) throws(VaultError) {
        try sending?.waitForRoom(bytes, open: log.openBytes, givesUp: givesUp)
    }

    /// Seals a segment that has been open for long, so that what does not fill it gets to the medium too.
    mutating func sealAged() throws(VaultError) {
        guard let backend, let openedAt = log.openedAt,
            monotonicClock() - openedAt >= backend.sealSeconds * 1_000_000_000
        else { return }
        try commit()
        try log.roll()
        handOver()
    }

    /// Seals what was appended and waits until the medium has it.
    mutating func storeRemotely() throws(VaultError) {
        try log.roll()
        handOver()
        try sending?.waitUntilEmpty(givesUp: givesUp)
    }

    /// When to commit: what is acknowledged by the medium is committed a segment at a time.
    var effectiveDurability: Durability {
        guard let backend, backend.acknowledgement == .remote else { return durability }
        var bounds = durability
        bounds.commitBytes = backend.segmentBytes
        bounds.commitNanoseconds = backend.sealSeconds * 1_000_000_000
        return bounds
    }

    /// Waits at the end of a run until the medium has everything, unless it does not get on: then what is left stays in
    /// the spool, which is no failure where the folder's word counts.
    func finishSending() throws(VaultError) {
        guard let sending else { return }
        do throws(VaultError) {
            try sending.waitUntilEmpty(givesUp: { true })
        } catch {
            if backend?.acknowledgement == .remote { throw error }
        }
        sending.end()
    }
}

extension VaultBackend {
    /// What is not to be had where there is a backend.
    static func refusal(_ layout: VaultLayout, _ what: String) -> VaultError {
        .notWithBackend(
            path: layout.root, what: what,
            remedy:
                "docs/storage-format.md, \"Backends\", says what is; `oxbow vault init --backend` makes a folder that writes"
        )
    }
}
