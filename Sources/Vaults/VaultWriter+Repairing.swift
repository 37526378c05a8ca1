internal import Blocks
internal import Catalog
internal import Glibc
internal import Objects
internal import Storage

// Repair: what is whole in a damaged segment goes to the log's end, what is not comes from a source, then the segment goes.
// Nothing is written in place, and nothing is taken that does not have its fingerprint.

extension VaultWriter {
    /// Moves everything that is whole out of the segments that a scrub found damaged, and logs rows anew that their damage
    /// took. Returns the blocks that are to be had from elsewhere: those that cannot be read there, and those that the scrub
    /// missed.
    public mutating func salvage(_ findings: [ScrubFinding], _ report: inout RepairReport) throws(VaultError)
        -> [LostBlock]
    {
        try commit()
        let segments = Self.segments(of: findings)
        // Nothing more goes into a segment that is about to go.
        if segments.contains(log.position.segment) { try log.roll() }
        var lost: Set<Fingerprint> = []
        for finding in findings where finding.part == .missingBlock || finding.part == .indexEntry {
            guard let fingerprint = finding.fingerprint.flatMap({ Fingerprint(hexadecimal: $0) }) else { continue }
            if try !isReadable(fingerprint) { lost.insert(fingerprint) }
        }
        for number in segments {
            lost.formUnion(try moveBlocks(outOf: number, &report))
            try logRows(of: number, &report)
        }
        if findings.contains(where: { $0.part == .catalogRecord || $0.part == .frame || $0.part == .header }) {
            try logEverything(except: segments, &report)
        }
        try commit()
        return try describe(lost)
    }

    /// Stores a lost block once more when one of `candidates` is it. False when none is.
    public mutating func restore(
        _ block: LostBlock, from candidates: [[UInt8]], _ report: inout RepairReport
    ) throws(VaultError) -> Bool {
        for bytes in candidates where !bytes.isEmpty && bytes.count <= pool.blockSize.bytes {
            let buffer = pool.acquireWaiting()
            defer { pool.release(buffer) }
            unsafe pool.copy(bytes.span.bytes, into: buffer, at: 0)
            guard try hash(buffer, count: bytes.count) == block.fingerprint else { continue }
            try appendAgain([descriptor(of: block.fingerprint, UInt32(bytes.count), buffer)])
            report.blocksRestored += 1
            report.bytesRestored += UInt64(bytes.count)
            try commitIfDue()
            return true
        }
        return false
    }

    /// Ends a repair: blocks that no source had leave the index, so that the next replay of their traffic stores them, and the
    /// damaged segments go that nothing needs any more. One with lost blocks stays, for a better source or a tool.
    public mutating func finishRepair(
        of findings: [ScrubFinding], lost: [LostBlock], _ report: inout RepairReport
    ) throws(VaultError) {
        try commit()
        let gone = lost.map(\.fingerprint)
        let places = try asVaultError { () throws(CatalogError) in try catalog.locate(gone) }
        try asVaultError { () throws(CatalogError) in
            try catalog.withdraw(gone)
            try catalog.synchronize()
        }
        report.blocksLost = lost.map(\.fingerprintText)
        let kept = Set(places.compactMap { $0.map { BlockLocation($0).segment } })
        for number in Self.segments(of: findings) where !kept.contains(number) {
            guard unsafe access(store.directory.path(of: number), F_OK) == 0 else { continue }
            try asVaultError { () throws(StorageError) in try store.drop(number) }
            report.segmentsRewritten += 1
        }
    }

    /// Takes those blocks out of the index that a scrub found damaged (``VaultLayout``, `scrub.damaged`) and that still are, so
    /// that they are stored again when their traffic comes again.
    public mutating func forgetDamaged() throws(VaultError) {
        guard let damaged = DamagedBlocks.take(layout) else { return }
        var gone: [Fingerprint] = []
        for text in damaged.fingerprints {
            guard let fingerprint = Fingerprint(hexadecimal: text) else { continue }
            let isKnown = try asVaultError { () throws(CatalogError) in try catalog.locate(fingerprint) } != nil
            if isKnown, !isUnpublished(fingerprint), try !isReadable(fingerprint) { gone.append(fingerprint) }
        }
        try asVaultError { () throws(CatalogError) in try catalog.withdraw(gone) }
    }

    // MARK: Parts

    private static func segments(of findings: [ScrubFinding]) -> [UInt64] {
        Set(findings.filter(\.isOfSegment).compactMap(\.segment)).sorted()
    }

    private func descriptor(of fingerprint: Fingerprint, _ length: UInt32, _ buffer: BlockBuffer) -> BlockDescriptor {
        var block = BlockDescriptor(transfer: TransferID(0), offset: 0, length: length, buffer: buffer)
        block.fingerprint = fingerprint
        block.isKeyed = true
        return block
    }

    /// True when the block is where the index says, and whole.
    private func isReadable(_ fingerprint: Fingerprint) throws(VaultError) -> Bool {
        let place = try asVaultError { () throws(CatalogError) in try catalog.locate(fingerprint) }
        guard let place = place.map(BlockLocation.init) else { return false }
        let fingerprints = try VaultFingerprints(keys: keys)
        do throws(StorageError) {
            return fingerprints.isFingerprint(fingerprint, of: try store.read(place, of: fingerprint))
        } catch {
            if case .io = error { throw .storage(error.description) }
            return false
        }
    }

    /// Appends the blocks once more that the index has in a segment; those that cannot be read are returned.
    private mutating func moveBlocks(
        outOf number: UInt64, _ report: inout RepairReport
    ) throws(VaultError) -> [Fingerprint] {
        var entries: [BlockIndexEntry] = []
        try asVaultError { () throws(CatalogError) in
            try catalog.visitEntries { entry in
                if BlockLocation(entry.value).segment == number { entries.append(entry) }
                return .next
            }
        }
        // In the order of the file.
        entries.sort { $0.value.word1 < $1.value.word1 }
        guard let reader = try? store.directory.salvageSegment(number) else { return entries.map(\.fingerprint) }
        var lost: [Fingerprint] = []
        for entry in entries where !isUnpublished(entry.fingerprint) {
            let place = BlockLocation(entry.value)
            let buffer = pool.acquireWaiting()
            defer { pool.release(buffer) }
            guard Int(place.rawLength) <= pool.blockSize.bytes else {
                lost.append(entry.fingerprint)
                continue
            }
            do throws(StorageError) {
                try pool.withMutableBytes(of: buffer) { room throws(StorageError) in
                    try reader.read(place, of: entry.fingerprint, into: &room)
                }
            } catch {
                if case .io = error { throw .storage(error.description) }
                lost.append(entry.fingerprint)
                continue
            }
            guard try hash(buffer, count: Int(place.rawLength)) == entry.fingerprint else {
                lost.append(entry.fingerprint)
                continue
            }
            try appendAgain([descriptor(of: entry.fingerprint, place.rawLength, buffer)])
            report.blocksCopied += 1
            try commitIfDue()
        }
        return lost
    }

    /// Logs those rows of a damaged segment once more that are the last word on their keys.
    private mutating func logRows(of number: UInt64, _ report: inout RepairReport) throws(VaultError) {
        guard let reader = try? store.directory.salvageSegment(number),
            var examination = try? SegmentExamination(reader, durableTo: nil)
        else { return }
        while let step = try asVaultError({ () throws(StorageError) in try examination.next() }) {
            var rows: [CatalogMutation] = []
            for record in step.records {
                switch record {
                case .catalogPut(let table, let key, let value):
                    guard try isLastWord(table, key, value), let table = CatalogTable(rawValue: table) else { continue }
                    rows.append(CatalogMutation(table: table, key: key, value: value))
                case .catalogDelete(let table, let key):
                    guard try isLastWord(table, key, nil), let table = CatalogTable(rawValue: table) else { continue }
                    rows.append(CatalogMutation(table: table, key: key, value: nil))
                case .block, .other, .damaged: continue
                }
            }
            report.rowsLogged += UInt64(rows.count)
            if !rows.isEmpty { try commit(adding: rows) }
        }
    }

    /// Logs every row of the catalog once more, and that those are gone which other segments still have: what a damaged
    /// record said of which key nobody knows.
    private mutating func logEverything(except damaged: [UInt64], _ report: inout RepairReport) throws(VaultError) {
        for table in CatalogTable.allCases where table != .meta {
            var next: [UInt8]? = []
            while let start = next {
                next = nil
                var rows: [CatalogMutation] = []
                var bytes = 0
                try asVaultError { () throws(CatalogError) in
                    try catalog.scan(table, prefix: [], from: start.isEmpty ? nil : start) { key, value in
                        guard bytes < Self.repairStepBytes else {
                            next = key
                            return .stop
                        }
                        bytes += key.count + value.count
                        rows.append(CatalogMutation(table: table, key: key, value: value))
                        return .next
                    }
                }
                report.rowsLogged += UInt64(rows.count)
                if !rows.isEmpty { try commit(adding: rows) }
            }
        }
        for number in try asVaultError({ () throws(StorageError) in try store.segmentNumbers() })
        where !damaged.contains(number) {
            try logDeletes(of: number, &report)
        }
    }

    private mutating func logDeletes(of number: UInt64, _ report: inout RepairReport) throws(VaultError) {
        let reader = try asVaultError { () throws(StorageError) in try store.openSegment(number) }
        var replay = try asVaultError { () throws(StorageError) in try reader.replay() }
        while let records = try asVaultError({ () throws(StorageError) in try replay.next() }) {
            var rows: [CatalogMutation] = []
            for case .catalogPut(let table, let key, _) in records {
                guard try isLastWord(table, key, nil), let table = CatalogTable(rawValue: table) else { continue }
                rows.append(CatalogMutation(table: table, key: key, value: nil))
            }
            report.rowsLogged += UInt64(rows.count)
            if !rows.isEmpty { try commit(adding: rows) }
        }
    }

    private static var repairStepBytes: Int { 4 << 20 }

    /// Lost blocks with the objects that need them; those that nothing needs are only gone.
    private func describe(_ lost: Set<Fingerprint>) throws(VaultError) -> [LostBlock] {
        guard !lost.isEmpty else { return [] }
        var uses: [Fingerprint: [BlockUse]] = [:]
        try asVaultError { () throws(CatalogError) in
            try catalog.visitUses(where: { lost.contains($0) }) { use in
                uses[use.fingerprint, default: []].append(use)
                return .next
            }
        }
        return lost.sorted().map { LostBlock($0, uses: uses[$0] ?? []) }
    }
}
