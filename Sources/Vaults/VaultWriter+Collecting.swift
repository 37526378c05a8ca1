internal import Blocks
internal import Catalog
internal import Objects
internal import Storage

// Collection: forgets what retention lets go, marks the blocks in use, and rewrites segments that hold too much garbage.
//
// Safe beside everything else the writer does, because only this thread writes. What rows refer to is marked once by
// walking them and, from then on, whenever a commit writes a row; blocks of transfers without a row are marked when a
// segment is about to go. A segment goes only when its live blocks and rows are durable elsewhere, its dead blocks have
// left the index, and the index is durable: so no crash leaves an index entry without its bytes.

extension VaultWriter {
    /// Begins a collection. `now` is what retention judges by, nanoseconds since 1970 UTC. Throws when the log cannot be
    /// rolled: then nothing was begun.
    public mutating func beginCollection(_ options: CollectionOptions, now: UInt64) throws(VaultError) {
        try commit()
        if !options.isDryRun {
            try log.roll()
            handOver()
        }
        collection = Collection(options, now: now, blocks: catalog.statistics.blocks)
    }

    /// Goes on with the collection for about `nanoseconds`. Returns its report when it is done, nil before.
    public mutating func collect(for nanoseconds: UInt64) throws(VaultError) -> CollectionReport? {
        let start = monotonicClock()
        while let current = collection {
            if case .done = current.phase {
                collection = nil
                return current.report
            }
            try collectSome(current.phase)
            if monotonicClock() - start >= nanoseconds { break }
        }
        return nil
    }

    /// Runs a collection to its end.
    public mutating func collect(_ options: CollectionOptions, now: UInt64) throws(VaultError) -> CollectionReport {
        try beginCollection(options, now: now)
        while true {
            if let report = try collect(for: .max) { return report }
        }
    }

    /// True while a collection is under way.
    public var isCollecting: Bool { collection != nil }

    private mutating func collectSome(_ phase: Collection.Phase) throws(VaultError) {
        switch phase {
        case .retention(let start): try retainSome(from: start)
        case .mark(let table, let start): try markSome(table, from: start)
        case .survey(let segments): try surveyNext(segments)
        case .sweep(let segments): try sweepSome(segments)
        case .done: return
        }
    }

    // MARK: Retention

    private mutating func retainSome(from start: [UInt8]?) throws(VaultError) {
        guard let current = collection else { return }
        let policy = current.options.retention
        var names: [ObjectName] = []
        var next: [UInt8]?
        if policy.forgetsVersions {
            try asVaultError { () throws(CatalogError) in
                try catalog.scan(.names, prefix: [], from: start) { (key, _) throws(CatalogError) in
                    guard names.count < 64 else {
                        next = key
                        return .stop
                    }
                    names.append(try CatalogKey.name(decoding: key))
                    return .next
                }
            }
        }
        for name in names {
            let versions = try asVaultError { () throws(CatalogError) in try ledger.versions(of: name) }
            for id in policy.expired(versions, now: current.now) {
                collection?.report.versionsForgotten += 1
                if current.options.isDryRun { continue }
                do throws(CatalogError) { _ = try ledger.forget(id) } catch { throw .catalog(error.description) }
            }
        }
        if let next {
            collection?.phase = .retention(from: next)
        } else {
            try forgetUploads(policy, current)
            collection?.phase = .mark(table: 0, from: nil)
        }
        // Marking walks committed rows.
        try commit()
    }

    private mutating func forgetUploads(_ policy: RetentionPolicy, _ current: Collection) throws(VaultError) {
        guard let age = policy.keepUploadsNanoseconds, age <= current.now, !current.options.isDryRun else { return }
        do throws(CatalogError) {
            while true {
                let count = try ledger.expireUploads(lastSeenBefore: current.now - age, max: 256)
                collection?.report.uploadsForgotten += UInt64(count)
                if count < 256 { return }
            }
        } catch {
            throw .catalog(error.description)
        }
    }

    // MARK: Mark

    private mutating func markSome(_ table: Int, from start: [UInt8]?) throws(VaultError) {
        guard var current = collection.take() else { return }
        let tables = CatalogTable.referring
        let next = try asVaultError { () throws(CatalogError) in
            try catalog.visitReferences(in: tables[table], from: start, max: 1024) { current.filter.insert($0) }
        }
        if next != nil {
            current.phase = .mark(table: table, from: next)
        } else if table + 1 < tables.count {
            current.phase = .mark(table: table + 1, from: nil)
        } else {
            let numbers = try asVaultError { () throws(StorageError) in try store.segmentNumbers() }
            var sealed: [UInt64] = []
            for number in numbers where number < log.position.segment {
                // What the medium does not have yet is on its way there: another time.
                if backend != nil,
                    try asVaultError({ () throws(StorageError) in try store.directory.stored(number) }) == nil
                {
                    continue
                }
                sealed.append(number)
            }
            current.phase = .survey(sealed.reversed())
        }
        collection = current
    }

    // MARK: Survey

    /// Weighs the segment at the list's end.
    private mutating func surveyNext(_ segments: [UInt64]) throws(VaultError) {
        guard let current = collection else { return }
        var rest = segments
        guard let number = rest.popLast() else {
            collection?.report.segmentsRewritten = UInt64(current.victims.count)
            collection?.phase = current.options.isDryRun ? .done : .sweep(current.victims.reversed())
            return
        }
        collection?.phase = .survey(rest)
        let reader = try asVaultError { () throws(StorageError) in try store.openSegment(number) }
        let size = try asVaultError { () throws(StorageError) in try reader.size() }
        collection?.report.segments += 1
        collection?.report.segmentBytes += size
        guard let live = try liveBytes(in: reader, current) else { return }
        collection?.report.liveBytes += live
        let garbage = size - min(live, size)
        guard garbage > Self.garbageBytesMin, Double(garbage) > Double(size) * current.options.garbageShareMax
        else { return }
        collection?.victims.append(number)
        collection?.report.rewrittenBytes += size
    }

    /// What a record takes beside its bytes: its descriptor, in its frame and in the footer.
    private static var recordOverheadBytes: UInt64 { 100 }
    /// Less garbage than this is not worth a file.
    private static var garbageBytesMin: UInt64 { 16 << 10 }

    /// Bytes in use in a sealed segment; nil when it is not sealed or damaged, which is reported.
    private mutating func liveBytes(in reader: SegmentReader, _ current: Collection) throws(VaultError) -> UInt64? {
        var live: UInt64 = 0
        var replay = try asVaultError { () throws(StorageError) in try reader.replay() }
        while let records = try asVaultError({ () throws(StorageError) in try replay.next() }) {
            let places = try places(of: records)
            for (record, place) in zip(records, places) {
                switch record {
                case .block(let fingerprint, let location):
                    if place == BlockIndexValue(location), current.filter.contains(fingerprint) {
                        live += UInt64(location.storedLength) + Self.recordOverheadBytes
                    }
                case .catalogPut(let table, let key, let value):
                    if try isLastWord(table, key, value) {
                        live += UInt64(key.count + value.count) + Self.recordOverheadBytes
                    }
                case .catalogDelete, .other: break
                case .damaged(let offset, let reason):
                    collection?.report.damage.append("\(reader.path) is damaged at offset \(offset): \(reason)")
                    return nil
                }
            }
        }
        guard replay.end == .sealed else {
            collection?.report.damage.append("\(reader.path) has no whole footer; it is left as it is")
            return nil
        }
        return live
    }

    /// For each record that is a block, where the index says that the block is.
    private func places(of records: [SegmentRecord]) throws(VaultError) -> [BlockIndexValue?] {
        var fingerprints: [Fingerprint] = []
        var indices: [Int] = []
        for (index, record) in records.enumerated() {
            guard case .block(let fingerprint, _) = record else { continue }
            fingerprints.append(fingerprint)
            indices.append(index)
        }
        var places = [BlockIndexValue?](repeating: nil, count: records.count)
        let found = try asVaultError { () throws(CatalogError) in try catalog.locate(fingerprints) }
        for (index, place) in zip(indices, found) { places[index] = place }
        return places
    }

    /// True when a logged row is what the catalog has for its key.
    func isLastWord(_ table: UInt8, _ key: [UInt8], _ value: [UInt8]?) throws(VaultError) -> Bool {
        guard let table = CatalogTable(rawValue: table) else { return false }
        return try asVaultError { () throws(CatalogError) in try catalog.value(of: key, in: table) } == value
    }
}
