internal import Exchanges
internal import Objects

/// Operations on many objects of a bucket.
extension S3Exchange {
    /// One key of a multi-object delete.
    private struct Row: Hashable {
        var key: String
        var versionID: String?

        init?(_ element: XMLDocument.Element) {
            guard let key = element.childText("Key") else { return nil }
            self.key = key
            versionID = element.childText("VersionId")
        }
    }

    /// DeleteObjects: the answer lists what was deleted and what was not; in quiet mode only the latter.
    func deleteObjects(_ conclusion: inout Conclusion) {
        let request = record.requestBody.capture?.isWhole ?? false ? requestDocument : nil
        let asked = request?.isWhole ?? false ? request?.root.children("Object").compactMap(Row.init) ?? [] : []
        guard record.hasSucceeded else {
            conclusion.count(record.response == nil ? \.unanswered : \.refused)
            let reason = record.failure(code: errorCode)
            for row in asked { attempt(row, reason, &conclusion) }
            return
        }
        guard case .success(let document) = verdict(expecting: ["DeleteResult"]) else {
            conclusion.count(\.unreadableBodies)
            for row in asked { attempt(row, "outcome unknown: the answer's body was not seen whole", &conclusion) }
            return
        }
        let isWhole = document.isWhole && record.responseBody.capture?.isWhole ?? false
        if !isWhole { conclusion.count(\.unreadableBodies) }
        var refused: Set<Row> = []
        for element in document.root.children("Error") {
            guard let row = Row(element) else { continue }
            refused.insert(row)
            attempt(row, Self.code(element).map { "refused: \($0)" } ?? "refused", &conclusion)
        }
        if request?.root.childText("Quiet")?.trimmed.lowercased() == "true" {
            // Silence means success only when the whole answer was heard.
            for row in asked where isWhole && !refused.contains(row) { delete(row, &conclusion) }
        } else {
            for element in document.root.children("Deleted") {
                guard let row = Row(element) else { continue }
                let isMarker = element.childText("DeleteMarker")?.trimmed.lowercased() == "true"
                delete(row, isMarker: isMarker, marker: element.childText("DeleteMarkerVersionId"), &conclusion)
            }
        }
    }

    private func delete(_ row: Row, isMarker: Bool = false, marker: String? = nil, _ conclusion: inout Conclusion) {
        guard let name = keptName(row.key, &conclusion) else { return }
        conclusion.add(
            .deleted(
                DeletedEvent(
                    name: name, versionID: row.versionID, markerVersionID: row.versionID == nil ? marker : nil,
                    removedMarker: row.versionID != nil && isMarker, seen: record.seen(inBody: true))))
    }

    private func attempt(_ row: Row, _ reason: String, _ conclusion: inout Conclusion) {
        guard let name = keptName(row.key, &conclusion) else { return }
        conclusion.add(
            .attempted(
                AttemptedEvent(
                    name: name, operation: label, status: record.status, reason: reason,
                    seen: record.seen(inBody: true))))
    }

    private func keptName(_ key: String, _ conclusion: inout Conclusion) -> ObjectName? {
        guard let name = operation.location.name(of: ObjectKey(key)) else { return nil }
        if keeps(name) { return name }
        conclusion.count(\.outOfScopeRows)
        return nil
    }

    /// ListObjects, ListObjectsV2, ListObjectVersions: evidence of keys. A listing that was cut still proves its rows.
    func listObjects(_ knowledge: inout DialectKnowledge, _ conclusion: inout Conclusion) {
        guard record.hasSucceeded, let document = answerDocument else { return }
        let root = document.root
        let isVersions = root.name == "ListVersionsResult"
        guard root.name == "ListBucketResult" || isVersions else { return }
        var location = operation.location
        if let bucket = root.childText("Name"), let authority = record.authority,
            let proof = S3Addressing.proof(bucket: bucket, in: record, read: location, options)
        {
            knowledge.endpoints.learn(proof.style, of: authority)
            location = proof.location
        }
        let isEncoded = root.childText("EncodingType")?.trimmed.lowercased() == "url"
        var entries: [ListedEvent.Entry] = []
        for row in root.children(isVersions ? "Version" : "Contents") {
            guard let text = row.childText("Key") else { continue }
            // In this form of encoding a space is a plus and a plus is escaped, whatever the key's place.
            let bytes = isEncoded ? PercentEncoding.decode(text.utf8, plusIsSpace: true) : Array(text.utf8)
            guard let name = location.name(of: ObjectKey(bytes: bytes)) else { continue }
            guard keeps(name) else {
                conclusion.count(\.outOfScopeRows)
                continue
            }
            entries.append(
                ListedEvent.Entry(
                    name: name, size: row.childText("Size").flatMap { UInt64($0.trimmed) },
                    etag: EntityTag(row.childText("ETag"))?.text, versionID: row.childText("VersionId"),
                    lastModified: row.childText("LastModified").flatMap(Timestamp.seconds(iso8601:)),
                    isLatest: row.childText("IsLatest")?.trimmed.lowercased() != "false"))
        }
        if !document.isWhole { conclusion.count(\.unreadableBodies) }
        guard !entries.isEmpty else { return }
        conclusion.add(.listed(ListedEvent(entries: entries, seen: record.seen(inBody: true))))
    }
}
