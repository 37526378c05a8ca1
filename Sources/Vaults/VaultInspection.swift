public import Catalog
internal import Blocks
internal import Encryption
internal import Storage

/// What `oxbow vault info` says of a vault, without reading its data.
public struct VaultInformation: Sendable {
    /// What the vault is.
    public var about: VaultDescription
    /// Segment files.
    public var segments = 0
    /// Their bytes.
    public var segmentBytes: UInt64 = 0
    /// Rows and bytes of the catalog, as RocksDB estimates them.
    public var catalog: CatalogStatistics
    /// The kinds of secrets that open it; empty for a vault in clear.
    public var opensWith: [String] = []
    /// The epoch of the data key that encrypts what is written now; nil for a vault in clear.
    public var keyEpoch: UInt32?
    /// Bytes of all its files, packets that wait in its spool not counted.
    public var usedBytes: UInt64 = 0
    /// The process that writes to it now, as it wrote itself into the lock file; nil when none does.
    public var writer: String?
    /// Where its segments go besides; nil for a vault that is all in its folder.
    public var backend: VaultBackend?
    /// Segments that are in the folder and not in the backend yet, the open one included.
    public var segmentsWaiting = 0
    /// Their bytes.
    public var segmentBytesWaiting: UInt64 = 0

    /// Looks at the vault of a reader.
    public init(_ reader: VaultReader) throws(VaultError) {
        about = reader.about
        let store = reader.store
        for number in try asVaultError({ () throws(StorageError) in try store.segmentNumbers() }) {
            segments += 1
            segmentBytes += try asVaultError { () throws(StorageError) in try store.directory.openSegment(number).size()
            }
        }
        catalog = reader.catalog.statistics
        if let keys = reader.keys {
            opensWith = try VaultKeyring.read(reader.layout, reader.about).kinds.map(\.rawValue)
            keyEpoch = keys.currentEpoch
        }
        usedBytes = VaultRoom.usedBytes(reader.layout)
        writer = VaultLock.holder(reader.layout)
        backend = try VaultBackend(reading: reader.layout)
        if backend != nil {
            for segment in try asVaultError({ () throws(StorageError) in try store.directory.localSegments() })
            where !segment.isStored {
                segmentsWaiting += 1
                segmentBytesWaiting += segment.size
            }
        }
    }
}

/// What `oxbow vault check` found: whether everything is there and fits together. Data is not read; `oxbow verify` does.
public struct VaultInspection: Sendable {
    /// Segment files looked at.
    public var segments = 0
    /// Entries of the block index compared with them.
    public var blocks: UInt64 = 0
    /// What does not fit, in words; empty for a sound vault.
    public var problems: [String] = []

    /// Looks at every segment's header and footer, at the frames of unsealed ones, and at every entry of the block index.
    public init(_ reader: VaultReader) throws(VaultError) {
        let store = reader.store
        var sizes: [UInt64: UInt64] = [:]
        let numbers = try asVaultError { () throws(StorageError) in try store.segmentNumbers() }
        for number in numbers {
            segments += 1
            do throws(StorageError) {
                let segment = try store.directory.openSegment(number)
                sizes[number] = try segment.size()
                try look(at: segment, isLast: number == numbers.last)
            } catch {
                problems.append(error.description)
            }
        }
        try compareIndex(of: reader, with: sizes)
    }

    private mutating func look(at segment: SegmentReader, isLast: Bool) throws(StorageError) {
        if try segment.footer() != nil { return }
        var replay = try segment.replay()
        while let records = try replay.next() {
            for case .damaged(let offset, let reason) in records {
                problems.append("\(segment.path) is damaged at offset \(offset): \(reason)")
            }
        }
        switch replay.end {
        case .damaged(let offset, _, let reason):
            problems.append("\(segment.path) is damaged at offset \(offset): \(reason)")
        case .torn(let offset, let reason) where !isLast:
            problems.append("\(segment.path) is cut off at offset \(offset), though later segments exist: \(reason)")
        case .open, .torn, .sealed, nil: break
        }
    }

    private mutating func compareIndex(of reader: VaultReader, with sizes: [UInt64: UInt64]) throws(VaultError) {
        var missing: [UInt64: UInt64] = [:]
        var beyond: [UInt64: UInt64] = [:]
        var count: UInt64 = 0
        try asVaultError { () throws(CatalogError) in
            try reader.catalog.visitEntries { entry in
                count += 1
                let place = BlockLocation(entry.value)
                if let size = sizes[place.segment] {
                    if place.payloadOffset > size || UInt64(place.storedLength) > size - place.payloadOffset {
                        beyond[place.segment, default: 0] += 1
                    }
                } else {
                    missing[place.segment, default: 0] += 1
                }
                return .next
            }
        }
        blocks = count
        let store = reader.store
        for (segment, count) in missing.sorted(by: { $0.key < $1.key }) {
            problems.append(
                "\(count) blocks are in \(store.directory.path(of: segment)), which is missing; restore it from a copy")
        }
        for (segment, count) in beyond.sorted(by: { $0.key < $1.key }) {
            problems.append(
                "\(count) blocks lie behind the end of \(store.directory.path(of: segment)); restore it from a copy")
        }
    }
}
