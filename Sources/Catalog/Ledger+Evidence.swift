internal import Objects

// Descriptions, listings and attempts: what was said of objects without their bytes.

extension Ledger {
    /// Repeated sightings of the same facts are written at most once in this time, so that a client that lists a big
    /// bucket all day does not fill the log.
    private static var evidenceRefreshNanoseconds: UInt64 { 3_600_000_000_000 }

    mutating func apply(_ event: DescribedEvent) throws(CatalogError) {
        var evidence = EvidenceRecord(name: event.name, seenAt: event.seen.time)
        evidence.size = event.size
        evidence.etag = event.etag
        evidence.versionID = event.versionID
        evidence.lastModified = event.metadata.lastModified
        evidence.isAbsent = event.isAbsent
        try merge(evidence)

        var context = try begin(event.name)
        if !event.isAbsent {
            let fact = Fact(
                size: event.size, etag: event.etag, versionID: event.versionID, metadata: event.metadata,
                digests: event.digests, seen: event.seen)
            try learn(fact, in: &context)
        }
        var entry = HistoryRecord(.described, event.seen)
        entry.etag = event.etag
        entry.versionID = event.versionID
        entry.detail = event.isAbsent ? "absent" : nil
        try note(entry, in: &context)
        try touch(event.name, event.seen)
        try finish(context)
    }

    mutating func apply(_ event: ListedEvent) throws(CatalogError) {
        for row in event.entries {
            if row.isLatest {
                var evidence = EvidenceRecord(name: row.name, seenAt: event.seen.time)
                evidence.size = row.size
                evidence.etag = row.etag
                evidence.versionID = row.versionID
                evidence.lastModified = row.lastModified
                try merge(evidence)
            }
            var context = try begin(row.name)
            guard !context.isNew else { continue }
            var metadata = ObjectMetadata()
            metadata.lastModified = row.lastModified
            let fact = Fact(
                size: row.size, etag: row.etag, versionID: row.versionID, metadata: metadata, digests: [],
                seen: event.seen)
            try learn(fact, in: &context)
            try finish(context)
        }
        if let first = event.entries.first { try touch(first.name, event.seen) }
    }

    mutating func apply(_ event: AttemptedEvent) throws(CatalogError) {
        var context = try begin(event.name)
        var entry = HistoryRecord(.attempted, event.seen)
        entry.status = event.status
        entry.detail = "\(event.operation): \(event.reason)"
        try note(entry, in: &context)
        try touch(event.name, event.seen)
        try finish(context)
    }

    /// What an answer without bytes says of a version.
    private struct Fact {
        var size: UInt64?
        var etag: String?
        var versionID: String?
        var metadata: ObjectMetadata
        var digests: [StatedDigest]
        var seen: Observation
    }

    /// Adds a fact to the version that it names without doubt: by the cloud's version id, else the newest one of that
    /// ETag. Nothing becomes a version by this.
    private mutating func learn(_ fact: Fact, in context: inout NameContext) throws(CatalogError) {
        var known: VersionRecord?
        if let versionID = fact.versionID { known = try version(context, versionID: versionID) }
        if known == nil, let etag = fact.etag {
            try visitVersions(context, notAfter: fact.seen.time) { version in
                let isOther = version.versionID != nil && fact.versionID != nil && version.versionID != fact.versionID
                guard version.kind == .object, version.etag == etag, !isOther else { return .next }
                known = version
                return .stop
            }
        }
        guard var version = known, version.kind == .object else { return }
        let before = version
        guard version.learn(size: fact.size) else {
            counters.contradictions += 1
            return
        }
        version.learn(
            etag: fact.etag, versionID: fact.versionID, metadata: fact.metadata, digests: fact.digests, seen: fact.seen)
        // A sighting alone is not worth a row.
        version.firstSeen = before.firstSeen
        version.lastSeen = before.lastSeen
        guard version != before else { return }
        try place(&version)
        try settle(&version)
        try write(version, in: &context)
    }

    /// Keeps the latest statement about a name.
    private mutating func merge(_ evidence: EvidenceRecord) throws(CatalogError) {
        let key = CatalogKey.name(evidence.name)
        if let bytes = try value(of: key, in: .evidence) {
            let known = try EvidenceRecord(name: evidence.name, decoding: bytes)
            guard known.seenAt <= evidence.seenAt else { return }
            let isFresh = evidence.seenAt - known.seenAt < Self.evidenceRefreshNanoseconds
            if isFresh, known.agrees(with: evidence) { return }
        }
        overlay.set(key, in: .evidence, evidence.encoded)
    }
}
