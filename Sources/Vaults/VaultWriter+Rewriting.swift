internal import Blocks
internal import Catalog
internal import Objects
internal import Storage

// The sweep of a collection: what a segment holds that is in use goes to the log's end, then the segment goes.

extension VaultWriter {
    /// Rewrites a part of the segment at the list's end.
    mutating func sweepSome(_ segments: [UInt64]) throws(VaultError) {
        guard var rewrite = try rewriteUnderWay(segments) else { return }
        try waitForRoomInSpool(UInt64(2 * Self.rewriteStepBytes))
        var isWhole = true
        do throws(VaultError) {
            isWhole = try copySome(&rewrite)
            try appendCopies(&rewrite)
            // Now, not with a later step's: between two steps traffic may overrule a row, and a row that is logged behind
            // what overruled it would bring the old value back.
            try commitRows(&rewrite)
            collection?.rewrite = rewrite
            if !isWhole { return }
            try finish(&rewrite)
        } catch {
            pool.release(rewrite.copies)
            guard case .damagedBlock = error else { throw error }
            // A copy of a damaged block would hide the damage: the segment stays for scrub and heal.
            collection?.report.damage.append(error.description)
            collection?.report.segmentsRewritten -= 1
            collection?.report.rewrittenBytes -= rewrite.byteCount
        }
        collection?.rewrite = nil
        collection?.phase = .sweep(segments.dropLast())
    }

    /// The rewrite of the segment at the list's end, begun if need be; nil when none is left, and the sweep ends.
    private mutating func rewriteUnderWay(_ segments: [UInt64]) throws(VaultError) -> SegmentRewrite? {
        if let rewrite = collection?.rewrite { return rewrite }
        guard let number = segments.last else {
            try removeDropped()
            collection?.phase = .done
            return nil
        }
        let reader = try asVaultError { () throws(StorageError) in try store.openSegment(number) }
        // Retired segments count as well: who makes a folder of what the medium has may find them there still.
        let first = try asVaultError { () throws(StorageError) in
            try (store.segmentNumbers() + store.directory.retiredSegments().map(\.number)).min()
        }
        let size = try asVaultError { () throws(StorageError) in try reader.size() }
        let replay = try asVaultError { () throws(StorageError) in try reader.replay() }
        return SegmentRewrite(number: number, byteCount: size, isFirst: first == number, replay: replay)
    }

    /// Copies a bounded part of what is in use. True at the segment's end.
    private mutating func copySome(_ rewrite: inout SegmentRewrite) throws(VaultError) -> Bool {
        var copied = 0
        while copied < Self.rewriteStepBytes {
            if rewrite.done == rewrite.records.count {
                let records = try asVaultError { () throws(StorageError) in try rewrite.replay.next() }
                guard let records else { return true }
                rewrite.records = records
                rewrite.done = 0
            }
            let record = rewrite.records[rewrite.done]
            switch record {
            case .block(let fingerprint, let place):
                if collection?.filter.contains(fingerprint) ?? true {
                    guard let bytes = try copy(fingerprint, at: place, &rewrite) else { return false }
                    copied += bytes
                } else {
                    rewrite.unused.append((fingerprint, place))
                }
            case .catalogPut(let table, let key, let value):
                if try isLastWord(table, key, value), let table = CatalogTable(rawValue: table) {
                    rewrite.rows.append(CatalogMutation(table: table, key: key, value: value))
                    rewrite.rowBytes += key.count + value.count
                }
            case .catalogDelete(let table, let key):
                // An older segment may hold the row: without the delete a rebuild would bring it back.
                if !rewrite.isFirst, try isLastWord(table, key, nil), let table = CatalogTable(rawValue: table) {
                    rewrite.rows.append(CatalogMutation(table: table, key: key, value: nil))
                    rewrite.rowBytes += key.count
                }
            case .other: break
            case .damaged(let offset, let reason):
                throw .damagedBlock(
                    fingerprint: "-", object: store.directory.path(of: rewrite.number), range: offset..<offset,
                    reason: reason)
            }
            rewrite.done += 1
            if rewrite.rowBytes >= Self.rewriteStepBytes { try commitRows(&rewrite) }
        }
        return false
    }

    private mutating func commitRows(_ rewrite: inout SegmentRewrite) throws(VaultError) {
        try commit(adding: rewrite.rows)
        rewrite.rows.removeAll(keepingCapacity: true)
        rewrite.rowBytes = 0
    }

    /// Reads and proves a block, to be appended to the log once more, unless the index has it elsewhere. Returns its
    /// bytes; nil when no buffer is free: another time, then.
    private mutating func copy(
        _ fingerprint: Fingerprint, at place: BlockLocation, _ rewrite: inout SegmentRewrite
    ) throws(VaultError) -> Int? {
        let known = try asVaultError { () throws(CatalogError) in try catalog.locate(fingerprint) }
        guard known == BlockIndexValue(place), !isUnpublished(fingerprint) else { return 0 }
        if rewrite.copies.count >= Self.copiesMax { try appendCopies(&rewrite) }
        var free = pool.acquire()
        if free == nil, !rewrite.copies.isEmpty {
            try appendCopies(&rewrite)
            free = pool.acquire()
        }
        guard let buffer = free else { return nil }
        var isKept = false
        defer { if !isKept { pool.release(buffer) } }
        func damaged(_ reason: String) -> VaultError {
            .damagedBlock(
                fingerprint: String(describing: fingerprint), object: store.directory.path(of: place.segment),
                range: place.payloadOffset..<place.payloadOffset + UInt64(place.storedLength), reason: reason)
        }
        do throws(StorageError) {
            try store.read(place, of: fingerprint, into: buffer, of: pool)
        } catch {
            guard case .damaged = error else { throw .storage(error.description) }
            throw damaged(error.description)
        }
        var block = BlockDescriptor(transfer: TransferID(0), offset: 0, length: place.rawLength, buffer: buffer)
        block.fingerprint = try hash(buffer, count: Int(place.rawLength))
        block.isKeyed = true
        guard block.fingerprint == fingerprint else { throw damaged("its bytes have another fingerprint") }
        rewrite.copies.append(block)
        isKept = true
        collection?.report.copiedBytes += UInt64(place.storedLength)
        return Int(place.storedLength)
    }

    /// Appends the blocks that were read, in one frame.
    private mutating func appendCopies(_ rewrite: inout SegmentRewrite) throws(VaultError) {
        guard !rewrite.copies.isEmpty else { return }
        try appendAgain(rewrite.copies)
        pool.release(rewrite.copies)
        rewrite.copies.removeAll(keepingCapacity: true)
    }

    /// The vault's fingerprint of a buffer's bytes.
    func hash(_ buffer: BlockBuffer, count: Int) throws(VaultError) -> Fingerprint {
        let fingerprints = try VaultFingerprints(keys: keys)
        return try pool.withBytes(of: buffer, count: count) { bytes throws(VaultError) in
            try fingerprints.fingerprint(of: bytes)
        }
    }

    /// Makes durable what was copied, takes dead blocks out of the index, and lets the segment go.
    private mutating func finish(_ rewrite: inout SegmentRewrite) throws(VaultError) {
        // From here to the end nothing else is written: what is not marked now is used by nothing.
        if var current = collection.take() {
            ledger.visitOpenReferences { current.filter.insert($0) }
            collection = current
        }
        var dead: [Fingerprint] = []
        for (fingerprint, place) in rewrite.unused {
            if collection?.filter.contains(fingerprint) ?? true {
                // A buffer is free: whoever holds the others gives them back to other threads.
                while try copy(fingerprint, at: place, &rewrite) == nil { pool.release(pool.acquireWaiting()) }
            } else {
                dead.append(fingerprint)
            }
        }
        try appendCopies(&rewrite)
        try commit()
        try withdraw(dead, in: rewrite)
        try asVaultError { () throws(CatalogError) in try catalog.synchronize() }
        try asVaultError { () throws(StorageError) in
            if backend == nil {
                try store.drop(rewrite.number)
            } else {
                try store.retire(rewrite.number, copiesUpTo: log.position.segment)
            }
        }
    }

    /// Takes blocks out of the index that lie in the segment, and nowhere else.
    private mutating func withdraw(_ dead: [Fingerprint], in rewrite: SegmentRewrite) throws(VaultError) {
        let places = try asVaultError { () throws(CatalogError) in try catalog.locate(dead) }
        let gone = zip(dead, places).filter { $1.map { BlockLocation($0).segment } == rewrite.number }.map(\.0)
        try asVaultError { () throws(CatalogError) in try catalog.withdraw(gone) }
        collection?.report.blocksRemoved += UInt64(gone.count)
    }

    /// Removes files of rewritten segments whose time of grace is over.
    private mutating func removeDropped() throws(VaultError) {
        guard let current = collection else { return }
        let grace = current.options.graceNanoseconds
        let removed = try asVaultError { () throws(StorageError) in
            try store.directory.removeDropped(olderThan: grace, at: wallClock())
        }
        collection?.report.bytesFreed += removed.freed
        collection?.report.bytesInGrace += removed.kept
        guard let sending else { return }
        let directory = store.directory
        let (all, gone) = try asVaultError { () throws(StorageError) in
            (try directory.retiredSegments(), try directory.removableSegments(olderThan: grace, at: wallClock()))
        }
        let bytes = gone.reduce(0) { $0 + $1.size }
        collection?.report.bytesFreed += bytes
        collection?.report.bytesInGrace += all.reduce(0) { $0 + $1.size } - bytes
        sending.remove(gone.map(\.number))
    }

    /// Blocks that share a frame, and its header, at most.
    private static var copiesMax: Int { 64 }
    /// What a step reads and writes at most: a few milliseconds.
    private static var rewriteStepBytes: Int { 4 << 20 }
}
