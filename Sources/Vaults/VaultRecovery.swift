internal import Blocks
internal import Catalog
internal import Encryption
internal import Glibc
internal import Storage

/// Brings the catalog up to the log after a crash: applies the records behind the catalog's checkpoint, in time
/// proportional to that tail, and cuts off an append that the crash left unfinished.
struct VaultRecovery: ~Copyable {
    /// A vault ready for its writer.
    struct Recovered: ~Copyable {
        let catalog: RocksCatalog
        let store: FileBlockStore
        var log: SegmentLog
        /// Bytes of the torn tail that were cut off.
        let tornBytes: UInt64
        /// Damage that was found on the way, in words.
        let damage: [String]
    }

    /// The store of a vault's segment files.
    static func store(
        _ layout: VaultLayout, _ about: VaultDescription, _ keys: VaultKeys?
    ) throws(VaultError) -> FileBlockStore {
        var options = StorageOptions()
        options.directBytesMin = min(options.directBytesMin, 4 * about.blockSize.bytes)
        var remote: RemoteSegments?
        let backend = try VaultBackend(reading: layout)
        if let backend {
            options.segmentBytes = backend.segmentBytes
            remote = RemoteSegments { () throws(StorageError) in try backend.open() }
        }
        return FileBlockStore(
            SegmentDirectory(
                path: layout.segments, vault: about.id, blockSize: about.blockSize, options: options, keys: keys,
                numberBase: backend?.numberBase ?? 0, remote: remote))
    }

    /// What protects the catalog of a vault with keys.
    static func protection(_ layout: VaultLayout, _ keys: VaultKeys?) throws(VaultError) -> CatalogProtection? {
        guard let keys else { return nil }
        let made = try VaultKeyring.asVaultError(layout) { () throws(EncryptionError) in try CatalogProtection(keys) }
        guard let made else {
            throw .catalog("the RocksDB that is installed cannot be given an encrypted file system; use version 7.8")
        }
        return made
    }

    /// Room that opening the catalog for writing takes at most beside the rows themselves: manifest, options, logs.
    static let catalogRoomBytes: UInt64 = 1 << 20

    /// Opens catalog and log for the holder of the vault's lock.
    static func openForWriting(
        _ layout: VaultLayout, _ about: VaultDescription, _ keys: VaultKeys?
    ) throws(VaultError) -> Recovered {
        let store = try store(layout, about, keys)
        let protection = try protection(layout, keys)
        try requireRoom(catalogRoomBytes, at: layout.root)
        try makeFolder(layout.segments)
        let catalog = try asVaultError { () throws(CatalogError) in
            try RocksCatalog(path: layout.catalog, mode: .create, protection: protection)
        }
        return try recover(catalog, store)
    }

    /// The catalog for a reader. Applies the tail first when a crash left one and no writer has the vault, so that readers
    /// see what was durable then. A vault that is in order, or cannot be locked (a writer has it, or it is on a read-only
    /// medium), is left as it is: readers do not stand in a writer's way.
    static func openForReading(
        _ layout: VaultLayout, _ about: VaultDescription, _ keys: VaultKeys?
    ) throws(VaultError) -> RocksCatalog {
        let protection = try protection(layout, keys)
        let store = try store(layout, about, keys)
        // Of what several writers left, a catalog is made by a rebuild only.
        let view = try VaultBackend(reading: layout)?.isView ?? false
        do throws(CatalogError) {
            let catalog = try RocksCatalog(path: layout.catalog, mode: .readOnly, protection: protection)
            if view { return catalog }
            if try !isBehind(catalog, store) { return catalog }
        } catch {
            switch error {
            // A lost catalog is made anew below, and one whose making a crash cut short is finished.
            case .missing where view, .unfinished where view:
                throw .catalog("\(layout.root) has no catalog; run `oxbow rebuild --vault \(layout.root)`")
            case .missing, .unfinished: break
            default: throw .catalog(error.description)
            }
        }
        do throws(VaultError) {
            try runIfUnlocked(layout, about, keys)
        } catch .system(_, _, ENOSPC) {
            // Without room the tail stays where it is; what the catalog knows can be read all the same.
        }
        return try asVaultError { () throws(CatalogError) in
            try RocksCatalog(path: layout.catalog, mode: .readOnly, protection: protection)
        }
    }

    /// True when the log goes on behind what the catalog knows. What cannot be read counts as that, and is named by the
    /// recovery.
    private static func isBehind(_ catalog: RocksCatalog, _ store: FileBlockStore) throws(CatalogError) -> Bool {
        guard let numbers = try? store.segmentNumbers() else { return true }
        guard let last = numbers.last else { return false }
        guard let checkpoint = try catalog.checkpoint() else { return true }
        if checkpoint.segment != last { return checkpoint.segment < last }
        guard let size = try? store.directory.openSegment(last).size() else { return true }
        // A new segment's header says nothing that the catalog could lack.
        return size > max(checkpoint.offset, UInt64(SegmentHeader.byteCount))
    }

    private static func runIfUnlocked(
        _ layout: VaultLayout, _ about: VaultDescription, _ keys: VaultKeys?
    ) throws(VaultError) {
        let lock: VaultLock
        do throws(VaultError) {
            lock = try VaultLock(layout)
        } catch {
            return
        }
        _ = try openForWriting(layout, about, keys)
        _ = consume lock
    }

    private static func recover(_ catalog: RocksCatalog, _ store: FileBlockStore) throws(VaultError) -> Recovered {
        let checkpoint =
            try asVaultError { () throws(CatalogError) in try catalog.checkpoint() }
            ?? CatalogCheckpoint(segment: 0, offset: 0)
        let numbers = try asVaultError { () throws(StorageError) in try store.segmentNumbers() }
        var tail = Tail()
        // The log first: resuming makes its tail durable, which the catalog must not know of any earlier.
        let resumed = try resumeLast(numbers.last, of: store, checkpoint, &tail)
        for number in numbers where number >= checkpoint.segment {
            let start = number == checkpoint.segment ? checkpoint.offset : 0
            var application = SegmentApplication(segment: number, of: store, to: catalog)
            try application.apply(from: start, durableTo: start)
            // The last one's damage may be known from resuming it.
            tail.damage += application.damage.filter { !tail.damage.contains($0) }
        }
        let highest = max(numbers.last ?? 0, checkpoint.segment, store.directory.numberBase)
        return Recovered(
            catalog: catalog, store: store, log: SegmentLog(store: store, resumed: resumed, highestUsed: highest),
            tornBytes: tail.tornBytes, damage: tail.damage)
    }

    /// What was found at the log's end.
    private struct Tail {
        var tornBytes: UInt64 = 0
        var damage: [String] = []
    }

    /// A writer that goes on in the last segment, its torn tail cut off; nil when there is none, or it is sealed, or it is
    /// damaged: then it is left alone, and the log goes on in a new one.
    private static func resumeLast(
        _ last: UInt64?, of store: FileBlockStore, _ checkpoint: CatalogCheckpoint, _ tail: inout Tail
    ) throws(VaultError) -> SegmentWriter? {
        guard let last else { return nil }
        let durableTo = last == checkpoint.segment ? checkpoint.offset : 0
        do throws(StorageError) {
            let sizeBefore = try store.directory.openSegment(last).size()
            let writer = try store.resumeSegment(last, durableTo: durableTo)
            tail.tornBytes = sizeBefore > writer.size ? sizeBefore - writer.size : 0
            return writer
        } catch {
            if case .alreadySealed = error { return nil }
            guard error.isDamagedSegment else { throw .storage(error.description) }
            tail.damage.append(error.description)
            return nil
        }
    }
}
