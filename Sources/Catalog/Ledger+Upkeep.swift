// What time and retention do to the catalog; both are the caller's decisions.

extension Ledger {
    /// Forgets uploads that nothing was seen of since `time` (nanoseconds since 1970 UTC), with their parts, at most `max`
    /// of them; closed ones too. Returns how many went.
    public mutating func expireUploads(lastSeenBefore time: UInt64, max: Int) throws(CatalogError) -> Int {
        var expired: [UploadRecord] = []
        try visitUploads(includingClosed: true) { upload in
            if upload.lastSeen < time { expired.append(upload) }
            return expired.count < max ? .next : .stop
        }
        for upload in expired {
            let key = CatalogKey.upload(upload.name, uploadID: upload.uploadID)
            for part in try parts(ofUpload: key) {
                if part.holdings.isPaged { try deletePages(.part(part.key)) }
                overlay.set(part.key, in: .parts, nil)
            }
            overlay.set(key, in: .uploads, nil)
            if let id = upload.version, var version = try version(id), version.floatingUploadID != nil {
                var context = try begin(version.name)
                version.floatingUploadID = nil
                try write(version, in: &context)
                try finish(context)
            }
        }
        return expired.count
    }

    /// Takes a version or tombstone out of the catalog, with its manifest. False when there is none. A replay of its
    /// traffic brings it back.
    public mutating func forget(_ id: VersionID) throws(CatalogError) -> Bool {
        guard let version = try version(id) else { return false }
        var context = try begin(id.name)
        let key = CatalogKey.version(id)
        if version.holdings.isPaged { try deletePages(.version(key)) }
        overlay.set(key, in: .versions, nil)
        if let versionID = version.versionID {
            overlay.set(CatalogKey.alias(context.key, versionID: versionID), in: .aliases, nil)
        }
        context.needsNewest = true
        try finish(context)
        return true
    }
}
