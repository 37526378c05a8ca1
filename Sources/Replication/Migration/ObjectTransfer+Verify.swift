internal import Objects
internal import S3

/// By what it is known that the target has our bytes.
extension ObjectTransfer {
    /// Judges the answer to a write: by its ETag, by the checksum the target computed, by the nature of the target, and
    /// when none of these tells, by reading back. Throws an exception of cause `differs` when the bytes are not ours.
    func judge(
        _ stored: StoredObject, _ proof: [PartProof], expected: [String], at location: TargetLocation, isCopy: Bool
    ) async throws -> Evidence {
        if stored.etagIsDigest, let etag = stored.etag, expected.contains(etag), !context.target.rules.confirmsWrites {
            return .etag
        }
        if context.target.rules.confirmsWrites, !isCopy { return .synced }
        let etagSpeaks = stored.etagIsDigest && stored.etag.map(ETag.isMD5) == true
        if !etagSpeaks, let sha256 = stored.sha256, proof.count == 1, proof[0].sha256 == ByteText.hex(sha256) {
            return .checksum
        }
        // A service may state ETags that only look like MD5 (after compression, say): the bytes decide.
        if try await ReadBack(context).matches(location, size, proof) { return .readBack }
        throw ObjectException(
            .differs,
            "the target states ETag \(stored.etag ?? "none") where \(expected.first ?? "another") follows from the bytes, "
                + "and what it gives back is not what was sent")
    }

    /// The check after a write that the options ask for.
    func verify(_ result: Result, _ location: TargetLocation) async throws {
        switch context.options.verification {
        case .answer: return
        case .head:
            let there = try await context.transferring { try await context.target.describe(location) }
            guard let there, there.size == size, there.etag == nil || there.etag == result.stored.etag else {
                throw ObjectException(.differs, "the target \(Self.words(there)) right after it was stored")
            }
        case .readBack:
            if result.evidence == .readBack { return }
            guard try await ReadBack(context).matches(location, size, result.proof) else {
                throw ObjectException(.differs, "what the target gives back is not what was sent")
            }
        }
    }

    /// True when the target still has what the journal says, as far as the options ask.
    ///
    /// A folder is always asked: it costs no request, and people move files.
    func isAsRecorded(_ record: ObjectRecord) async throws -> Bool {
        if context.options.verification == .answer, !context.target.rules.confirmsWrites { return true }
        if context.options.verification == .readBack {
            return try await ReadBack(context).matches(record.location, size, record.parts)
        }
        let there = try await context.transferring { try await context.target.describe(record.location) }
        return there.map { $0.size == size && $0.etag == record.etag } ?? false
    }

    private static func words(_ there: TargetObject?) -> String {
        guard let there else { return "says that the object does not exist" }
        return "says \(there.size) bytes, ETag \(there.etag ?? "none")"
    }
}
