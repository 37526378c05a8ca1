internal import Objects

// Undelete: a version that is no longer what the cloud serves becomes the current one of the vault again.

extension Ledger {
    /// Makes a version current again, as a new version with the same content, metadata and digests. `time` orders it:
    /// nanoseconds since 1970 UTC, moved behind everything that is known of the name. Nil when there is no such version,
    /// or it is a tombstone.
    ///
    /// A row of its own, and not the old one changed: what was served before stays as it was, traffic of the delete that
    /// is replayed later changes nothing, and an upload that the cloud takes afterwards is newer. The new version has no
    /// version id, since the cloud knows of none.
    public mutating func restore(_ id: VersionID, at time: UInt64) throws(CatalogError) -> VersionRecord? {
        guard var version = try version(id), version.kind == .object else { return nil }
        var context = try begin(id.name)
        var latest: UInt64 = 0
        try visitVersions(context) { newest in
            latest = newest.time
            return .stop
        }
        let order = max(time, latest &+ 1)
        let oldKey = CatalogKey.version(id)
        version.id = VersionID(name: id.name, time: order, tag: VersionTag(versionID: nil, etag: version.etag))
        version.origin = .restored
        version.versionID = nil
        version.removedAt = nil
        // Parts that turn up later belong to the version that the cloud made of them.
        version.floatingUploadID = nil
        let newKey = CatalogKey.version(version.id)
        for page in try pageKeys(.version(oldKey)) {
            if let value = try value(of: page, in: .manifests) {
                overlay.set([page[0]] + newKey + page.suffix(8), in: .manifests, value)
            }
        }
        try write(version, in: &context)
        var entry = HistoryRecord(.restored, Observation(time: order, firstTime: order, packet: 0, flow: "undelete"))
        entry.etag = version.etag
        try note(entry, in: &context)
        try finish(context)
        return version
    }
}
