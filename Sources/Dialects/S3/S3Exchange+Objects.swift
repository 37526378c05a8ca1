internal import Exchanges
internal import Objects

/// Operations on one object.
extension S3Exchange {
    /// PutObject.
    func putObject(_ conclusion: inout Conclusion) {
        guard let name = operation.name, let transfer = record.requestBody.transfer else { return }
        guard record.hasSucceeded else { return attempt(&conclusion) }
        let isChunked = S3Dialect.usesAwsChunked(record.request)
        var metadata = ObjectMetadata(s3: record.request.fields, withoutAwsChunked: isChunked)
        metadata.lastModified = answer[.lastModified].flatMap(Timestamp.seconds(httpDate:))
        conclusion.add(
            .stored(
                StoredEvent(
                    name: name, transfer: transfer, size: record.requestBody.length, etag: tag?.text,
                    versionID: versionID, metadata: metadata, digests: uploadDigests, seen: record.seen())),
            using: transfer)
    }

    /// What request and answer state of a payload that was sent: of an object or a part.
    var uploadDigests: [StatedDigest] {
        var digests = S3Digests()
        digests.addUpload(
            record.request.fields, trailers: record.requestBody.trailers,
            isAwsChunked: S3Dialect.usesAwsChunked(record.request))
        digests.addTag(tag, isOpaque: isTagOpaque)
        digests.addChecksums(answer, bare: .whole)
        return digests.list
    }

    /// GetObject, whole or in ranges.
    func getObject(_ conclusion: inout Conclusion) {
        guard let name = operation.name else { return }
        guard let response = record.response, record.hasSucceeded else { return absence(of: name, &conclusion) }
        let body = record.responseBody
        switch Representation(response, body.framing, variesByCoding: false) {
        case .whole:
            guard let transfer = body.transfer else { return }
            // A body that ends with the connection may have been cut by the server: its length proves nothing.
            let size = body.framing == .untilClose ? nil : body.length
            conclusion.add(.read(read(name, transfer, offset: 0, size: size, isWhole: true)), using: transfer)
        case .range(let range):
            guard let transfer = body.transfer else { return }
            if body.contradicts(range) { return contradiction(name, &conclusion) }
            let event = read(name, transfer, offset: range.first, size: range.total, isWhole: range.isWhole)
            conclusion.add(.read(event), using: transfer)
        case .ranges:
            for (transfer, place) in body.ranges {
                let event = read(name, transfer, offset: place.first, size: place.total, isWhole: place.isWhole)
                conclusion.add(.read(event), using: transfer)
            }
        case .coded:
            conclusion.count(\.codedRepresentations)
            conclusion.add(.described(described(name, size: nil)))
            conclusion.attempt(name, label, record, reason: "the answer's content coding was made on the fly")
        case .contradictory: contradiction(name, &conclusion)
        case .none: attempt(&conclusion)
        }
    }

    /// HeadObject.
    func headObject(_ conclusion: inout Conclusion) {
        guard let name = operation.name else { return }
        guard record.hasSucceeded else { return absence(of: name, &conclusion) }
        // Of a range or a part, Content-Length is not the object's.
        let size = record.status == 200 ? answer.contentLength : ContentRange(answer[.contentRange])?.total
        conclusion.add(.described(described(name, size: size)))
    }

    /// DeleteObject. With a version id that version is gone; without, a versioned bucket makes a delete marker.
    func deleteObject(_ conclusion: inout Conclusion) {
        guard let name = operation.name else { return }
        guard record.hasSucceeded else { return attempt(&conclusion) }
        let isMarker = answer[.amazonDeleteMarker]?.lowercased() == "true"
        conclusion.add(
            .deleted(
                DeletedEvent(
                    name: name, versionID: operation.versionID,
                    markerVersionID: operation.versionID == nil && isMarker ? versionID : nil,
                    removedMarker: operation.versionID != nil && isMarker, seen: record.seen())))
    }

    /// CopyObject. The answer's status comes before the work; an error may stand in its body.
    func copyObject(_ conclusion: inout Conclusion) {
        guard let name = operation.name else { return }
        guard record.hasSucceeded else { return attempt(&conclusion) }
        let outcome = verdict(expecting: ["CopyObjectResult"])
        guard case .success(let document) = outcome else { return attempt(outcome, &conclusion) }
        guard let source = S3CopySource(record.request.fields[.amazonCopySource], near: operation.location)
        else {
            conclusion.count(\.unnamed)
            return
        }
        let tag = EntityTag(document.root.childText("ETag")) ?? tag
        var digests = S3Digests()
        digests.addTag(tag, isOpaque: isTagOpaque)
        digests.addChecksums(document.root, bare: .whole)
        let replaces = record.request.fields[.amazonMetadataDirective]?.uppercased() == "REPLACE"
        var metadata = ObjectMetadata(s3: record.request.fields)
        metadata.lastModified = document.root.childText("LastModified").flatMap(Timestamp.seconds(iso8601:))
        guard keeps(source.name) else {
            // The source must not be named; the target is known to exist and not to be held.
            conclusion.add(
                .described(
                    DescribedEvent(
                        name: name, etag: tag?.text, versionID: versionID, metadata: metadata, digests: digests.list,
                        seen: record.seen(inBody: true))))
            return
        }
        conclusion.add(
            .copied(
                CopiedEvent(
                    source: source.name, sourceVersionID: source.versionID, target: name, etag: tag?.text,
                    versionID: versionID, metadata: replaces ? metadata : nil, digests: digests.list,
                    seen: record.seen(inBody: true))))
    }

    private func absence(of name: ObjectName, _ conclusion: inout Conclusion) {
        // With a version id only that version is missing.
        if record.status == 404, operation.versionID == nil {
            conclusion.add(.described(DescribedEvent(name: name, isAbsent: true, seen: record.seen())))
            conclusion.discard("no such object")
        } else {
            attempt(&conclusion)
        }
    }

    private func contradiction(_ name: ObjectName, _ conclusion: inout Conclusion) {
        conclusion.count(\.inconsistentAnswers)
        conclusion.attempt(name, label, record, reason: "the answer's Content-Range and length contradict each other")
    }

    private func read(
        _ name: ObjectName, _ transfer: TransferID, offset: UInt64, size: UInt64?, isWhole: Bool
    ) -> ReadEvent {
        ReadEvent(
            name: name, transfer: transfer, offset: offset, objectSize: size, etag: tag?.text,
            versionID: versionID ?? operation.versionID, metadata: servedMetadata,
            digests: servedDigests(isWhole: isWhole), seen: record.seen())
    }

    private func described(_ name: ObjectName, size: UInt64?) -> DescribedEvent {
        DescribedEvent(
            name: name, size: size, etag: tag?.text, versionID: versionID ?? operation.versionID,
            metadata: servedMetadata, digests: servedDigests(isWhole: record.status == 200), seen: record.seen())
    }

    private var servedMetadata: ObjectMetadata {
        let prefix = "response-"
        let overridden = record.request.query.map { $0.name.lowercased() }.filter { $0.hasPrefix(prefix) }
        return ObjectMetadata(s3: answer, overridden: Set(overridden.map { String($0.dropFirst(prefix.count)) }))
    }

    /// Digests of the whole object. A checksum in an answer of 206 may be a part's, whatever its type says, so there
    /// only one with `-N` counts; in one of 200 without type, one beside a multipart ETag may be of either kind.
    private func servedDigests(isWhole: Bool) -> [StatedDigest] {
        var digests = S3Digests()
        digests.addTag(tag, isOpaque: isTagOpaque)
        if isWhole {
            let isMultipart = tag?.text.contains("-") ?? false
            digests.addChecksums(answer, bare: isMultipart ? .unknown : .whole)
        } else {
            digests.addComposites(answer)
        }
        return digests.list
    }
}
