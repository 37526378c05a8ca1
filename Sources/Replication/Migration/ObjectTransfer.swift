internal import Objects
internal import S3

/// Brings one version to the target: finds it there, copies it there, or sends it.
struct ObjectTransfer: Sendable {
    /// What came of a transfer, before it is written down.
    struct Result: Sendable {
        var stored: StoredObject
        /// Digests of the object's bytes, piece by piece.
        var proof: [PartProof]
        var way: TransferWay
        var evidence: Evidence
        /// The upload in parts that was completed.
        var upload: String?
    }

    let version: SourceVersion
    let context: RunContext
    let size: UInt64
    let revision: String
    /// The content's identity in hexadecimal, as the journal writes it.
    let content: String?
    let layout: PartLayout

    init(_ version: SourceVersion, _ context: RunContext) {
        self.version = version
        self.context = context
        size = version.size ?? 0
        revision = SourceRevision.of(version)
        content = version.content.map { ByteText.hex($0.bytes) }
        layout = PartLayout(
            size: size, sourceParts: version.partSizes, rules: context.target.rules, options: context.options)
    }

    /// Settles the version and reports on it. Throws only what ends the run.
    func run() async throws {
        guard let location = context.mapping.location(of: version.name) else {
            // A bucket that came up after the survey: the next run maps it.
            return try context.finish(excepted(nil, ObjectException(.notRepresentable, "its bucket is not mapped yet")))
        }
        if version.isTombstone { return try await settleTombstone(location) }
        do {
            try context.finish(try await replicate(to: location))
        } catch let exception as ObjectException {
            try context.finish(excepted(location, exception))
        } catch let failure as TargetFailure where failure.reaction == .failObject {
            try context.finish(excepted(location, ObjectException(.target, failure.description)))
        } catch ReplicationError.source(let reason) {
            try context.finish(excepted(location, ObjectException(.unreadable, reason)))
        }
    }

    private func excepted(_ location: TargetLocation?, _ exception: ObjectException) -> ObjectReport {
        var report = ObjectReport(version, target: location, outcome: .exception)
        report.exception = exception
        return report
    }

    // MARK: Live versions

    private func replicate(to location: TargetLocation) async throws -> ObjectReport {
        guard context.journal.claim(location) else {
            let other = try context.journal.object(at: location)?.name
            throw ObjectException(
                .collision,
                "\(location.path) at the target is already the place of \(other ?? "another object of this run")")
        }
        if let exception = ObjectException(of: version) { throw exception }
        let draft = ObjectDraft(location: location, source: version.name, size: size, metadata: version.metadata)
        if let objection = context.target.objection(to: draft) { throw ObjectException(.notRepresentable, objection) }

        var wasRepaired = false
        if let record = try context.journal.object(at: location), record.revision == revision {
            if try await isAsRecorded(record) { return report(record, .present) }
            // What the journal says of this content is wrong now; nobody may copy from it.
            context.journal.forget(content: record.content ?? "")
            wasRepaired = true
        }
        let record = try await obtain(draft)
        var report = report(record, record.way == .copy ? .copied : .sent)
        report.wasRepaired = wasRepaired
        return report
    }

    /// Copies when the target has the content or is about to, and sends otherwise.
    private func obtain(_ draft: ObjectDraft) async throws -> ObjectRecord {
        guard size > 0, let content, context.copies else { return try await keep(try await send(draft), draft) }
        while true {
            if let origin = try context.journal.object(content: content), origin.size == size {
                if let copied = try await copy(draft, from: origin) { return try await keep(copied, draft) }
                return try await keep(try await send(draft), draft)
            }
            guard await context.leads.begin(content) else {
                try Task.checkCancellation()
                continue
            }
            // The record is written before the lead ends, so that the followers find it.
            defer { context.leads.end(content) }
            // The content may have come between the question and the lead.
            if try context.journal.object(content: content)?.size == size { continue }
            return try await keep(try await send(draft), draft)
        }
    }

    /// Checks the object as the options ask, and writes it down.
    private func keep(_ result: Result, _ draft: ObjectDraft) async throws -> ObjectRecord {
        try await verify(result, draft.location)
        let record = record(result, draft.location)
        try context.journal.append(.object(record))
        // After the object, so that a crash in between leaves an upload to look for, not an object to send again.
        if let upload = result.upload { try context.journal.append(.uploadEnded(id: upload)) }
        return record
    }

    private func send(_ draft: ObjectDraft) async throws -> Result {
        let reader = try await context.reading { try await context.source.open(version) }
        if case .parts = layout { return try await sendParts(draft, reader) }
        let (stored, digests) = try await context.sending(reader, 0..<size) { payload in
            try checkStated(payload.digests)
            return (try await context.target.put(draft, payload), payload.digests)
        }
        let proof = [PartProof(size: size, digests)]
        let evidence = try await judge(
            stored, proof, expected: [ETag.whole(digests)], at: draft.location, isCopy: false)
        return Result(stored: stored, proof: proof, way: .put, evidence: evidence)
    }

    /// Compares what was read with the digests that the old cloud stated for the whole of it.
    ///
    /// A difference means that the vault's word "complete" is wrong; nothing of it may reach the target.
    private func checkStated(_ digests: PayloadDigests) throws {
        for digest in version.digests where digest.scope == .whole && !digest.isAdvisory {
            let computed: [UInt8]
            switch digest.algorithm {
            case .md5: computed = digests.md5
            case .sha256: computed = digests.sha256
            case .sha1, .crc32, .crc32c, .crc64nvme: continue
            }
            if computed != digest.value {
                throw ObjectException(
                    .mismatch,
                    "\(digest.algorithm.rawValue) of its bytes is \(ByteText.hex(computed)), but the old cloud stated "
                        + "\(ByteText.hex(digest.value)) (\(digest.source))")
            }
        }
    }

    // MARK: Tombstones

    private func settleTombstone(_ location: TargetLocation) async throws {
        guard let record = try context.journal.object(at: location), record.name == version.name.url else { return }
        var report = ObjectReport(version, target: location, outcome: .deletedAtSource)
        report.sourceSide.size = nil
        do {
            if context.options.deletesTombstoned {
                try await context.transferring { try await context.target.delete(location) }
                let deleted = LocationRecord(
                    bucket: location.bucket, key: location.key.escaped, seconds: context.target.clockSeconds)
                try context.journal.append(.deleted(deleted))
                report.outcome = .deleted
            } else {
                context.journal.markDeletedAtSource(location)
                report.targetSide = ObjectReport.Side(size: record.size, etag: record.etag, sha256: nil)
            }
        } catch let failure as TargetFailure where failure.reaction == .failObject {
            report.outcome = .exception
            report.exception = ObjectException(.target, failure.description)
        }
        try context.finish(report)
    }

    // MARK: Records

    private func record(_ result: Result, _ location: TargetLocation) -> ObjectRecord {
        var notApplied = result.stored.notApplied
        if version.metadata.lastModified != nil, !context.target.rules.keepsLastModified {
            notApplied.append("last-modified: the target sets its own")
        }
        return ObjectRecord(
            name: version.name.url, bucket: location.bucket, key: location.key.escaped, revision: revision,
            content: content, size: size, etag: result.stored.etag, sourceETag: version.etag,
            versionID: result.stored.versionID, parts: result.proof, way: result.way, evidence: result.evidence,
            notApplied: notApplied)
    }

    private func report(_ record: ObjectRecord, _ outcome: ObjectReport.Outcome) -> ObjectReport {
        var report = ObjectReport(version, target: record.location, outcome: outcome)
        let sha256 = Self.sha256(record.parts)
        report.sourceSide.sha256 = sha256
        // An ETag that was the proof is no proof of a SHA-256; the others are.
        report.targetSide = ObjectReport.Side(
            size: record.size, etag: record.etag, sha256: record.evidence == .etag ? nil : sha256)
        report.evidence = record.evidence
        report.versionID = record.versionID
        report.notApplied = record.notApplied
        return report
    }

    /// SHA-256 of one piece, or of the pieces' SHA-256s and their number.
    private static func sha256(_ proof: [PartProof]) -> String? {
        if proof.count == 1 { return proof.first?.sha256 }
        var digest = RunningDigest(.sha256)
        for part in proof { digest.update(part.digests?.sha256 ?? []) }
        return "\(ByteText.hex(digest.finish()))-\(proof.count)"
    }
}
