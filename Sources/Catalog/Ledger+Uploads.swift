internal import Blocks
internal import Objects

// Multipart uploads: parts gather under the upload until its completion fixes which of them make the object.

extension Ledger {
    mutating func applyCreated(_ event: UploadEvent) throws(CatalogError) {
        var (upload, key) = try upload(event.name, event.uploadID, event.seen)
        upload.metadata.fill(from: event.metadata)
        try write(upload, key)
        try noteUpload(HistoryRecord(.uploadCreated, event.seen), event.name, event.uploadID)
    }

    mutating func applyAborted(_ event: UploadEvent) throws(CatalogError) {
        var (upload, key) = try upload(event.name, event.uploadID, event.seen)
        // The cloud completed it: an abort that it accepted afterwards changed nothing.
        if upload.phase != .completed {
            upload.phase = .aborted
            for part in try parts(ofUpload: key) { try delete(part) }
        }
        try write(upload, key)
        try noteUpload(HistoryRecord(.uploadAborted, event.seen), event.name, event.uploadID)
    }

    mutating func apply(_ event: PartStoredEvent) throws(CatalogError) {
        let contribution = take(event.transfer, at: 0, length: event.size)
        var (upload, key) = try upload(event.name, event.uploadID, event.seen)
        var part = PartRecord(
            upload: key, number: event.partNumber, etag: event.etag, size: event.size, seen: event.seen)
        part.digests = event.digests
        let joined = try accept(&part, contribution, of: &upload, key)

        var entry = HistoryRecord(.partStored, event.seen)
        entry.etag = event.etag
        entry.partNumber = event.partNumber
        entry.byteCount = contribution.byteCount
        entry.gaps = contribution.gapsForHistory
        try noteUpload(entry, event.name, event.uploadID, stored: joined)
    }

    mutating func apply(_ event: PartCopiedEvent) throws(CatalogError) {
        // A part's ETag is not the source's, whose ETag is that of the whole object: no comparison is possible.
        let source = try copySource(
            event.source, versionID: event.sourceVersionID, before: event.seen.time, targetETag: nil)
        var (upload, key) = try upload(event.name, event.uploadID, event.seen)
        let range = event.sourceRange ?? source?.size.map { 0..<$0 }
        var part = PartRecord(
            upload: key, number: event.partNumber, etag: event.etag, size: range.map { $0.upperBound - $0.lowerBound },
            seen: event.seen)
        var contribution = Contribution()
        if let source, let range { contribution = try cut(range, of: source) }
        _ = try accept(&part, contribution, of: &upload, key)

        var entry = HistoryRecord(.partCopied, event.seen)
        entry.etag = event.etag
        entry.partNumber = event.partNumber
        entry.detail = event.source.url
        entry.byteCount = contribution.byteCount
        try noteUpload(entry, event.name, event.uploadID)
    }

    mutating func apply(_ event: UploadCompletedEvent) throws(CatalogError) {
        var (upload, key) = try upload(event.name, event.uploadID, event.seen)
        var context = try begin(event.name)
        var version: VersionRecord
        if upload.phase == .completed, let id = upload.version, var known = try self.version(id) {
            // A client that repeats the completion gets the same answer again: the first one made the version.
            if event.seen.time < known.time {
                try move(
                    &known, to: VersionID(name: event.name, time: event.seen.time, tag: known.id.tag), in: &context)
            }
            version = known
        } else {
            let birth = Birth(
                time: event.seen.time, etag: event.etag, versionID: event.versionID, origin: .multipart,
                seen: event.seen)
            version = try upsert(birth, in: &context)
        }
        version.learn(
            etag: event.etag, versionID: event.versionID, metadata: upload.metadata, digests: event.digests,
            seen: event.seen)
        if version.parts.isEmpty || version.isPartListUnknown {
            var listed = event.parts
            if let count = listed?.count, count > limits.partNumberMax {
                counters.partsRefused += UInt64(count)
                listed = nil
            }
            version.isPartListUnknown = listed == nil
            version.parts = (listed ?? []).map {
                VersionRecord.Part(number: $0.number, etag: $0.etag, size: nil)
            }
            version.floatingUploadID = event.uploadID
        }
        upload.phase = .completed
        upload.version = version.id
        try write(upload, key)
        try place(&version)
        try settle(&version)
        try write(version, in: &context)
        try finish(context)

        var entry = HistoryRecord(.uploadCompleted, event.seen)
        entry.etag = event.etag
        entry.versionID = event.versionID
        try noteUpload(entry, event.name, event.uploadID)
    }

    /// The upload's row, made when its creation was not seen.
    private func upload(
        _ name: ObjectName, _ uploadID: String, _ seen: Observation
    ) throws(CatalogError) -> (UploadRecord, key: [UInt8]) {
        let key = CatalogKey.upload(name, uploadID: uploadID)
        guard let bytes = try value(of: key, in: .uploads) else {
            return (UploadRecord(name: name, uploadID: uploadID, seen: seen), key)
        }
        var upload = try UploadRecord(key: key, decoding: bytes)
        upload.firstSeen = min(upload.firstSeen, seen.firstTime)
        upload.lastSeen = max(upload.lastSeen, seen.time)
        return (upload, key)
    }

    private mutating func write(_ upload: UploadRecord, _ key: [UInt8]) throws(CatalogError) {
        try put(key, in: .uploads, upload.encoded)
    }

    private mutating func noteUpload(
        _ entry: HistoryRecord, _ name: ObjectName, _ uploadID: String, stored: UInt64 = 0
    ) throws(CatalogError) {
        var context = try begin(name)
        var entry = entry
        entry.detail = [entry.detail, "upload \(uploadID)"].compactMap(\.self).joined(separator: ", ")
        try note(entry, in: &context)
        try touch(name, entry.seen, stored: stored)
        try finish(context)
    }

    /// Keeps an accepted part until its place is settled, or puts it into the version at once when the upload is complete.
    private mutating func accept(
        _ part: inout PartRecord, _ contribution: Contribution, of upload: inout UploadRecord, _ key: [UInt8]
    ) throws(CatalogError) -> UInt64 {
        guard (1...max(1, limits.partNumberMax)).contains(part.number) else {
            counters.partsRefused += 1
            return 0
        }
        guard upload.phase != .aborted else { return 0 }
        var version: VersionRecord?
        if upload.phase == .completed {
            version = try upload.version.flatMap { (id) throws(CatalogError) in try self.version(id) }
            // All parts are in their places: this is a replay.
            guard version?.floatingUploadID != nil else { return 0 }
        }
        if try value(of: part.key, in: .parts) != nil { return 0 }
        var healed: [ReportedGaps.Entry] = []
        let joined = try join(
            contribution, to: &part.holdings, of: .part(part.key), size: part.size, healed: &healed)
        overlay.set(part.key, in: .parts, part.encoded)
        try write(upload, key)
        let attempts = try self.attempts(ofUpload: key, number: part.number)
        for superseded in attempts.dropFirst(max(1, limits.attemptsPerPartMax)) {
            counters.attemptsDropped += 1
            try delete(superseded)
        }
        if var version {
            var context = try begin(upload.name)
            try place(&version)
            try settle(&version)
            try write(version, in: &context)
            try finish(context)
        }
        return joined
    }

    /// The accepted uploads of one part, the latest first.
    private func attempts(ofUpload key: [UInt8], number: Int) throws(CatalogError) -> [PartRecord] {
        let prefix = CatalogKey.part(upload: key, number: number, time: .max, etag: nil).dropLast(8)
        return try parts(ofUpload: Array(prefix))
    }

    private mutating func delete(_ part: PartRecord) throws(CatalogError) {
        if part.holdings.isPaged { try deletePages(.part(part.key)) }
        overlay.set(part.key, in: .parts, nil)
    }

    /// Puts the parts of a completed upload into the version, as far as their offsets are certain.
    ///
    /// An offset is certain when the lengths of all parts before are known, or the object's length and those of all parts
    /// behind. The length of the only unknown part is what the others leave. What is not certain stays with the upload
    /// until a read, a description, a listing or a late part tells more.
    mutating func place(_ version: inout VersionRecord) throws(CatalogError) {
        guard let uploadID = version.floatingUploadID else { return }
        let key = CatalogKey.upload(version.name, uploadID: uploadID)
        let parts = try self.parts(ofUpload: key)
        if version.isPartListUnknown, !version.inferParts(from: parts) { return }
        let byNumber = Dictionary(grouping: parts, by: \.number)
        var chosen: [Int: PartRecord] = [:]
        for (index, part) in version.parts.enumerated() where !part.isPlaced {
            // The latest of a number comes first; the completing request's ETag decides between them.
            chosen[index] = byNumber[part.number]?.first {
                part.etag == nil || $0.etag == nil || $0.etag == part.etag
            }
            if let attempt = chosen[index] {
                version.parts[index].size = version.parts[index].size ?? attempt.size
                version.parts[index].etag = part.etag ?? attempt.etag
            }
        }
        guard version.inferSizes() else {
            counters.contradictions += 1
            return
        }
        let offsets = version.partOffsets()
        for (index, offset) in offsets.enumerated() {
            guard let offset, !version.parts[index].isPlaced, let attempt = chosen[index] else { continue }
            _ = try join(
                attempt.holdings, of: .part(attempt.key), movedBy: offset, limitedTo: version.parts[index].size,
                to: &version, at: version.time)
            version.parts[index].isPlaced = true
            version.firstSeen = min(version.firstSeen, attempt.firstSeen)
            try delete(attempt)
        }
        if version.parts.allSatisfy(\.isPlaced) {
            version.floatingUploadID = nil
            for part in try self.parts(ofUpload: key) { try delete(part) }
        }
    }

    /// The bytes of `range` of a version as a contribution to a part that begins there. Whole extents move; of those that
    /// the range cuts, slices remain.
    private func cut(_ range: Range<UInt64>, of source: VersionRecord) throws(CatalogError) -> Contribution {
        var contribution = Contribution()
        var whole = RangeSet()
        var cut: [Extent] = []
        try visitExtents(of: source, from: range.lowerBound) { extent in
            guard extent.offset < range.upperBound else { return .stop }
            if extent.offset >= range.lowerBound, extent.end <= range.upperBound {
                whole.insert(extent.offset..<extent.end)
                contribution.extents.append(
                    Extent(
                        offset: extent.offset - range.lowerBound, length: extent.length,
                        fingerprint: extent.fingerprint))
            } else {
                cut.append(extent)
            }
            return .next
        }
        let held = cut.map { BlockSlice(offset: $0.offset, length: $0.length, skip: 0, fingerprint: $0.fingerprint) }
        for piece in held + source.holdings.slices {
            let kept = (piece.offset..<piece.end).clamped(to: range)
            guard !kept.isEmpty, !whole.contains(kept) else { continue }
            contribution.slices.append(
                BlockSlice(
                    offset: kept.lowerBound - range.lowerBound, length: UInt32(kept.upperBound - kept.lowerBound),
                    skip: piece.skip + UInt32(kept.lowerBound - piece.offset), fingerprint: piece.fingerprint))
        }
        contribution.slices.sort { $0.offset < $1.offset }
        for missing in source.holdings.covered.missing(within: range) {
            for piece in source.holdings.reported.pieces(of: missing) where piece.cause != .neverSeen {
                contribution.reported.append(
                    ReportedGaps.Entry(
                        range: piece.range.lowerBound - range.lowerBound..<piece.range.upperBound - range.lowerBound,
                        cause: piece.cause))
            }
        }
        return contribution
    }
}

extension VersionRecord {
    /// Takes the parts that were seen for those that make the object, when the cloud's words leave no doubt: their lengths
    /// add up to the object's, and their number is the one in its ETag. The ETag itself is checked later like any other.
    fileprivate mutating func inferParts(from seen: [PartRecord]) -> Bool {
        var latest: [PartRecord] = []
        for part in seen where latest.last?.number != part.number { latest.append(part) }
        let sizes = latest.compactMap(\.size)
        guard let size, !latest.isEmpty, sizes.count == latest.count, sizes.reduce(0, { $0 &+ $1 }) == size else {
            return false
        }
        for checked in digests {
            if case .composite(let count) = checked.digest.scope, count != latest.count { return false }
        }
        parts = latest.map { Part(number: $0.number, etag: $0.etag, size: $0.size) }
        isPartListUnknown = false
        return true
    }

    /// Completes lengths: the object's from its parts, or the only unknown part's from the object. False when they
    /// contradict each other.
    fileprivate mutating func inferSizes() -> Bool {
        var sum: UInt64 = 0
        for part in parts {
            let (next, overflows) = sum.addingReportingOverflow(part.size ?? 0)
            guard !overflows else { return false }
            sum = next
        }
        let unknown = parts.indices.filter { parts[$0].size == nil }
        guard let size else {
            if unknown.isEmpty, !parts.isEmpty, sum >= holdings.covered.end { self.size = sum }
            return true
        }
        guard sum <= size, !unknown.isEmpty || sum == size else { return false }
        if unknown.count == 1 { parts[unknown[0]].size = size - sum }
        return true
    }

    /// Offsets of the parts, where they are certain.
    fileprivate func partOffsets() -> [UInt64?] {
        var offsets = [UInt64?](repeating: nil, count: parts.count)
        var position: UInt64 = 0
        for index in parts.indices {
            offsets[index] = position
            guard let length = parts[index].size else { break }
            position += length
        }
        guard var end = size else { return offsets }
        for index in parts.indices.reversed() {
            guard let length = parts[index].size, offsets[index] == nil, length <= end else { break }
            end -= length
            offsets[index] = end
        }
        return offsets
    }
}
