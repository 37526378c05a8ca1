internal import Blocks
internal import Catalog
internal import Storage

/// The vault's log: blocks and catalog mutations appended in order to one segment file after the other.
struct SegmentLog: ~Copyable {
    /// Bytes appended since the last sync.
    private(set) var unsyncedBytes: UInt64 = 0

    /// Segments that were sealed, to be sent to the vault's medium; with their lengths.
    private(set) var sealed: [(number: UInt64, size: UInt64)] = []
    /// When the open segment got its first frame of this run; nil when it has none.
    private(set) var openedAt: UInt64?

    private let store: FileBlockStore
    private var segment: SegmentWriter?
    private var highestUsed: UInt64

    /// A log that goes on in `resumed`, or in a new segment behind `highestUsed` when that is nil.
    init(store: FileBlockStore, resumed: consuming SegmentWriter?, highestUsed: UInt64) {
        self.store = store
        self.highestUsed = highestUsed
        if let resumed {
            position = CatalogCheckpoint(segment: resumed.header.number, offset: resumed.size)
            openedAt = resumed.frames > 0 ? monotonicClock() : nil
            segment = consume resumed
        } else {
            position = CatalogCheckpoint(segment: highestUsed + 1, offset: 0)
            segment = nil
        }
    }

    /// Where the next frame will begin: everything before it is in the log.
    private(set) var position: CatalogCheckpoint

    /// Appends blocks that lie in pool buffers; the places in their order.
    mutating func append(_ blocks: [BlockDescriptor], in pool: BlockPool) throws(VaultError) -> [BlockIndexValue] {
        var frame = makeFrame(pool)
        for block in blocks { frame.addBlock(block) }
        return try write(frame).map(BlockIndexValue.init)
    }

    /// Appends catalog mutations, in frames of moderate size.
    mutating func append(_ mutations: [CatalogMutation], in pool: BlockPool) throws(VaultError) {
        var frame = makeFrame(pool)
        for mutation in mutations {
            try asVaultError { () throws(StorageError) in
                if let value = mutation.value {
                    try frame.addCatalogPut(table: mutation.table.rawValue, key: mutation.key, value: value)
                } else {
                    try frame.addCatalogDelete(table: mutation.table.rawValue, key: mutation.key)
                }
            }
            if frame.byteCount >= Self.frameBytes {
                _ = try write(frame)
                frame = makeFrame(pool)
            }
        }
        if !frame.isEmpty { _ = try write(frame) }
    }

    /// Forces everything appended to the medium.
    mutating func sync() throws(VaultError) {
        try withSegment { (segment) throws(StorageError) in try segment.synchronize() }
        unsyncedBytes = 0
    }

    /// Seals the segment when it is full; the next append begins another. Only when nothing is unsynced.
    mutating func rollIfFull() throws(VaultError) {
        guard segment?.isFull ?? false else { return }
        try roll()
    }

    /// Seals the segment, if one is open; the next append begins another. Only when nothing is unsynced.
    mutating func roll() throws(VaultError) {
        guard segment != nil else { return }
        var size: UInt64 = 0
        try withSegment { (segment) throws(StorageError) in
            try segment.seal()
            size = segment.size
        }
        if store.directory.remote != nil { sealed.append((highestUsed, size)) }
        segment = nil
        openedAt = nil
        position = CatalogCheckpoint(segment: highestUsed + 1, offset: 0)
    }

    /// The segments that were sealed since the last call.
    mutating func takeSealed() -> [(number: UInt64, size: UInt64)] {
        defer { sealed = [] }
        return sealed
    }

    /// Bytes of the segment that is being written.
    var openBytes: UInt64 { segment == nil ? 0 : position.offset }

    /// Number of the segment that is being written; nil when the next append begins one.
    var openNumber: UInt64? { segment == nil ? nil : position.segment }

    private func makeFrame(_ pool: BlockPool) -> FrameBuilder {
        FrameBuilder(pool: pool, options: store.directory.options, isEncrypted: store.directory.keys != nil)
    }

    private mutating func write(_ frame: borrowing FrameBuilder) throws(VaultError) -> [BlockLocation] {
        if segment == nil {
            let highest = highestUsed
            do throws(StorageError) {
                let created = try store.createSegment(writer: 0, highestUsed: highest)
                highestUsed = created.header.number
                segment = consume created
            } catch {
                throw .storage(error.description)
            }
        }
        guard let appended = try withSegment(frame) else { return [] }
        unsyncedBytes += appended.length
        if openedAt == nil { openedAt = monotonicClock() }
        position = CatalogCheckpoint(segment: highestUsed, offset: appended.offset + appended.length)
        return appended.blocks
    }

    private mutating func withSegment(_ frame: borrowing FrameBuilder) throws(VaultError) -> AppendedFrame? {
        do throws(StorageError) {
            return try segment?.append(frame)
        } catch {
            throw .storage(error.description)
        }
    }

    private mutating func withSegment(
        _ body: (inout SegmentWriter) throws(StorageError) -> Void
    ) throws(VaultError) {
        guard var current = segment.take() else { return }
        do throws(StorageError) {
            try body(&current)
            segment = consume current
        } catch {
            throw .storage(error.description)
        }
    }

    /// Frames of catalog records are cut at this size.
    private static let frameBytes = 4 << 20
}

extension BlockIndexValue {
    /// Packs a place into the index's four words.
    init(_ place: BlockLocation) {
        self.init(
            place.segment, place.payloadOffset, UInt64(place.storedLength) << 32 | UInt64(place.rawLength),
            UInt64(place.crc32c) << 8 | UInt64(place.codec))
    }
}

extension BlockLocation {
    /// The place that the index's words hold.
    init(_ value: BlockIndexValue) {
        self.init(
            segment: value.word0, payloadOffset: value.word1,
            storedLength: UInt32(truncatingIfNeeded: value.word2 >> 32),
            rawLength: UInt32(truncatingIfNeeded: value.word2), codec: UInt8(truncatingIfNeeded: value.word3),
            crc32c: UInt32(truncatingIfNeeded: value.word3 >> 8))
    }
}

/// Runs a storage call and words its error as the vault's.
func asVaultError<Value: ~Copyable>(_ body: () throws(StorageError) -> Value) throws(VaultError) -> Value {
    do {
        return try body()
    } catch {
        throw .storage(error.description)
    }
}
