public import Blocks
internal import Catalog
public import Compression
public import Encryption
internal import Objects
internal import Storage

/// The one writer of a vault: takes batches of hashed blocks and object events, stores what is new, keeps the ledger, and
/// commits groups of batches.
///
/// Order of durability: blocks and catalog records are appended to a segment file in the order in which they came; the
/// file is synced; only then do the block index and the catalog (one atomic RocksDB batch, with the log's position) learn of
/// them. A crash leaves blocks that nothing names, never a manifest without its blocks. Owned by one thread.
public struct VaultWriter: ~Copyable {
    /// Where everything is.
    public let layout: VaultLayout
    /// What the vault is.
    public let about: VaultDescription
    /// What was done so far.
    public internal(set) var counters = VaultCounters()

    /// Damage that recovery met, in words; empty nearly always.
    public let damage: [String]
    /// The buffers that batches come in.
    public let pool: BlockPool

    /// Sends sealed segments to the medium of a vault that has one.
    private let uploader: SegmentUploader?
    /// What the vault says of its medium.
    let backend: VaultBackend?
    /// Says that the run is to end: then waiting for a medium that does not get on is given up.
    public var givesUp: @Sendable () -> Bool = { false }

    private let lock: VaultLock
    /// When to commit; may be changed between two batches.
    public var durability: Durability
    /// How long the latest commits took, nanoseconds.
    private var commitDurations: [UInt64] = []
    let catalog: RocksCatalog
    let store: FileBlockStore
    var log: SegmentLog
    var ledger: Ledger<RocksCatalog>
    /// Blocks that are in the log but not in the index yet.
    var unpublished: [Fingerprint: BlockIndexValue] = [:]
    /// Blocks that the latest commit brought into the index, and the index as it was then: what was looked up shortly
    /// before need not be looked up again.
    var published: [Fingerprint: BlockIndexValue] = [:]
    var publishedAt: IndexMoment
    private var lastCommit: UInt64
    /// How blocks of this run are stored.
    private let compression: CompressionMethod
    /// For blocks that no ``BlockPreparation`` has seen.
    var packer: BlockPacker
    /// The collection under way.
    var collection: Collection?
    /// The vault's keys; nil for a vault in clear.
    let keys: VaultKeys?
    /// What there is room for.
    var room = VaultRoom()
    /// What is known of the number of objects, where that is limited.
    var objectQuota = ObjectQuota()
    /// True when what a scrub found damaged before the vault was opened has left the index.
    private var hasForgottenDamaged = false

    /// Opens the vault in the folder `path` for writing, or makes one. `blockSize` counts for a new vault; for an existing
    /// one it must be nil or the vault's own. `compression` is for the blocks of this run and what a new vault is set to;
    /// nil is what the vault is set to. `secret` opens the keys of an encrypted vault; a new vault is encrypted when there
    /// is one.
    public init(
        path: String, blockSize: BlockSize? = nil, compression: CompressionMethod? = nil, secret: VaultSecret? = nil,
        durability: Durability = Durability(), poolBytes: Int = BlockPool.defaultBudgetBytes
    ) throws(VaultError) {
        let layout = VaultLayout(root: path)
        try VaultLifecycle.prepareFolder(layout)
        let lock = try VaultLock(layout)
        let backend = try VaultBackend(reading: layout)
        if backend?.isView ?? false { throw VaultBackend.refusal(layout, "this folder only reads it") }
        let about = try VaultLifecycle.describe(
            layout, blockSize: blockSize, compression: compression, secret: secret)
        let keys = try VaultKeyring.unlock(layout, about, secret)
        let pool = try makeBlockPool(about.blockSize, poolBytes)
        let packer: BlockPacker
        do throws(EncryptionError) {
            packer = try BlockPacker(compression ?? about.compression, blockSize: about.blockSize, keys: keys)
        } catch {
            throw .encryption(error.description)
        }
        let recovered = try VaultRecovery.openForWriting(layout, about, keys)
        let open = recovered.log.openNumber
        let segments = recovered.store
        let sender = try backend.map { backend throws(VaultError) in
            try SegmentUploader(segments, backend, layout, open: open)
        }
        let catalog = recovered.catalog
        let store = recovered.store
        counters.tornBytes = recovered.tornBytes
        damage = recovered.damage
        log = recovered.log
        uploader = sender
        self.backend = backend
        self.layout = layout
        self.about = about
        self.lock = lock
        self.durability = durability
        self.catalog = catalog
        self.store = store
        self.pool = pool
        self.compression = compression ?? about.compression
        self.packer = packer
        self.keys = keys
        publishedAt = catalog.indexMoment
        ledger = Ledger(store: catalog, blockSize: about.blockSize.bytes)
        lastCommit = monotonicClock()
    }

    /// A reader of the same vault, sharing this writer's catalog: it sees each commit.
    public func makeReader() throws(VaultError) -> VaultReader {
        try VaultReader(layout: layout, about: about, catalog: catalog, store: store)
    }

    /// What brings blocks into their stored form on other threads, before batches come here.
    public func makePreparation() -> BlockPreparation {
        BlockPreparation(catalog: catalog, compression: compression, keys: keys)
    }

    /// Stores a batch and applies its steps; commits when one is due. The pool buffers of the batch are free to be reused
    /// when this returns.
    public mutating func append(_ batch: IngestBatch) throws(VaultError) {
        if !hasForgottenDamaged {
            hasForgottenDamaged = true
            try forgetDamaged()
        }
        try waitForRoom(of: batch)
        var batch = batch
        try asVaultError { () throws(EncryptionError) in try VaultFingerprints.key(&batch.blocks, keys) }
        try storeBlocks(of: batch)
        var stepIndex = 0
        let checkedBefore = ledger.counters.checkedOnArrival
        for (blockIndex, block) in batch.blocks.enumerated() {
            try applySteps(of: batch, before: blockIndex, &stepIndex)
            ledger.add(
                Extent(offset: block.offset, length: block.length, fingerprint: block.fingerprint), to: block.transfer)
        }
        try applySteps(of: batch, before: .max, &stepIndex)
        let checked = ledger.counters.checkedOnArrival - checkedBefore
        counters.versionsChecked += checked
        counters.versionsCheckedOnArrival += checked
        try commitIfDue()
    }

    /// Commits when enough bytes or time have gathered; call it on idle too.
    public mutating func commitIfDue() throws(VaultError) {
        try sealAged()
        guard log.unsyncedBytes > 0 || ledger.pendingBytes > 0 else {
            lastCommit = monotonicClock()
            return
        }
        let bounds = effectiveDurability
        if log.unsyncedBytes + UInt64(ledger.pendingBytes) >= bounds.commitBytes
            || monotonicClock() - lastCommit >= bounds.commitNanoseconds
        {
            try commit()
        }
    }

    /// Bytes of a row of the block index with RocksDB's overhead.
    private static let indexRowBytes: UInt64 = 96

    /// True when everything appended so far is durable and visible.
    var isCommitted: Bool { log.unsyncedBytes == 0 && ledger.pendingBytes == 0 }

    /// Makes everything appended so far durable and visible.
    public mutating func commit() throws(VaultError) { try commit(adding: []) }

    /// Makes everything appended so far durable and visible, and before it rows that are logged once more.
    mutating func commit(adding rows: [CatalogMutation]) throws(VaultError) {
        let began = monotonicClock()
        let mutations = rows + ledger.takeMutations()
        do throws(CatalogError) { try collection?.note(mutations) } catch { throw .catalog(error.description) }
        if !mutations.isEmpty {
            counters.records += UInt64(mutations.count)
            try log.append(mutations, in: pool)
        }
        guard log.unsyncedBytes > 0 else { return }
        try log.sync()
        if backend?.acknowledgement == .remote { try storeRemotely() }
        // The catalog's own log takes the same records, and its tables once more, now or later.
        let recordBytes = mutations.reduce(0) { $0 + UInt64($1.key.count + ($1.value?.count ?? 0)) }
        let room = 2 * (recordBytes + UInt64(unpublished.count) * Self.indexRowBytes)
        try requireRoom(room + VaultRecovery.catalogRoomBytes, at: layout.root)
        // Sorted, they go to neighbouring places of the database's memory.
        let entries = unpublished.map { BlockIndexEntry($0.key, $0.value) }.sorted { $0.fingerprint < $1.fingerprint }
        let position = log.position
        try asVaultError { () throws(CatalogError) in
            try catalog.commit(mutations, index: entries, checkpoint: position)
        }
        ledger.committed()
        if !unpublished.isEmpty {
            swap(&published, &unpublished)
            unpublished.removeAll(keepingCapacity: true)
            publishedAt = catalog.indexMoment
        }
        counters.commits += 1
        lastCommit = monotonicClock()
        counters.commitNanoseconds &+= lastCommit &- began
        if commitDurations.count < Self.commitDurationsMax { commitDurations.append(lastCommit &- began) }
        try log.rollIfFull()
        handOver()
    }

    /// Gives the uploader what was sealed.
    mutating func handOver() {
        for segment in log.takeSealed() { uploader?.take(segment.number, size: segment.size) }
    }

    /// How the sending to the vault's medium is doing; nil for a vault without one.
    public var uploadStatus: UploadStatus? { uploader?.status }

    /// The same for other threads, as long as the writer is there; nil for a vault without a medium.
    public var uploadWatch: (@Sendable () -> UploadStatus?)? {
        guard let uploader else { return nil }
        return { [weak uploader] in uploader?.status }
    }

    /// What sends to the medium.
    var sending: SegmentUploader? { uploader }

    private static let commitDurationsMax = 1024

    /// How long the commits since the last call took, in nanoseconds; beyond 1,024 the latest are left out.
    public mutating func takeCommitDurations() -> [UInt64] {
        guard !commitDurations.isEmpty else { return [] }
        defer { commitDurations = [] }
        return commitDurations
    }

    /// Applies the steps that stand before the block at `blockIndex`.
    private mutating func applySteps(
        of batch: IngestBatch, before blockIndex: Int, _ next: inout Int
    ) throws(VaultError) {
        while next < batch.steps.count, batch.steps[next].blocksBefore <= blockIndex {
            switch batch.steps[next].step {
            case .open(let transfer, let plan): ledger.open(transfer, plan)
            case .gap(let transfer, let offset, let length, let cause):
                ledger.gap(transfer, at: offset, length: length, cause: cause)
            case .close(let transfer, let end): ledger.close(transfer, end, digest: batch.steps[next].digest)
            case .event(let event):
                do throws(CatalogError) { try ledger.apply(event) } catch { throw .catalog(error.description) }
            }
            next += 1
        }
    }
}

/// A pool of block buffers.
func makeBlockPool(_ blockSize: BlockSize, _ bytes: Int) throws(VaultError) -> BlockPool {
    do throws(BlocksError) {
        return try BlockPool(blockSize: blockSize, budgetBytes: bytes)
    } catch {
        throw .blocks(error)
    }
}

/// Runs a call that encrypts and words its error as the vault's.
func asVaultError<Value>(_ body: () throws(EncryptionError) -> Value) throws(VaultError) -> Value {
    do {
        return try body()
    } catch {
        throw .encryption(error.description)
    }
}
