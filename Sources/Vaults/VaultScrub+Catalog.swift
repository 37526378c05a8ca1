internal import Blocks
internal import Catalog
internal import Storage

// The catalog's part of a scrub: RocksDB's files by their checksums; then rows, index and references of one state of the
// catalog by each other and by what the segments say up to its checkpoint.

extension VaultScrub {
    /// Compares the catalog with itself and with the segments.
    mutating func examineCatalog() throws(VaultError) {
        guard let catalog else { return }
        do throws(CatalogError) {
            try catalog.verifyFiles()
        } catch {
            // Files that a writer has replaced meanwhile are no damage: the next state of the catalog is proven instead.
            if try !isSoundNow() { note(ScrubFinding(part: .catalog, path: layout.catalog, reason: error.description)) }
        }
        let described = try compareRows(with: catalog)
        do throws(CatalogError) {
            try compareIndex(of: catalog, with: described)
            try lookUpReferences(in: catalog)
        } catch {
            note(ScrubFinding(part: .catalog, path: layout.catalog, reason: error.description))
        }
    }

    /// Opens the catalog as it is now, and verifies its files, a few times if they are replaced under its eyes.
    private func isSoundNow() throws(VaultError) -> Bool {
        for _ in 0..<5 {
            do throws(CatalogError) {
                let protection = try? VaultRecovery.protection(layout, keys)
                try RocksCatalog(path: layout.catalog, mode: .readOnly, protection: protection).verifyFiles()
                return true
            } catch {
                guard error.description.contains("No such file") else { return false }
            }
        }
        return true
    }

    /// Records of one segment in their order, up to the checkpoint. False when some could not be read.
    private func visitRecords(
        of number: UInt64, _ visit: (SegmentRecord) throws(StorageError) -> Void
    ) throws(VaultError) -> Bool {
        var isWhole = true
        let reader: SegmentReader
        do throws(StorageError) {
            reader = try store.directory.openSegment(number)
        } catch {
            if case .io = error { throw .storage(error.description) }
            return false
        }
        do throws(StorageError) {
            let limit = try limit(of: number, reader)
            if limit == nil, try reader.footer() != nil {
                var replay = try reader.replay()
                while let records = try replay.next() {
                    for record in records {
                        if case .damaged = record { isWhole = false } else { try visit(record) }
                    }
                }
                return isWhole
            }
            var examination = try SegmentExamination(reader, durableTo: limit)
            while let step = try examination.next() {
                isWhole = isWhole && step.damage.isEmpty
                for block in step.blocks { try visit(.block(block.fingerprint, block.location)) }
                for record in step.records { try visit(record) }
            }
            return isWhole
        } catch {
            throw .storage(error.description)
        }
    }

    /// Compares rows with the last that the segments say of their keys, the newest segment first. Returns how many entries of
    /// the index each segment accounts for.
    private mutating func compareRows(with catalog: RocksCatalog) throws(VaultError) -> [UInt64: UInt64] {
        var described: [UInt64: UInt64] = [:]
        let rows = catalog.statistics.rows.values.reduce(0, +)
        var seen = FingerprintFilter(count: 2 * rows + 100_000, bytesMax: 256 << 20, salt: .random(in: 0 ... .max))
        // Behind a segment of which records are lost, an older record may seem to be the last.
        var isJudging = true
        for number in try segmentNumbers().reversed() {
            var last: [RowKey: [UInt8]?] = [:]
            var blocks: [DescribedBlock] = []
            var accounted: UInt64 = 0
            let isWhole = try visitRecords(of: number) { record in
                switch record {
                case .block(let fingerprint, let location):
                    blocks.append(DescribedBlock(fingerprint: fingerprint, location: location))
                    if blocks.count == 1024 {
                        accounted += count(blocks, in: catalog)
                        blocks.removeAll(keepingCapacity: true)
                    }
                case .catalogPut(let table, let key, let value): last[RowKey(table: table, key: key)] = .some(value)
                case .catalogDelete(let table, let key): last[RowKey(table: table, key: key)] = .some(nil)
                case .other, .damaged: return
                }
            }
            described[number] = accounted + count(blocks, in: catalog)
            isJudging = isJudging && isWhole
            guard isJudging else { continue }
            for (row, value) in last { try compare(row, value, with: catalog, &seen) }
        }
        return described
    }

    /// A row of any table.
    private struct RowKey: Hashable {
        var table: UInt8
        var key: [UInt8]
    }

    private mutating func compare(
        _ row: RowKey, _ logged: [UInt8]?, with catalog: RocksCatalog, _ seen: inout FingerprintFilter
    ) throws(VaultError) {
        guard let table = CatalogTable(rawValue: row.table) else { return }
        let bytes = [row.table] + row.key
        let mark = try digests.fingerprint(of: unsafe bytes.span.bytes)
        if seen.contains(mark) { return }
        seen.insert(mark)
        let reason: String
        do throws(CatalogError) {
            let found = try catalog.value(of: row.key, in: table)
            if found == logged { return }
            reason =
                found == nil
                ? "is missing" : logged == nil ? "is there, though it was deleted" : "differs from what was logged"
        } catch {
            reason = "cannot be read: \(error.description)"
        }
        note(ScrubFinding(part: .catalogRow, path: layout.catalog, reason: "a row of \(table.name) \(reason)"))
    }

    /// How many of the blocks the index has where their segment says.
    private func count(_ blocks: [DescribedBlock], in catalog: RocksCatalog) -> UInt64 {
        do throws(CatalogError) {
            let places = try catalog.locate(blocks.map(\.fingerprint))
            return zip(blocks, places).reduce(0) { $0 + ($1.1 == BlockIndexValue($1.0.location) ? 1 : 0) }
        } catch {
            // The walk through the index names it.
            return 0
        }
    }

    /// Counts the index's entries by segment; where a segment does not account for all of them, those are looked at one by
    /// one that it does not describe.
    private mutating func compareIndex(
        of catalog: RocksCatalog, with described: [UInt64: UInt64]
    ) throws(CatalogError) {
        var entries: [UInt64: UInt64] = [:]
        try catalog.visitEntries { entry in
            entries[BlockLocation(entry.value).segment, default: 0] += 1
            return .next
        }
        report.indexEntries = entries.values.reduce(0, +)
        let doubtful = Set(entries.filter { described[$0.key] != $0.value }.keys)
        guard !doubtful.isEmpty else { return }
        var wrong: [(BlockIndexEntry, String)] = []
        var omitted: UInt64 = 0
        try catalog.visitEntries { entry in
            let place = BlockLocation(entry.value)
            guard doubtful.contains(place.segment) else { return .next }
            if let reason = reasonAgainst(entry) {
                if wrong.count < Self.findingsMax { wrong.append((entry, reason)) } else { omitted += 1 }
            }
            return .next
        }
        report.findingsLeftOut += omitted
        for (entry, reason) in wrong {
            let place = BlockLocation(entry.value)
            var finding = ScrubFinding(
                part: .indexEntry, path: store.directory.path(of: place.segment), reason: reason)
            finding.segment = place.segment
            finding.offset = place.payloadOffset
            finding.length = UInt64(place.storedLength)
            finding.fingerprint = "\(entry.fingerprint)"
            note(finding)
        }
    }

    /// What speaks against an entry of the index; nil when its block is where it says.
    private mutating func reasonAgainst(_ entry: BlockIndexEntry) -> String? {
        let block = DescribedBlock(fingerprint: entry.fingerprint, location: BlockLocation(entry.value))
        do throws(StorageError) {
            let reader = try store.openSegment(block.location.segment)
            return try damage(of: block, reader)
        } catch {
            return error.description
        }
    }

    /// Looks up every block that an object needs.
    private mutating func lookUpReferences(in catalog: RocksCatalog) throws(CatalogError) {
        var missing: Set<Fingerprint> = []
        for table in CatalogTable.referring {
            var next: [UInt8]? = []
            while let start = next {
                var wanted: [Fingerprint] = []
                next = try catalog.visitReferences(in: table, from: start.isEmpty ? nil : start, max: 1024) {
                    wanted.append($0)
                }
                report.references += UInt64(wanted.count)
                for index in try catalog.missing(of: wanted) where missing.count < Self.findingsMax {
                    missing.insert(wanted[index])
                }
            }
        }
        for fingerprint in missing.sorted() {
            var finding = ScrubFinding(
                part: .missingBlock, path: layout.catalog, reason: "an object needs the block, and the index lacks it")
            finding.fingerprint = "\(fingerprint)"
            note(finding)
        }
    }
}
