internal import Exchanges
internal import Objects

/// A finished exchange with a plain HTTP server.
struct HTTPExchange {
    /// What was asked.
    let operation: HTTPOperation
    /// What was seen.
    let record: ExchangeRecord
    /// What is kept.
    let options: DialectOptions

    private var label: String { operation.action.rawValue }
    private var name: ObjectName { operation.name }
    private var answer: HeadFields { record.response?.fields ?? HeadFields() }
    private var tag: EntityTag? { EntityTag(answer[.etag]) }

    /// True when the answer says that the work is done: 202 only promises it, 207 tells of parts (RFC 4918 §13).
    private var isDone: Bool { record.hasSucceeded && record.status != 202 && record.status != 207 }

    /// PUT (RFC 9110 §9.3.4).
    func put(_ conclusion: inout Conclusion) {
        guard let transfer = record.requestBody.transfer else { return }
        guard isDone else { return attempt(&conclusion) }
        var metadata = metadata(record.request.fields)
        metadata.lastModified = answer[.lastModified].flatMap(Timestamp.seconds(httpDate:))
        let digests = HTTPDigests.read(
            record.request.fields, trailers: record.requestBody.trailers, isWhole: true)
        conclusion.add(
            .stored(
                StoredEvent(
                    name: name, transfer: transfer, size: record.requestBody.length, etag: tag?.text,
                    metadata: metadata, digests: digests, seen: record.seen())),
            using: transfer)
    }

    /// GET (RFC 9110 §9.3.1), whole or in ranges.
    func get(_ conclusion: inout Conclusion) {
        guard let response = record.response, record.hasSucceeded else { return absence(&conclusion) }
        let body = record.responseBody
        switch Representation(response, body.framing, variesByCoding: true) {
        case .whole:
            guard let transfer = body.transfer else { return }
            // A body that ends with the connection may have been cut by the server: its length proves nothing.
            let size = body.framing == .untilClose ? nil : body.length
            conclusion.add(.read(read(transfer, offset: 0, size: size, isWhole: true)), using: transfer)
        case .range(let range):
            guard let transfer = body.transfer else { return }
            if body.contradicts(range) { return contradiction(&conclusion) }
            let event = read(transfer, offset: range.first, size: range.total, isWhole: range.isWhole)
            conclusion.add(.read(event), using: transfer)
        case .ranges:
            for (transfer, place) in body.ranges {
                let event = read(transfer, offset: place.first, size: place.total, isWhole: place.isWhole)
                conclusion.add(.read(event), using: transfer)
            }
        case .coded:
            conclusion.count(\.codedRepresentations)
            conclusion.add(
                .described(
                    DescribedEvent(name: name, etag: tag?.text, metadata: metadata(answer), seen: record.seen())))
            conclusion.attempt(name, label, record, reason: "the answer's content coding was made on the fly")
        case .contradictory: contradiction(&conclusion)
        case .none: attempt(&conclusion)
        }
    }

    /// HEAD (RFC 9110 §9.3.2). A length is the object's only when no coding was made on the fly.
    func head(_ conclusion: inout Conclusion) {
        guard let response = record.response, record.hasSucceeded else { return absence(&conclusion) }
        var size: UInt64?
        if case .whole = Representation(response, .untilClose, variesByCoding: true) { size = answer.contentLength }
        conclusion.add(
            .described(
                DescribedEvent(
                    name: name, size: size, etag: tag?.text, metadata: metadata(answer),
                    digests: HTTPDigests.read(answer, trailers: HeadFields(), isWhole: false), seen: record.seen())))
    }

    /// DELETE (RFC 9110 §9.3.5).
    func delete(_ conclusion: inout Conclusion) {
        guard isDone else { return attempt(&conclusion) }
        conclusion.add(.deleted(DeletedEvent(name: name, seen: record.seen())))
    }

    /// COPY and MOVE (RFC 4918 §9.8, §9.9).
    func copy(_ conclusion: inout Conclusion) {
        guard let target = operation.destination else { return }
        let keepsSource = options.scope.keeps(name, on: record.connection)
        guard isDone else { return conclusion.attempt(keepsSource ? name : nil, label, record) }
        if !options.scope.keeps(target, on: record.connection) {
            conclusion.count(\.outOfScope)
        } else if keepsSource {
            conclusion.add(.copied(CopiedEvent(source: name, target: target, seen: record.seen())))
        } else {
            // The source must not be named; the target is known to exist and not to be held.
            conclusion.add(.described(DescribedEvent(name: target, seen: record.seen())))
        }
        if operation.action == .move, keepsSource {
            conclusion.add(.deleted(DeletedEvent(name: name, seen: record.seen())))
        }
    }

    private func attempt(_ conclusion: inout Conclusion) { conclusion.attempt(name, label, record) }

    private func absence(_ conclusion: inout Conclusion) {
        guard record.status == 404 || record.status == 410 else { return attempt(&conclusion) }
        conclusion.add(.described(DescribedEvent(name: name, isAbsent: true, seen: record.seen())))
        conclusion.discard("no such object")
    }

    private func contradiction(_ conclusion: inout Conclusion) {
        conclusion.count(\.inconsistentAnswers)
        conclusion.attempt(name, label, record, reason: "the answer's Content-Range and length contradict each other")
    }

    private func read(_ transfer: TransferID, offset: UInt64, size: UInt64?, isWhole: Bool) -> ReadEvent {
        ReadEvent(
            name: name, transfer: transfer, offset: offset, objectSize: size, etag: tag?.text,
            metadata: metadata(answer),
            digests: HTTPDigests.read(answer, trailers: record.responseBody.trailers, isWhole: isWhole),
            seen: record.seen())
    }

    private func metadata(_ fields: HeadFields) -> ObjectMetadata {
        var metadata = ObjectMetadata()
        for (field, value) in fields.known {
            switch field {
            case .contentType, .contentEncoding, .contentDisposition, .contentLanguage, .cacheControl, .expires:
                metadata.headers[field.rawValue] = value
            default: continue
            }
        }
        metadata.lastModified = fields[.lastModified].flatMap(Timestamp.seconds(httpDate:))
        return metadata
    }
}
