internal import Foundation
internal import Glibc
internal import Objects
internal import S3

/// Large objects are written in parts into one temporary file, so that an interrupted run goes on with the next part.
extension FileTarget {
    /// Makes the temporary file; its name is the upload's id.
    public func createUpload(_ draft: ObjectDraft, isChecksummed: Bool) async throws -> CreatedUpload {
        counters.attempted(.createMultipartUpload)
        let name = Self.prefix(of: draft.location) + "\(UInt64.random(in: 0...UInt64.max))"
        try step(.createMultipartUpload, draft.location) {
            _ = try FileDescriptor.open(name, in: temporary, flags: O_RDWR | O_CREAT | O_EXCL)
            try temporary.sync()
        }
        return CreatedUpload(
            handle: UploadHandle(location: draft.location, id: name, isChecksummed: false), notApplied: [])
    }

    /// Writes a part at its place; it is durable on return.
    public func uploadPart(_ upload: UploadHandle, _ part: PartRange, _ payload: Payload) async throws -> StoredPart {
        counters.attempted(.uploadPart)
        let file = try open(upload, .uploadPart)
        try await write(payload, to: file, at: part.range.lowerBound, .uploadPart, upload.location)
        try step(.uploadPart, upload.location) { try file.sync() }
        return StoredPart(number: part.number, etag: ByteText.hex(payload.digests.md5), size: part.size)
    }

    /// Copies bytes of another object's file to a part's place.
    public func copyPart(
        _ upload: UploadHandle, _ part: PartRange, from origin: TargetLocation, etag: String?
    ) async throws -> StoredPart {
        counters.attempted(.uploadPartCopy)
        let file = try open(upload, .uploadPartCopy)
        try step(.uploadPartCopy, upload.location) {
            guard let source = try tree.open(origin) else { throw missing(origin, .uploadPartCopy) }
            try Self.copyBytes(from: source, part.range, to: file, at: part.range.lowerBound)
            try file.sync()
        }
        return StoredPart(number: part.number, etag: "copied", size: part.size)
    }

    /// A file does not say which of its bytes were written, so the journal's word stands, if the file is there.
    public func parts(of upload: UploadHandle) async throws -> [StoredPart]? {
        counters.attempted(.listParts)
        _ = try open(upload, .listParts)
        return nil
    }

    /// Moves the file into place.
    public func completeUpload(
        _ upload: UploadHandle, _ draft: ObjectDraft, parts: [CompletedPart]
    ) async throws -> StoredObject {
        counters.attempted(.completeMultipartUpload)
        let digests = parts.compactMap(\.digests)
        let etag = digests.count == parts.count ? ETag.multipart(digests) : draft.etag
        return try finish(
            .completeMultipartUpload, draft, etag: etag, try open(upload, .completeMultipartUpload), upload.id)
    }

    /// Removes the temporary file.
    public func abortUpload(_ upload: UploadHandle) async throws {
        counters.attempted(.abortMultipartUpload)
        guard Self.isName(upload.id) else { return }
        _ = unsafe unlinkat(temporary.number, upload.id, 0)
    }

    /// Temporary files of exactly this location.
    public func uploads(at location: TargetLocation) async throws -> [UploadInProgress] {
        counters.attempted(.listMultipartUploads)
        let prefix = Self.prefix(of: location)
        return try FileManager.default.contentsOfDirectory(atPath: temporaryPath).filter { $0.hasPrefix(prefix) }.map {
            UploadInProgress(handle: UploadHandle(location: location, id: $0, isChecksummed: false), initiated: nil)
        }
    }

    private func open(_ upload: UploadHandle, _ kind: RequestKind) throws -> FileDescriptor {
        let gone = TargetFailure(
            kind: .noSuchUpload, operation: kind.rawValue, subject: upload.location.path,
            message: "there is no file of this upload")
        // The id comes from a journal; a name with a slash would lead elsewhere.
        guard Self.isName(upload.id) else { throw gone }
        return try step(kind, upload.location) {
            guard let file = try FileDescriptor.openIfPresent(upload.id, in: temporary, flags: O_RDWR) else {
                throw gone
            }
            return file
        }
    }

    private static func isName(_ id: String) -> Bool { id.hasPrefix("upload-") && !id.contains("/") }

    private static func prefix(of location: TargetLocation) -> String {
        "upload-\(ByteText.hex(RunningDigest.of(Array(location.path.utf8), .sha256).prefix(12)))-"
    }
}
