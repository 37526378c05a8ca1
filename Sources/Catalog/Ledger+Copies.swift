internal import Blocks
internal import Objects

// Server-side copies: manifests from known ones, with no bytes on the wire.

extension Ledger {
    mutating func apply(_ event: CopiedEvent) throws(CatalogError) {
        let source = try copySource(
            event.source, versionID: event.sourceVersionID, before: event.seen.time, targetETag: event.etag)
        var context = try begin(event.target)
        let birth = Birth(
            time: event.seen.time, etag: event.etag, versionID: event.versionID, size: source?.size, origin: .copy,
            seen: event.seen)
        var version = try upsert(birth, in: &context)
        var metadata = event.metadata ?? source?.metadata ?? ObjectMetadata()
        if event.metadata == nil { metadata.lastModified = nil }
        // What the cloud said of the source's bytes holds for the same bytes here; its ETag may not.
        let inherited = (source?.digests ?? []).map(\.digest).filter { $0.scope == .whole && $0.source != "etag" }
        version.learn(
            etag: event.etag, versionID: event.versionID, metadata: metadata, digests: event.digests + inherited,
            seen: event.seen)
        // A replay changes nothing: what the source gained since the first time comes with `healCopies`.
        var joined: UInt64 = 0
        if version.copySource == nil {
            version.copySource = VersionRecord.CopySource(name: event.source, versionID: event.sourceVersionID)
            if let source { joined = try join(source, to: &version, at: event.seen.time) }
        }
        try finishCopy(&version, in: &context)

        var entry = HistoryRecord(.copied, event.seen)
        entry.etag = event.etag
        entry.versionID = event.versionID
        entry.detail = event.source.url
        entry.byteCount = joined
        try note(entry, in: &context)
        try touch(event.target, event.seen)
        try finish(context)
    }

    /// Gives partial copies what their sources gained since: reads that healed them, uploads that were replayed later.
    /// Goes through the copies that this ledger saw or was given by ``queueCopy(_:)``; returns how many gained.
    ///
    /// Call it at the end of a run and on idle time.
    public mutating func healCopies() throws(CatalogError) -> Int {
        var healed: Set<VersionID> = []
        // A copy of a copy gains when the first one has.
        var isProgress = true
        while isProgress {
            isProgress = false
            for id in copyQueue.take(.max) {
                guard var version = try version(id), version.isPresent, let origin = version.copySource else {
                    continue
                }
                let source = try copySource(
                    origin.name, versionID: origin.versionID, before: id.time, targetETag: version.etag)
                if let source, try join(source, to: &version, at: version.lastSeen) > 0 {
                    healed.insert(id)
                    isProgress = true
                }
                var context = try begin(version.name)
                try finishCopy(&version, in: &context)
                try finish(context)
            }
        }
        return healed.count
    }

    /// Queues a partial copy that ``CatalogReading/pendingCopies(after:max:)`` found.
    public mutating func queueCopy(_ id: VersionID) {
        if !copyQueue.add(id, max: limits.workQueueMax) { counters.workDropped += 1 }
    }

    private mutating func finishCopy(
        _ version: inout VersionRecord, in context: inout NameContext
    ) throws(CatalogError) {
        try settle(&version)
        if version.copySource != nil { queueCopy(version.id) }
        try write(version, in: &context)
    }

    /// Joins what the source of a copy holds with the copy.
    private mutating func join(
        _ source: VersionRecord, to version: inout VersionRecord, at time: UInt64
    ) throws(CatalogError) -> UInt64 {
        guard learn(source.size, in: &version) else { return 0 }
        if version.etag == source.etag, version.parts.isEmpty { version.parts = source.parts.filter(\.isPlaced) }
        return try join(
            source.holdings, of: .version(CatalogKey.version(source.id)), movedBy: 0, limitedTo: source.size,
            to: &version, at: time)
    }

    /// The version that a copy accepted at `time` was made of, or nil when the vault cannot know its bytes.
    ///
    /// Without a version id it is what was current just before. When both sides have ETags that are MD5s of the bytes and
    /// they differ, the source was overwritten unseen; only a version with the target's ETag can then stand for it.
    func copySource(
        _ name: ObjectName, versionID: String?, before time: UInt64, targetETag: String?
    ) throws(CatalogError) -> VersionRecord? {
        let context = try begin(name)
        if let versionID, case .versionID = VersionTag(versionID: versionID, etag: nil) {
            return try version(context, versionID: versionID)
        }
        guard time > 0, !context.isNew else { return nil }
        var current: VersionRecord?
        var sameETag: VersionRecord?
        var left = limits.versionScanMax
        var start = context.key
        start.append(bigEndian: ~(time - 1))
        try scan(.versions, prefix: context.key, from: start) { (key, value) throws(CatalogError) in
            guard left > 0 else { return .stop }
            left -= 1
            let version = try VersionRecord(id: try CatalogKey.versionID(decoding: key), decoding: value)
            if version.removedAt.map({ $0 < time }) ?? false { return .next }
            if current == nil { current = version }
            if version.kind == .object, version.etag != nil, version.etag == targetETag {
                sameETag = version
                return .stop
            }
            // Only an ETag that contradicts the current version makes a look at older ones worth while.
            return current?.contradicts(targetETag) ?? false ? .next : .stop
        }
        if let sameETag { return sameETag }
        guard let current, current.kind == .object, !current.contradicts(targetETag) else { return nil }
        return current
    }
}

extension VersionRecord {
    /// True when the version's ETag and a copy's are both MD5s of the bytes, and differ.
    fileprivate func contradicts(_ targetETag: String?) -> Bool {
        guard name.cloud == .s3, !hasOpaqueETag, let mine = etag.flatMap(StatedDigest.init(etag:)),
            mine.scope == .whole,
            let copied = targetETag.flatMap(StatedDigest.init(etag:)), copied.scope == .whole
        else { return false }
        return mine.value != copied.value
    }
}
