internal import Blocks
internal import Catalog
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
    static func store(_ layout: VaultLayout, _ about: VaultDescription) -> FileBlockStore {
        FileBlockStore(SegmentDirectory(path: layout.segments, vault: about.id, blockSize: about.blockSize))
    }

    /// Opens catalog and log for the holder of the vault's lock.
    static func openForWriting(_ layout: VaultLayout, _ about: VaultDescription) throws(VaultError) -> Recovered {
        let store = store(layout, about)
        try makeFolder(layout.segments)
        let catalog = try asVaultError { () throws(CatalogError) in
            try RocksCatalog(path: layout.catalog, mode: .create)
        }
        return try recover(catalog, store)
    }

    /// Applies the tail when no writer has the vault, so that readers see what was durable when a crash came. A vault that
    /// cannot be locked (a writer has it, or it is on a read-only medium) is left as it is.
    static func runIfUnlocked(_ layout: VaultLayout, _ about: VaultDescription) throws(VaultError) {
        let lock: VaultLock
        do throws(VaultError) {
            lock = try VaultLock(layout)
        } catch {
            return
        }
        _ = try openForWriting(layout, about)
        _ = consume lock
    }

    private static func recover(_ catalog: RocksCatalog, _ store: FileBlockStore) throws(VaultError) -> Recovered {
        let checkpoint =
            try asVaultError { () throws(CatalogError) in try catalog.checkpoint() }
            ?? CatalogCheckpoint(segment: 0, offset: 0)
        let numbers = try asVaultError { () throws(StorageError) in try store.segmentNumbers() }
        var damage: [String] = []
        for number in numbers where number >= checkpoint.segment {
            let start = number == checkpoint.segment ? checkpoint.offset : 0
            let end = try SegmentApplication.apply(
                segment: number, of: store, from: start, durableTo: start, to: catalog)
            if case .damaged(let offset, _, let reason) = end {
                damage.append("segment \(store.directory.path(of: number)) is damaged at offset \(offset): \(reason)")
            }
        }
        let highest = max(numbers.last ?? 0, checkpoint.segment)
        guard let last = numbers.last else {
            return Recovered(
                catalog: catalog, store: store, log: SegmentLog(store: store, resumed: nil, highestUsed: highest),
                tornBytes: 0, damage: damage)
        }
        let durableTo = last == checkpoint.segment ? checkpoint.offset : 0
        let sizeBefore = try asVaultError { () throws(StorageError) in try store.directory.openSegment(last).size() }
        do throws(StorageError) {
            let writer = try store.resumeSegment(last, durableTo: durableTo)
            let torn = sizeBefore > writer.size ? sizeBefore - writer.size : 0
            return Recovered(
                catalog: catalog, store: store, log: SegmentLog(store: store, resumed: writer, highestUsed: highest),
                tornBytes: torn, damage: damage)
        } catch {
            // Sealed, or damaged and left alone: go on in a new segment. Any other failure stops.
            switch error {
            case .alreadySealed, .damaged:
                return Recovered(
                    catalog: catalog, store: store, log: SegmentLog(store: store, resumed: nil, highestUsed: highest),
                    tornBytes: 0, damage: damage)
            default: throw .storage(error.description)
            }
        }
    }
}

/// Applies the records of a segment to the catalog: what recovery does with the tail, and rebuild with everything.
enum SegmentApplication {
    /// Records and blocks counted by a rebuild.
    struct Count {
        var blocks: UInt64 = 0
        var records: UInt64 = 0
    }

    /// Applies everything from `offset` on; returns how the segment ends.
    @discardableResult
    static func apply(
        segment number: UInt64, of store: FileBlockStore, from offset: UInt64, durableTo: UInt64,
        to catalog: RocksCatalog, _ count: inout Count
    ) throws(VaultError) -> SegmentEnd? {
        let reader = try asVaultError { () throws(StorageError) in try store.directory.openSegment(number) }
        var replay = try asVaultError { () throws(StorageError) in
            try reader.replay(from: max(offset, 4096), durableTo: durableTo)
        }
        var mutations: [CatalogMutation] = []
        var entries: [BlockIndexEntry] = []
        func commit(at offset: UInt64) throws(VaultError) {
            let position = CatalogCheckpoint(segment: number, offset: offset)
            try asVaultError { () throws(CatalogError) in
                try catalog.commit(mutations, index: entries, checkpoint: position)
            }
            mutations.removeAll(keepingCapacity: true)
            entries.removeAll(keepingCapacity: true)
        }
        while true {
            let records = try asVaultErrorNext(&replay)
            guard let records else { break }
            for record in records {
                switch record {
                case .block(let fingerprint, let place):
                    entries.append(BlockIndexEntry(fingerprint, BlockIndexValue(place)))
                    count.blocks += 1
                case .catalogPut(let table, let key, let value):
                    guard let table = CatalogTable(rawValue: table) else { continue }
                    mutations.append(CatalogMutation(table: table, key: key, value: value))
                    count.records += 1
                case .catalogDelete(let table, let key):
                    guard let table = CatalogTable(rawValue: table) else { continue }
                    mutations.append(CatalogMutation(table: table, key: key, value: nil))
                    count.records += 1
                case .other, .damaged: continue
                }
            }
            if mutations.count + entries.count >= 16_384, replay.end == nil, replay.offset > offset {
                try commit(at: replay.offset)
            }
        }
        // A sealed segment is applied whole: the checkpoint goes to the beginning of the next.
        switch replay.end {
        case .sealed:
            let position = CatalogCheckpoint(segment: number + 1, offset: 0)
            try asVaultError { () throws(CatalogError) in
                try catalog.commit(mutations, index: entries, checkpoint: position)
            }
        default: if !mutations.isEmpty || !entries.isEmpty { try commit(at: replay.offset) }
        }
        return replay.end
    }

    /// As above, without counting.
    static func apply(
        segment number: UInt64, of store: FileBlockStore, from offset: UInt64, durableTo: UInt64,
        to catalog: RocksCatalog
    ) throws(VaultError) -> SegmentEnd? {
        var count = Count()
        return try apply(segment: number, of: store, from: offset, durableTo: durableTo, to: catalog, &count)
    }

    private static func asVaultErrorNext(_ replay: inout SegmentReplay) throws(VaultError) -> [SegmentRecord]? {
        do throws(StorageError) {
            return try replay.next()
        } catch {
            throw .storage(error.description)
        }
    }
}
