internal import Blocks
internal import Catalog
internal import Storage

/// Applies the records of a segment to the catalog: what recovery does with the tail, and rebuild with everything.
struct SegmentApplication {
    /// Block records that went into the index.
    private(set) var blocks: UInt64 = 0
    /// Catalog records that were applied.
    private(set) var records: UInt64 = 0
    /// Damage that was met, in words.
    private(set) var damage: [String] = []

    private let number: UInt64
    private let store: FileBlockStore
    private let catalog: RocksCatalog
    private let checksBlocks: Bool
    private var mutations: [CatalogMutation] = []
    private var entries: [BlockIndexEntry] = []

    /// An application of segment `number`. `checksBlocks`: reads every block, too, and keeps damaged ones out of the index,
    /// so that they are stored again when they come again.
    init(segment number: UInt64, of store: FileBlockStore, to catalog: RocksCatalog, checksBlocks: Bool = false) {
        self.number = number
        self.store = store
        self.catalog = catalog
        self.checksBlocks = checksBlocks
    }

    /// Applies everything from `offset` on. Frames behind a damaged one count as well, and those behind a damaged first page:
    /// what was lost is named, and costs nothing but itself.
    mutating func apply(from offset: UInt64, durableTo: UInt64) throws(VaultError) {
        let reader = try openSegment()
        var start: UInt64? = max(offset, UInt64(SegmentHeader.byteCount))
        while let from = start {
            let end = try apply(reader, from: from, durableTo: durableTo)
            guard case .damaged(let place, let resumesAt, let reason) = end else { return }
            damage.append("\(reader.path) is damaged at offset \(place): \(reason)")
            start = resumesAt
        }
    }

    private mutating func openSegment() throws(VaultError) -> SegmentReader {
        do throws(StorageError) {
            return try store.directory.openSegment(number)
        } catch {
            guard error.isDamagedSegment else { throw .storage(error.description) }
            damage.append(error.description)
        }
        let (directory, number) = (store.directory, number)
        return try asVaultError { () throws(StorageError) in try directory.salvageSegment(number) }
    }

    private mutating func apply(
        _ reader: SegmentReader, from offset: UInt64, durableTo: UInt64
    ) throws(VaultError) -> SegmentEnd? {
        var replay = try asVaultError { () throws(StorageError) in
            try reader.replay(from: offset, durableTo: durableTo)
        }
        while let records = try Self.next(&replay) {
            for record in records { try take(record, from: reader) }
            if mutations.count + entries.count >= 16_384, replay.end == nil, replay.offset > offset {
                try commit(CatalogCheckpoint(segment: number, offset: replay.offset))
            }
        }
        // A sealed segment is applied whole: the checkpoint goes to the beginning of the next.
        if replay.end == .sealed {
            try commit(CatalogCheckpoint(segment: number + 1, offset: 0))
        } else if !mutations.isEmpty || !entries.isEmpty {
            try commit(CatalogCheckpoint(segment: number, offset: replay.offset))
        }
        return replay.end
    }

    private mutating func take(_ record: SegmentRecord, from reader: SegmentReader) throws(VaultError) {
        switch record {
        case .block(let fingerprint, let place):
            if checksBlocks {
                do throws(StorageError) {
                    _ = try reader.read(place, of: fingerprint)
                } catch {
                    guard case .damaged = error else { throw .storage(error.description) }
                    damage.append("block \(fingerprint): \(error.description)")
                    return
                }
            }
            entries.append(BlockIndexEntry(fingerprint, BlockIndexValue(place)))
            blocks += 1
        case .catalogPut(let table, let key, let value):
            guard let table = CatalogTable(rawValue: table) else { return }
            mutations.append(CatalogMutation(table: table, key: key, value: value))
            records += 1
        case .catalogDelete(let table, let key):
            guard let table = CatalogTable(rawValue: table) else { return }
            mutations.append(CatalogMutation(table: table, key: key, value: nil))
            records += 1
        case .damaged(let offset, let reason):
            damage.append("\(reader.path) is damaged at offset \(offset): \(reason)")
        case .other: return
        }
    }

    private mutating func commit(_ checkpoint: CatalogCheckpoint) throws(VaultError) {
        do throws(CatalogError) {
            try catalog.commit(mutations, index: entries, checkpoint: checkpoint)
        } catch {
            throw .catalog(error.description)
        }
        mutations.removeAll(keepingCapacity: true)
        entries.removeAll(keepingCapacity: true)
    }

    private static func next(_ replay: inout SegmentReplay) throws(VaultError) -> [SegmentRecord]? {
        do throws(StorageError) {
            return try replay.next()
        } catch {
            throw .storage(error.description)
        }
    }
}

extension StorageError {
    /// True when a segment's file is not what was written to it; false when it cannot be read, or is another's.
    var isDamagedSegment: Bool {
        switch self {
        case .damaged, .notASegment: true
        default: false
        }
    }
}
