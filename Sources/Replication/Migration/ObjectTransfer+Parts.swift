internal import Objects
internal import S3

/// Objects in parts: begun once, continued by any later run, completed when the last part is there.
extension ObjectTransfer {
    /// Sends what the target does not have yet, and completes.
    func sendParts(_ draft: ObjectDraft, _ reader: any ContentReader) async throws -> Result {
        let ranges = layout.ranges(size: size)
        var upload = try await beginUpload(draft, isChecksummed: true)
        do {
            try await adoptParts(&upload, ranges, reader)
        } catch let failure as TargetFailure where failure.kind == .noSuchUpload {
            // It was completed by a run that died before it could say so, or it expired.
            if let done = try await completedEarlier(upload, draft, ranges) { return done }
            try context.journal.append(.uploadEnded(id: upload.record.id))
            upload = try await beginUpload(draft, isChecksummed: true)
        }
        let known = upload
        let parts = try await inParallel(ranges) { part in
            if let there = known.parts[part.number] { return there }
            return try await sendPart(part, known.record.handle, reader)
        }
        let proof = parts.compactMap(\.proof)
        let stored: StoredObject
        do {
            stored = try await complete(upload.record, draft, parts)
        } catch let failure as TargetFailure where failure.kind == .noSuchUpload {
            // The answer to the completion was lost, and the repetition found nothing to complete.
            var whole = upload
            for part in parts { whole.parts[part.number] = part }
            guard let done = try await completedEarlier(whole, draft, ranges) else { throw failure }
            return done
        }
        let expected = [ETag.multipart(proof.compactMap(\.digests))]
        let evidence = try await judge(stored, proof, expected: expected, at: draft.location, isCopy: false)
        return Result(stored: stored, proof: proof, way: .multipart, evidence: evidence, upload: upload.record.id)
    }

    private func sendPart(
        _ part: PartRange, _ upload: UploadHandle, _ reader: any ContentReader
    ) async throws -> PartRecord {
        try await context.sending(reader, part.range) { payload in
            let stored = try await context.target.uploadPart(upload, part, payload)
            let record = PartRecord(
                upload: upload.id, number: part.number, etag: stored.etag,
                proof: PartProof(size: part.size, payload.digests), size: part.size)
            try context.journal.append(.part(record))
            return record
        }
    }

    /// The upload that an earlier run began for this very revision, or a new one.
    func beginUpload(_ draft: ObjectDraft, isChecksummed: Bool) async throws -> JournalIndex.OpenUpload {
        let known = context.journal.upload(at: draft.location, revision: revision)
        if let known, isUsable(known, isChecksummed: isChecksummed) { return known }
        let leftovers = LeftoverUploads(context)
        if let intent = context.journal.intent(at: draft.location) { try await leftovers.settle(intent, keeping: nil) }
        let intent = LocationRecord(
            bucket: draft.location.bucket, key: draft.location.key.escaped, seconds: context.target.clockSeconds)
        try context.journal.append(.intent(intent))
        let created = try await context.transferring {
            try await context.target.createUpload(draft, isChecksummed: isChecksummed)
        }
        let record = UploadRecord(
            bucket: draft.location.bucket, key: draft.location.key.escaped, id: created.handle.id,
            isChecksummed: created.handle.isChecksummed, revision: revision, partSizes: layout.sizes(of: size),
            notApplied: created.notApplied)
        try context.journal.append(.upload(record))
        // Its parts are worth finding again even after the machine fails.
        try context.journal.sync()
        if created.mayHaveSiblings { try await leftovers.settle(intent, keeping: record.id) }
        return JournalIndex.OpenUpload(record: record, lines: [])
    }

    /// Parts that were copied prove nothing of what is sent, and a copied part brings no checksum to an upload that was
    /// promised them.
    private func isUsable(_ upload: JournalIndex.OpenUpload, isChecksummed: Bool) -> Bool {
        guard upload.record.partSizes == layout.sizes(of: size) else { return false }
        if !isChecksummed, upload.record.isChecksummed { return false }
        return upload.parts.values.allSatisfy { ($0.proof != nil) == isChecksummed }
    }

    /// Settles journal and target on which parts are there: the target's word counts, and a part that it has without
    /// our knowing is digested here rather than sent again.
    private func adoptParts(
        _ upload: inout JournalIndex.OpenUpload, _ ranges: [PartRange], _ reader: any ContentReader
    ) async throws {
        // A new upload has no lines of its own yet, and no parts anywhere.
        guard !upload.lines.isEmpty else { return }
        let handle = upload.record.handle
        let listed = try await context.transferring { try await context.target.parts(of: handle) }
        guard let listed else { return }
        let there = Dictionary(listed.map { ($0.number, $0) }) { _, last in last }
        for part in ranges {
            guard let stored = there[part.number], stored.size == part.size else {
                upload.parts[part.number] = nil
                continue
            }
            if upload.parts[part.number]?.etag == stored.etag { continue }
            upload.parts[part.number] = nil
            guard ETag.isMD5(stored.etag) else { continue }
            let digests = try await context.sending(reader, part.range) { $0.digests }
            guard ByteText.hex(digests.md5) == stored.etag else { continue }
            let record = PartRecord(
                upload: handle.id, number: part.number, etag: stored.etag, proof: PartProof(size: part.size, digests),
                size: part.size)
            try context.journal.append(.part(record))
            upload.parts[part.number] = record
        }
    }

    /// The object, when all parts were acknowledged, the upload is gone and the target has exactly these bytes.
    private func completedEarlier(
        _ upload: JournalIndex.OpenUpload, _ draft: ObjectDraft, _ ranges: [PartRange]
    ) async throws -> Result? {
        let proof = ranges.compactMap { upload.parts[$0.number]?.proof }
        guard proof.count == ranges.count,
            let there = try await context.transferring({ try await context.target.describe(draft.location) }),
            there.size == size
        else { return nil }
        let etag = ETag.multipart(proof.compactMap(\.digests))
        let stored = StoredObject(etag: there.etag, notApplied: upload.record.notApplied)
        let evidence: Evidence
        if there.etag == etag {
            evidence = .etag
        } else if try await ReadBack(context).matches(draft.location, size, proof) {
            evidence = .readBack
        } else {
            return nil
        }
        return Result(stored: stored, proof: proof, way: .multipart, evidence: evidence, upload: upload.record.id)
    }

    /// Completes the upload of all parts.
    func complete(_ upload: UploadRecord, _ draft: ObjectDraft, _ parts: [PartRecord]) async throws -> StoredObject {
        let completed = parts.map { part in
            CompletedPart(
                part: StoredPart(number: part.number, etag: part.etag, size: part.size), digests: part.proof?.digests)
        }
        var stored = try await context.transferring {
            try await context.target.completeUpload(upload.handle, draft, parts: completed)
        }
        stored.notApplied += upload.notApplied
        return stored
    }

    /// Runs `body` for every part, as many at once as transfers are allowed; results in the parts' order.
    func inParallel(
        _ ranges: [PartRange], _ body: @escaping @Sendable (PartRange) async throws -> PartRecord
    ) async throws -> [PartRecord] {
        try await withThrowingTaskGroup(of: PartRecord.self) { group in
            var done: [PartRecord] = []
            done.reserveCapacity(ranges.count)
            for (started, part) in ranges.enumerated() {
                if started >= context.options.parallel, let record = try await group.next() { done.append(record) }
                group.addTask { try await body(part) }
            }
            for try await record in group { done.append(record) }
            return done.sorted { $0.number < $1.number }
        }
    }
}
