internal import Blocks
internal import Objects

// Finding, making, moving and writing the rows of versions.

extension Ledger {
    /// What the answer to a write says of the version that it made.
    struct Birth {
        var time: UInt64
        var etag: String?
        var versionID: String?
        var size: UInt64?
        var kind = VersionRecord.Kind.object
        var origin: VersionRecord.Origin
        var seen: Observation

        var tag: VersionTag {
            let tag = VersionTag(versionID: versionID, etag: etag)
            return tag == .none && kind == .tombstone ? .tombstone : tag
        }
    }

    func version(_ context: NameContext, _ time: UInt64, _ tag: VersionTag) throws(CatalogError) -> VersionRecord? {
        guard !context.isNew else { return nil }
        return try version(VersionID(name: context.name, time: time, tag: tag))
    }

    /// The version with the cloud's version id, tombstones and removed ones too.
    func version(_ context: NameContext, versionID: String) throws(CatalogError) -> VersionRecord? {
        guard !context.isNew, case .versionID = VersionTag(versionID: versionID, etag: nil),
            let suffix = try value(of: CatalogKey.alias(context.key, versionID: versionID), in: .aliases)
        else { return nil }
        guard let (time, tag) = CatalogKey.versionSuffix(decoding: suffix[...]) else {
            throw .malformed(record: "alias", offset: 0, reason: "no time and tag")
        }
        return try version(context, time, tag)
    }

    /// Visits versions of a name with a time not behind `latest`, newest first, at most the limit.
    mutating func visitVersions(
        _ context: NameContext, notAfter latest: UInt64 = .max, _ visit: (VersionRecord) -> VisitStep
    ) throws(CatalogError) {
        guard !context.isNew, !context.record.newest.isEmpty else { return }
        var skipped: [UInt8] = []
        // Most events concern the newest version: one look-up instead of a scan.
        if let (time, tag) = CatalogKey.versionSuffix(decoding: context.record.newest[...]), time <= latest,
            let newest = try version(context, time, tag)
        {
            if visit(newest) == .stop { return }
            skipped = context.key + context.record.newest
        }
        var start = context.key
        start.append(bigEndian: ~latest)
        var left = limits.versionScanMax
        try scan(.versions, prefix: context.key, from: start) { (key, value) throws(CatalogError) in
            if key == skipped { return .next }
            guard left > 0 else { return .stop }
            left -= 1
            return visit(try VersionRecord(id: try CatalogKey.versionID(decoding: key), decoding: value))
        }
        if left == 0 { counters.scansCut += 1 }
    }

    /// The version that an accepted write made: the one that is known already by identity, or one that was only inferred
    /// until now, or a new one.
    mutating func upsert(_ birth: Birth, in context: inout NameContext) throws(CatalogError) -> VersionRecord {
        if var exact = try version(context, birth.time, birth.tag) {
            if !exact.origin.isAuthoritative { exact.origin = birth.origin }
            return exact
        }
        let id = VersionID(name: context.name, time: birth.time, tag: birth.tag)
        if let versionID = birth.versionID, var known = try version(context, versionID: versionID) {
            // Seen at two taps, or before only by a read: the earliest answer that made it orders it.
            if !known.origin.isAuthoritative || birth.time < known.time {
                try move(&known, to: id, in: &context)
                known.origin = birth.origin
                known.kind = birth.kind
            }
            return known
        }
        if birth.kind == .object, context.record.hasInferred, var inferred = try inferred(for: birth, in: context) {
            try move(&inferred, to: id, in: &context)
            inferred.origin = birth.origin
            return inferred
        }
        return VersionRecord(id: id, kind: birth.kind, origin: birth.origin, seen: birth.seen)
    }

    /// The version next to the birth's time that was made up from a read of the same ETag: the birth is its origin when no
    /// other version or tombstone stands between, and it was not read before.
    private mutating func inferred(
        for birth: Birth, in context: NameContext
    ) throws(CatalogError) -> VersionRecord? {
        guard let etag = birth.etag else { return nil }
        var newer: VersionRecord?
        var older: VersionRecord?
        try visitVersions(context) { version in
            if version.time > birth.time {
                newer = version
                return .next
            }
            older = version
            return .stop
        }
        for candidate in [newer, older].compactMap(\.self)
        where candidate.origin == .read && candidate.etag == etag && candidate.isPresent {
            let isSameVersion =
                candidate.versionID == nil || candidate.versionID == birth.versionID
            if isSameVersion, candidate.firstSeen >= birth.seen.firstTime,
                birth.size == nil || candidate.size == nil || candidate.size == birth.size
            {
                return candidate
            }
        }
        return nil
    }

    /// Gives a version another id: its row, pages and alias move.
    mutating func move(
        _ version: inout VersionRecord, to id: VersionID, in context: inout NameContext
    ) throws(CatalogError) {
        guard version.id != id else { return }
        let oldKey = CatalogKey.version(version.id)
        let newKey = CatalogKey.version(id)
        for page in try pageKeys(.version(oldKey)) {
            if let value = try value(of: page, in: .manifests) {
                overlay.set([page[0]] + newKey + page.suffix(8), in: .manifests, value)
            }
            overlay.set(page, in: .manifests, nil)
        }
        overlay.set(oldKey, in: .versions, nil)
        version.id = id
        context.needsNewest = true
    }

    /// Writes a version's row and what depends on it, and queues the work it needs.
    mutating func write(_ version: VersionRecord, in context: inout NameContext) throws(CatalogError) {
        let suffix = CatalogKey.versionSuffix(time: version.time, tag: version.id.tag)
        try put(context.key + suffix, in: .versions, version.encoded, of: context)
        if let versionID = version.versionID, case .versionID = VersionTag(versionID: versionID, etag: nil) {
            try put(CatalogKey.alias(context.key, versionID: versionID), in: .aliases, suffix, of: context)
        }
        if context.record.newest.isEmpty || SortedRows<Void>.compare(suffix, context.record.newest) < 0 {
            context.record.newest = suffix
        }
        if !version.origin.isAuthoritative { context.record.hasInferred = true }
        queueWork(of: version)
    }

    /// Queues verification and regridding of a version, as far as it needs them.
    mutating func queueWork(of version: VersionRecord) {
        guard version.isPresent, version.kind == .object else { return }
        if version.verificationPlan != nil, !verificationQueue.add(version.id, max: limits.workQueueMax) {
            counters.workDropped += 1
        }
        if version.needsRegrid, !regridQueue.add(version.id, max: limits.workQueueMax) { counters.workDropped += 1 }
    }

    /// Keys of all pages of a version or a part, ascending.
    func pageKeys(_ owner: ManifestOwner) throws(CatalogError) -> [[UInt8]] {
        var keys: [[UInt8]] = []
        try scan(.manifests, prefix: CatalogKey.pages(owner), from: nil) { key, _ in
            keys.append(key)
            return .next
        }
        return keys
    }

    mutating func deletePages(_ owner: ManifestOwner) throws(CatalogError) {
        for key in try pageKeys(owner) { overlay.set(key, in: .manifests, nil) }
    }
}

extension VersionRecord {
    /// Adds what an answer said of the version beside its size. Returns nothing that was there before is replaced, but
    /// what was not known is filled in.
    mutating func learn(
        etag: String?, versionID: String?, metadata: ObjectMetadata, digests: [StatedDigest], seen: Observation
    ) {
        if self.etag == nil { self.etag = etag }
        if self.versionID == nil { self.versionID = versionID }
        firstSeen = min(firstSeen, seen.firstTime)
        lastSeen = max(lastSeen, seen.time)
        self.metadata.fill(from: metadata)
        for digest in digests { learn(digest) }
        // Only S3 defines its ETag as a digest; elsewhere the same form may be anything.
        if name.cloud == .s3, let digest = self.etag.flatMap(StatedDigest.init(etag:)) { learn(digest) }
    }

    private mutating func learn(_ digest: StatedDigest) {
        guard let index = digests.firstIndex(where: { $0.digest.equals(digest) }) else {
            digests.append(CheckedDigest(digest))
            return
        }
        // The stricter source of the same digest stands.
        if digests[index].digest.isAdvisory, !digest.isAdvisory { digests[index].digest = digest }
    }

    /// Notes the length in the cloud's words; false when it contradicts what is known.
    mutating func learn(size: UInt64?) -> Bool {
        guard let size else { return true }
        if let known = self.size { return known == size }
        guard size >= holdings.covered.end else { return false }
        self.size = size
        return true
    }
}

extension ObjectMetadata {
    /// Adds what `other` says and this does not.
    mutating func fill(from other: ObjectMetadata) {
        headers.merge(other.headers) { known, _ in known }
        user.merge(other.user) { known, _ in known }
        tags.merge(other.tags) { known, _ in known }
        if acl == nil { acl = other.acl }
        if storageClass == nil { storageClass = other.storageClass }
        if lastModified == nil { lastModified = other.lastModified }
    }
}
