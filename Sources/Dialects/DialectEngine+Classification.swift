internal import Exchanges
internal import Flows
internal import Objects

/// What an exchange is about.
extension DialectEngine where Sink: ~Copyable {
    /// Finds what the request asks and judges its scope. False for an exchange that is only counted.
    mutating func classify(_ record: inout ExchangeRecord) -> Bool {
        let asS3 = S3Dialect.recognise(record.request, at: record.endpoint, &knowledge)
        let asHTTP =
            asS3 == .certain
            ? .impossible : PlainHTTPDialect.recognise(record.request, at: record.endpoint, &knowledge)
        var isNamed = true
        if asS3 == .certain || (asS3 == .possible && asHTTP != .impossible) {
            let operation = S3Dialect.operation(of: record.request, at: record.endpoint, &knowledge)
            if let operation { record.candidates.append(.s3(operation)) } else { isNamed = false }
        }
        if asHTTP != .impossible {
            let operation = PlainHTTPDialect.operation(of: record.request, at: record.endpoint, &knowledge)
            if let operation { record.candidates.append(.http(operation)) } else { isNamed = false }
        }
        noteForgotten()
        if asS3 != .certain, asHTTP == .impossible {
            if let cloud = OtherCloud.looksLike(record.request, at: record.authority) {
                counters.otherClouds[cloud, default: 0] += 1
                return false
            }
        }
        guard !record.candidates.isEmpty else {
            if isNamed { counters.notWanted += 1 } else { counters.unnamed += 1 }
            return false
        }
        let wanted = record.candidates.filter { options.dialects.contains($0.cloud) }
        guard !wanted.isEmpty else {
            counters.notWanted += 1
            return false
        }
        // Until the answer decides the dialect, every name that the object may get must be in scope: what is out of it
        // must not even be stored for a moment.
        record.isOutOfScope = wanted.contains { operation in
            operation.name.map { !options.scope.keeps($0, on: record.connection) } ?? false
        }
        return true
    }

    /// What to do with the request's body: the wish of a wanted candidate, payload before anything else.
    mutating func useOfRequest(_ record: ExchangeRecord) -> BodyUse {
        guard !record.isOutOfScope else { return .ignored }
        var use = BodyUse.ignored
        for operation in record.candidates where options.dialects.contains(operation.cloud) {
            switch operation.useOfRequest(record, options, &knowledge) {
            case .ignored: continue
            case .captured(let limit): use = .captured(limit: limit)
            case .payload(let plan): return .payload(plan)
            case .awsChunked(let plan): return .awsChunked(plan)
            case .byteRanges: continue
            }
        }
        counters.uploadsForgotten = knowledge.uploads.forgotten
        return use
    }

    /// Decides among the candidates, once the answer was seen or will not be.
    mutating func settle(_ record: inout ExchangeRecord) {
        guard record.candidates.count > 1 else { return }
        let cloud: Cloud
        if let response = record.response {
            let speaksS3 = S3Dialect.isSpoken(by: response)
            if speaksS3, let authority = record.authority {
                knowledge.endpoints.learnSpeaksS3(authority)
                noteForgotten()
            }
            cloud = speaksS3 ? .s3 : .http
        } else {
            // No answer, no object: only the attempt's name hangs on it.
            cloud = options.dialects.contains(.http) ? .http : .s3
        }
        record.candidates.removeAll { $0.cloud != cloud }
    }

    /// Reads the operation again in the light of the answer's head, and judges its scope by the name it then has.
    mutating func revise(_ record: inout ExchangeRecord) {
        guard let operation = record.candidates.first, !record.isOutOfScope else { return }
        let revised = operation.revised(record, &knowledge)
        record.candidates[0] = revised
        if let name = revised.name, name != operation.name {
            record.isOutOfScope = !options.scope.keeps(name, on: record.connection)
        }
    }

    /// Passes over an exchange for which there is no room.
    mutating func refuse(_ record: inout ExchangeRecord, _ context: SegmentContext) {
        counters.openExchangeLimit += 1
        guard !record.isOutOfScope else { return }
        record.finished = context
        settle(&record)
        guard let operation = record.candidates.first, let name = operation.name else { return }
        sink.event(
            .attempted(
                AttemptedEvent(
                    name: name, operation: operation.label, status: nil,
                    reason: "not followed: too many exchanges were open", seen: record.seen())))
    }

    /// Says what happened, and discards the transfers that no object uses.
    mutating func conclude(_ record: ExchangeRecord, bodyBytes: UInt64) {
        var conclusion = Conclusion()
        if let operation = record.candidates.first {
            if !options.dialects.contains(operation.cloud) {
                counters.notWanted += 1
                conclusion.discard("not of a dialect that was asked for")
            } else if record.isOutOfScope {
                counters.outOfScope += 1
                counters.outOfScopeBytes += bodyBytes
            } else {
                counters.operations[operation.counter, default: 0] += 1
                operation.conclude(record, options, &knowledge, &conclusion)
                if conclusion.isUnsupported { counters.unsupported[operation.counter, default: 0] += 1 }
            }
        }
        for counter in conclusion.counts { counters[keyPath: counter] += 1 }
        noteForgotten()
        for event in conclusion.events { sink.event(event) }
        discardUnused(record, conclusion)
    }

    private mutating func discardUnused(_ record: ExchangeRecord, _ conclusion: Conclusion) {
        let used = Set(conclusion.used)
        func isUnused(_ transfer: TransferID?) -> TransferID? { transfer.flatMap { used.contains($0) ? nil : $0 } }
        var unused = [record.requestBody.transfer, record.responseBody.transfer].compactMap(isUnused)
        unused += record.responseBody.ranges.compactMap { isUnused($0.transfer) }
        for transfer in unused {
            counters.discardedTransfers += 1
            sink.event(.discarded(transfer, reason: conclusion.reason))
        }
    }

    private mutating func noteForgotten() {
        counters.endpointsForgotten = knowledge.endpoints.forgotten
        counters.uploadsForgotten = knowledge.uploads.forgotten
    }
}
