internal import Foundation
internal import NIOHTTP1
internal import Objects
internal import S3

/// Uploads in parts ("Uploading and copying objects using multipart upload", Amazon S3 User Guide).
extension S3Target {
    /// Begins an upload in parts.
    public func createUpload(_ draft: ObjectDraft, isChecksummed: Bool) async throws -> CreatedUpload {
        let checksums = isChecksummed && settings.sendsChecksums
        return try await sendingMetadata(of: draft) { metadata in
            var request = S3Request(
                kind: .createMultipartUpload, method: .POST, bucket: draft.location.bucket, key: draft.location.key,
                query: [("uploads", "")], headers: metadata.headers)
            if checksums { request.headers.append(("x-amz-checksum-algorithm", "SHA256")) }
            let answer = try await client.send(request)
            guard let id = answer.xml?.value("UploadId"), id.utf8.count <= 4_096 else {
                throw malformed("CreateMultipartUpload", draft.location, "the answer holds no UploadId")
            }
            return CreatedUpload(
                handle: UploadHandle(location: draft.location, id: id, isChecksummed: checksums),
                notApplied: metadata.notApplied, mayHaveSiblings: answer.attempts > 1)
        }
    }

    /// Stores a part.
    public func uploadPart(_ upload: UploadHandle, _ part: PartRange, _ payload: Payload) async throws -> StoredPart {
        var request = partRequest(.uploadPart, upload, part)
        request.body = .stream(payload)
        if upload.isChecksummed { request.headers.append(Self.checksumHeader(payload.digests)) }
        let answer = try await client.send(request)
        guard let etag = answer.etag else {
            throw malformed("UploadPart", upload.location, "the answer states no ETag for part \(part.number)")
        }
        let md5 = ByteText.hex(payload.digests.md5)
        if Self.etagIsDigest(answer), ETag.isMD5(etag), etag != md5 {
            throw TargetFailure(
                kind: .corrupted, operation: "UploadPart",
                subject: "\(upload.location.path) at \(client.endpoint(of: upload.location.bucket).url)",
                message: "the target states ETag \(etag) for part \(part.number), whose MD5 is \(md5)",
                remedy: "Start again; if it stays, the target or a proxy before it changes bytes")
        }
        return StoredPart(number: part.number, etag: etag, size: part.size)
    }

    /// Makes a part from bytes of another object on the server.
    public func copyPart(
        _ upload: UploadHandle, _ part: PartRange, from origin: TargetLocation, etag: String?
    ) async throws -> StoredPart {
        var request = partRequest(.uploadPartCopy, upload, part)
        request.headers = Self.copySource(origin, etag: etag)
        request.headers.append(
            ("x-amz-copy-source-range", "bytes=\(part.range.lowerBound)-\(part.range.upperBound - 1)"))
        request.mayFailInsideSuccess = true
        let answer = try await client.send(request)
        guard let result = answer.xml, let etag = result.value("ETag") else {
            throw malformed("UploadPartCopy", upload.location, "the answer states no ETag for part \(part.number)")
        }
        return StoredPart(number: part.number, etag: S3Answer.unquoted(etag), size: part.size)
    }

    private func partRequest(_ kind: RequestKind, _ upload: UploadHandle, _ part: PartRange) -> S3Request {
        S3Request(
            kind: kind, method: .PUT, bucket: upload.location.bucket, key: upload.location.key,
            query: [("partNumber", "\(part.number)"), ("uploadId", upload.id)])
    }

    /// The parts the target has, ascending.
    public func parts(of upload: UploadHandle) async throws -> [StoredPart]? {
        var parts: [StoredPart] = []
        var marker = 0
        while true {
            let request = S3Request(
                kind: .listParts, method: .GET, bucket: upload.location.bucket, key: upload.location.key,
                query: [("uploadId", upload.id), ("part-number-marker", "\(marker)"), ("max-parts", "1000")])
            let answer: S3Answer
            do {
                answer = try await client.send(request)
            } catch let failure as TargetFailure where failure.status == 404 && failure.kind != .noSuchBucket {
                throw gone(upload, failure)
            }
            let result = try result(of: answer, "ListParts", upload.location)
            for part in result.all("Part") {
                guard let number = part.value("PartNumber").flatMap({ Int($0) }), number > (parts.last?.number ?? 0),
                    let etag = part.value("ETag"), let size = part.value("Size").flatMap({ UInt64($0) })
                else { throw malformed("ListParts", upload.location, "a part lacks its number, ETag or size") }
                parts.append(StoredPart(number: number, etag: S3Answer.unquoted(etag), size: size))
            }
            // A target that says "truncated" without a further part would keep us here for ever.
            guard result.value("IsTruncated") == "true", let last = parts.last?.number, last > marker else {
                return parts
            }
            marker = last
        }
    }

    private func gone(_ upload: UploadHandle, _ failure: TargetFailure) -> TargetFailure {
        var failure = failure
        failure.kind = .noSuchUpload
        return failure
    }

    /// Makes the object of the parts.
    public func completeUpload(
        _ upload: UploadHandle, _ draft: ObjectDraft, parts: [CompletedPart]
    ) async throws -> StoredObject {
        var body = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
        for completed in parts {
            body += "<Part><PartNumber>\(completed.part.number)</PartNumber>"
            body += "<ETag>\"\(S3XML.escape(completed.part.etag))\"</ETag>"
            if upload.isChecksummed, let digests = completed.digests {
                body += "<ChecksumSHA256>\(Data(digests.sha256).base64EncodedString())</ChecksumSHA256>"
            }
            body += "</Part>"
        }
        body += "</CompleteMultipartUpload>"
        var request = S3Request(
            kind: .completeMultipartUpload, method: .POST, bucket: upload.location.bucket, key: upload.location.key,
            query: [("uploadId", upload.id)], headers: [("content-type", "application/xml")],
            body: .bytes(Array(body.utf8)))
        request.mayFailInsideSuccess = true
        let answer = try await client.send(request)
        let result = try result(of: answer, "CompleteMultipartUpload", upload.location)
        var stored = Self.stored(answer, nil)
        stored.etag = result.value("ETag").map(S3Answer.unquoted)
        stored.sha256 = nil
        return stored
    }

    /// Drops the upload and its parts.
    public func abortUpload(_ upload: UploadHandle) async throws {
        let request = S3Request(
            kind: .abortMultipartUpload, method: .DELETE, bucket: upload.location.bucket, key: upload.location.key,
            query: [("uploadId", upload.id)])
        do {
            _ = try await client.send(request)
        } catch let failure as TargetFailure where failure.status == 404 {}
    }

    /// Uploads in progress for exactly this location.
    public func uploads(at location: TargetLocation) async throws -> [UploadInProgress] {
        guard let key = location.key.string else { return [] }
        let request = S3Request(
            kind: .listMultipartUploads, method: .GET, bucket: location.bucket, key: nil,
            query: [("uploads", ""), ("prefix", key), ("max-uploads", "1000")])
        let result = try result(of: try await client.send(request), "ListMultipartUploads", location)
        return result.all("Upload").compactMap { upload in
            guard upload.value("Key") == key, let id = upload.value("UploadId") else { return nil }
            let initiated = upload.value("Initiated").flatMap(UTCTime.init(iso8601:))?.seconds
            return UploadInProgress(
                handle: UploadHandle(location: location, id: id, isChecksummed: false), initiated: initiated)
        }
    }
}
