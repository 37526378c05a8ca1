internal import Blocks
internal import Objects

// Uploads in one request, and deletes.

extension Ledger {
    mutating func apply(_ event: StoredEvent) throws(CatalogError) {
        var context = try begin(event.name)
        let contribution = take(event.transfer, at: 0, length: event.size)
        let birth = Birth(
            time: event.seen.time, etag: event.etag, versionID: event.versionID, size: event.size, origin: .put,
            seen: event.seen)
        var version = try upsert(birth, in: &context)
        version.learn(
            etag: event.etag, versionID: event.versionID, metadata: event.metadata, digests: event.digests,
            seen: event.seen)
        var joined: UInt64 = 0
        if learn(event.size, in: &version) { joined = try join(contribution, to: &version, at: event.seen.time) }
        checkOnArrival(&version, contribution, joined: joined)
        try settle(&version)
        try write(version, in: &context)

        var entry = HistoryRecord(.stored, event.seen)
        entry.etag = event.etag
        entry.versionID = event.versionID
        entry.byteCount = contribution.byteCount
        entry.gaps = contribution.gapsForHistory
        try note(entry, in: &context)
        try touch(event.name, event.seen, stored: joined)
        try finish(context)
    }

    /// Notes a length in the cloud's words. False when it contradicts what is known: then nothing that came with it may
    /// join, since it is of another object than this version.
    mutating func learn(_ size: UInt64?, in version: inout VersionRecord) -> Bool {
        if version.learn(size: size) { return true }
        counters.contradictions += 1
        return false
    }

    mutating func apply(_ event: DeletedEvent) throws(CatalogError) {
        var context = try begin(event.name)
        if let versionID = event.versionID {
            try remove(versionID, event, in: &context)
        } else {
            let birth = Birth(
                time: event.seen.time, versionID: event.markerVersionID, kind: .tombstone, origin: .delete,
                seen: event.seen)
            var tombstone = try upsert(birth, in: &context)
            if tombstone.versionID == nil { tombstone.versionID = event.markerVersionID }
            tombstone.firstSeen = min(tombstone.firstSeen, event.seen.firstTime)
            try write(tombstone, in: &context)
        }
        var entry = HistoryRecord(.deleted, event.seen)
        entry.versionID = event.versionID ?? event.markerVersionID
        entry.detail = event.versionID == nil ? nil : event.removedMarker ? "delete marker removed" : "version removed"
        try note(entry, in: &context)
        try touch(event.name, event.seen)
        try finish(context)
    }

    /// Removes a version or a delete marker by the cloud's id. One that was never seen is remembered as removed, so that
    /// its upload does not bring it to life when that is replayed later.
    private mutating func remove(
        _ versionID: String, _ event: DeletedEvent, in context: inout NameContext
    ) throws(CatalogError) {
        let time = event.seen.time
        var removed: VersionRecord?
        if case .versionID = VersionTag(versionID: versionID, etag: nil) {
            let kind = event.removedMarker ? VersionRecord.Kind.tombstone : .object
            removed =
                try version(context, versionID: versionID)
                ?? VersionRecord(
                    id: VersionID(name: event.name, time: time, tag: .versionID(versionID)), kind: kind,
                    origin: .removal, seen: event.seen)
            if removed?.versionID == nil { removed?.versionID = versionID }
        } else {
            // `null` names the one version that a bucket without versioning keeps.
            try visitVersions(context, notAfter: time) { version in
                let isNull = version.versionID == nil || version.versionID == "null"
                guard isNull, version.isPresent || version.removedAt == time else { return .next }
                removed = version
                return .stop
            }
        }
        guard var version = removed else { return }
        version.removedAt = min(version.removedAt ?? time, time)
        try write(version, in: &context)
    }
}
