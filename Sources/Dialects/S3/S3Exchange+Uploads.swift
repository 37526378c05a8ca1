internal import Exchanges
internal import Objects

/// Multipart uploads ("Uploading and copying objects using multipart upload", S3 User Guide).
extension S3Exchange {
    /// CreateMultipartUpload: the upload's id stands in the answer's body only.
    func createMultipartUpload(_ knowledge: inout DialectKnowledge, _ conclusion: inout Conclusion) {
        guard record.hasSucceeded else { return attempt(&conclusion) }
        let outcome = verdict(expecting: ["InitiateMultipartUploadResult"])
        guard case .success(let document) = outcome, let uploadID = document.root.childText("UploadId"),
            let name = proven(by: document.root, &knowledge)
        else { return attempt(outcome, &conclusion) }
        guard keeps(name) else { return conclusion.count(\.outOfScope) }
        conclusion.add(
            .uploadCreated(
                UploadEvent(
                    name: name, uploadID: uploadID, metadata: ObjectMetadata(s3: record.request.fields),
                    seen: record.seen(inBody: true))))
    }

    /// UploadPart.
    func uploadPart(_ conclusion: inout Conclusion) {
        guard let name = operation.name, let transfer = record.requestBody.transfer, let uploadID = operation.uploadID,
            let number = operation.partNumber
        else { return }
        guard record.hasSucceeded else { return attempt(&conclusion) }
        conclusion.add(
            .partStored(
                PartStoredEvent(
                    name: name, uploadID: uploadID, partNumber: number, transfer: transfer,
                    size: record.requestBody.length, etag: tag?.text, digests: uploadDigests, seen: record.seen())),
            using: transfer)
    }

    /// UploadPartCopy: as in CopyObject, an error may stand in an answer of status 200.
    func uploadPartCopy(_ conclusion: inout Conclusion) {
        guard let name = operation.name, let uploadID = operation.uploadID, let number = operation.partNumber else {
            return
        }
        guard record.hasSucceeded else { return attempt(&conclusion) }
        let outcome = verdict(expecting: ["CopyPartResult", "CopyObjectResult"])
        guard case .success(let document) = outcome else { return attempt(outcome, &conclusion) }
        let fields = record.request.fields
        guard let source = S3CopySource(fields[.amazonCopySource], near: operation.location) else {
            conclusion.count(\.unnamed)
            return
        }
        var range: Range<UInt64>?
        if let text = fields[.amazonCopySourceRange] {
            guard let read = Self.sourceRange(text) else {
                conclusion.attempt(name, label, record, reason: "the copied range cannot be read")
                return
            }
            range = read
        }
        guard keeps(source.name) else {
            // The part is not reported: the object stays incomplete, and the source unnamed.
            conclusion.count(\.outOfScope)
            conclusion.attempt(name, label, record, reason: "the part was copied from an object out of scope")
            return
        }
        conclusion.add(
            .partCopied(
                PartCopiedEvent(
                    name: name, uploadID: uploadID, partNumber: number, source: source.name,
                    sourceVersionID: source.versionID, sourceRange: range,
                    etag: EntityTag(document.root.childText("ETag"))?.text, seen: record.seen(inBody: true))))
    }

    /// CompleteMultipartUpload: the request fixes the parts, the answer may be slow, blank for minutes, and an error.
    func completeMultipartUpload(_ knowledge: inout DialectKnowledge, _ conclusion: inout Conclusion) {
        guard let uploadID = operation.uploadID else { return }
        guard record.hasSucceeded else { return attempt(&conclusion) }
        // The second is the name in the old SOAP interface, which moto used until 5.2.5; what it holds is the same.
        let outcome = verdict(expecting: ["CompleteMultipartUploadResult", "CompleteMultipartUploadResponse"])
        guard case .success(let document) = outcome, let name = proven(by: document.root, &knowledge) else {
            return attempt(outcome, &conclusion)
        }
        if let upload = S3Dialect.uploadKey(operation) { knowledge.uploads.forget(upload) }
        guard keeps(name) else { return conclusion.count(\.outOfScope) }
        let parts = listedParts
        if parts == nil { conclusion.count(\.unreadableBodies) }
        let tag = EntityTag(document.root.childText("ETag")) ?? tag
        var digests = S3Digests()
        digests.addTag(tag, isOpaque: isTagOpaque)
        digests.addChecksums(record.request.fields, bare: .unknown, parts: parts?.count)
        digests.addChecksums(document.root, bare: .unknown, parts: parts?.count)
        conclusion.add(
            .uploadCompleted(
                UploadCompletedEvent(
                    name: name, uploadID: uploadID, parts: parts, etag: tag?.text, versionID: versionID,
                    digests: digests.list, seen: record.seen(inBody: true))))
    }

    /// AbortMultipartUpload.
    func abortMultipartUpload(_ knowledge: inout DialectKnowledge, _ conclusion: inout Conclusion) {
        guard let name = operation.name, let uploadID = operation.uploadID else { return }
        guard record.hasSucceeded else { return attempt(&conclusion) }
        if let upload = S3Dialect.uploadKey(operation) { knowledge.uploads.forget(upload) }
        conclusion.add(.uploadAborted(UploadEvent(name: name, uploadID: uploadID, seen: record.seen())))
    }

    /// The parts that the completing request lists; nil when its body was not seen whole.
    private var listedParts: [UploadCompletedEvent.Part]? {
        guard record.requestBody.isFramed, record.requestBody.capture?.isWhole ?? false,
            let document = requestDocument, document.isWhole,
            document.root.name == "CompleteMultipartUpload"
        else { return nil }
        var parts: [UploadCompletedEvent.Part] = []
        for part in document.root.children("Part") {
            guard let text = part.childText("PartNumber"), let number = Int(text.trimmed) else { return nil }
            parts.append(UploadCompletedEvent.Part(number: number, etag: EntityTag(part.childText("ETag"))?.text))
        }
        return parts.isEmpty ? nil : parts
    }

    /// The object's name, corrected by what the answer states of bucket and key; nil when there is none.
    private func proven(by root: XMLDocument.Element, _ knowledge: inout DialectKnowledge) -> ObjectName? {
        guard let bucket = root.childText("Bucket"), let authority = record.authority,
            let proof = S3Addressing.proof(bucket: bucket, in: record, read: operation.location, options),
            let key = root.childText("Key"), proof.location.key?.string == key
        else { return operation.name }
        knowledge.endpoints.learn(proof.style, of: authority)
        return proof.location.name
    }

    /// `bytes=first-last` of a copied part.
    private static func sourceRange(_ text: String) -> Range<UInt64>? {
        let text = text.trimmed
        guard text.lowercased().hasPrefix("bytes=") else { return nil }
        let ends = text.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = UInt64(ends[0].trimmed), let last = UInt64(ends[1].trimmed), first <= last,
            last < UInt64.max
        else { return nil }
        return first..<last + 1
    }
}
