internal import Logging
internal import Objects
internal import S3

/// Finds and aborts uploads in parts that no object will come of: they cost storage for as long as they lie there.
///
/// Only what this migration began is aborted: uploads in its journal, and uploads at a location for which it asked for
/// one without getting an answer, when they began at that time or later.
struct LeftoverUploads: Sendable {
    private let context: RunContext

    init(_ context: RunContext) { self.context = context }

    /// At the end of a whole run, when no upload is in use: all of them.
    func settle() async throws {
        for upload in context.journal.uploads {
            try await abort(upload.handle)
            try context.journal.append(.uploadEnded(id: upload.id))
        }
        for intent in context.journal.intents { try await settle(intent, keeping: nil) }
    }

    /// The uploads that an unanswered request may have begun.
    func settle(_ intent: LocationRecord, keeping kept: String?) async throws {
        let location = ObjectRecord.location(intent.bucket, intent.key)
        let known = Set(context.journal.uploads.map(\.id))
        do {
            let there = try await context.transferring { try await context.target.uploads(at: location) }
            for upload in there where upload.handle.id != kept && !known.contains(upload.handle.id) {
                // A second of grace: the target's times have whole seconds.
                if let initiated = upload.initiated, initiated < intent.seconds - 1 { continue }
                try await abort(upload.handle)
            }
            if kept == nil { context.journal.forget(intent) }
        } catch let failure as TargetFailure where failure.reaction == .failObject {
            // No right to list uploads is no reason to fail the run; the intent stays for the next.
            context.logger.notice(
                "left-over uploads cannot be looked for",
                metadata: ["location": "\(location.path)", "reason": "\(failure.description)"])
        }
    }

    private func abort(_ upload: UploadHandle) async throws {
        do {
            try await context.transferring { try await context.target.abortUpload(upload) }
            context.tally.update { $0.abortedUploads += 1 }
        } catch let failure as TargetFailure where failure.reaction == .failObject {
            context.logger.notice(
                "a left-over upload cannot be aborted",
                metadata: ["location": "\(upload.location.path)", "reason": "\(failure.description)"])
        }
    }
}
