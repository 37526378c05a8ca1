internal import Logging
internal import Objects
internal import S3

/// Further keys of a content that the target has: it copies, no byte is sent.
extension ObjectTransfer {
    /// The copy; nil when the target cannot or does not copy this, and the bytes must be sent.
    func copy(_ draft: ObjectDraft, from origin: ObjectRecord) async throws -> Result? {
        do {
            var draft = draft
            draft.etag = expectedETag(origin)
            let stored: StoredObject
            var upload: String?
            switch layout {
            case .whole: stored = try await copyWhole(draft, from: origin)
            case .parts: (stored, upload) = try await copyParts(draft, from: origin)
            }
            // The source's ETag is a digest of these very bytes, so equality with it is as good a proof.
            let expected = [draft.etag, version.etag.flatMap { ETag.isMD5($0) ? $0 : nil }].compactMap { $0 }
            let evidence = try await judge(stored, origin.parts, expected: expected, at: draft.location, isCopy: true)
            return Result(stored: stored, proof: origin.parts, way: .copy, evidence: evidence, upload: upload)
        } catch let failure as TargetFailure {
            return try fallBack(failure, origin)
        } catch let exception as ObjectException where exception.cause == .differs {
            context.logger.notice("a copy at the target differs; sending", metadata: ["name": "\(version.name.url)"])
            return nil
        }
    }

    /// The ETag of the copy as it follows from the digests; nil when the pieces differ from the origin's.
    private func expectedETag(_ origin: ObjectRecord) -> String? {
        guard layout.sizes(of: size) == origin.parts.map(\.size) else { return nil }
        let digests = origin.parts.compactMap(\.digests)
        guard digests.count == origin.parts.count else { return nil }
        if case .parts = layout { return ETag.multipart(digests) }
        return digests.first.map(ETag.whole)
    }

    /// A copy is a convenience: what it cannot do, an upload can. What would stop an upload too is thrown on.
    private func fallBack(_ failure: TargetFailure, _ origin: ObjectRecord) throws -> Result? {
        switch failure.kind {
        case .unsupported: context.stopCopying()
        case .changed, .noSuchObject, .noSuchUpload: context.journal.forget(content: origin.content ?? "")
        case .accessDenied, .refused, .malformedAnswer, .corrupted, .serverFailure, .metadataRefused, .file: break
        default: throw failure
        }
        context.logger.info(
            "copying at the target failed; sending",
            metadata: ["name": "\(version.name.url)", "reason": "\(failure.description)"])
        return nil
    }

    private func copyWhole(_ draft: ObjectDraft, from origin: ObjectRecord) async throws -> StoredObject {
        try await context.transferring {
            try await context.target.copy(draft, from: origin.location, etag: origin.etag)
        }
    }

    private func copyParts(
        _ draft: ObjectDraft, from origin: ObjectRecord
    ) async throws -> (stored: StoredObject, upload: String) {
        let upload = try await beginUpload(draft, isChecksummed: false)
        let ranges = layout.ranges(size: size)
        let parts = try await inParallel(ranges) { part in
            if let known = upload.parts[part.number] { return known }
            let stored = try await context.transferring {
                try await context.target.copyPart(upload.record.handle, part, from: origin.location, etag: origin.etag)
            }
            let record = PartRecord(
                upload: upload.record.id, number: part.number, etag: stored.etag, proof: nil, size: part.size)
            try context.journal.append(.part(record))
            return record
        }
        return (try await complete(upload.record, draft, parts), upload.record.id)
    }
}
