public import Objects

extension CatalogReading where Self: ~Copyable {
    /// The row of a version, or nil when there is none (any more).
    public func version(_ id: VersionID) throws(CatalogError) -> VersionRecord? {
        guard let bytes = try value(of: CatalogKey.version(id), in: .versions) else { return nil }
        return try VersionRecord(id: id, decoding: bytes)
    }

    /// Visits all versions and tombstones of a name, newest first, removed ones too.
    public func visitVersions(
        of name: ObjectName, _ visit: (VersionRecord) throws(CatalogError) -> VisitStep
    ) throws(CatalogError) {
        try scan(.versions, prefix: CatalogKey.name(name), from: nil) { (key, value) throws(CatalogError) in
            try visit(try VersionRecord(id: try CatalogKey.versionID(decoding: key), decoding: value))
        }
    }

    /// The list of ``visitVersions(of:_:)``.
    public func versions(of name: ObjectName) throws(CatalogError) -> [VersionRecord] {
        var versions: [VersionRecord] = []
        try visitVersions(of: name) { version in
            versions.append(version)
            return .next
        }
        return versions
    }

    /// The version that the cloud serves for the name, or the tombstone on top; nil when nothing is known.
    ///
    /// With `time`, what it served at that moment (nanoseconds since 1970 UTC).
    public func current(_ name: ObjectName, asOf time: UInt64? = nil) throws(CatalogError) -> VersionRecord? {
        var current: VersionRecord?
        try visitVersions(of: name) { version in
            guard version.stands(asOf: time) else { return .next }
            current = version
            return .stop
        }
        return current
    }

    /// Visits the current version of every name in `scope`, in the order of names, from `start` on.
    ///
    /// Names whose newest version is a tombstone are left out, or visited as that tombstone when `includingTombstones`.
    /// Removed versions are never visited.
    public func visitLive(
        in scope: NameScope = NameScope(), startingAt start: ObjectName? = nil, asOf time: UInt64? = nil,
        includingTombstones: Bool = false, _ visit: (VersionRecord) throws(CatalogError) -> VisitStep
    ) throws(CatalogError) {
        var decided: [UInt8]?
        let prefix = CatalogKey.prefix(of: scope)
        try scan(.versions, prefix: prefix, from: start.map(CatalogKey.name)) { (key, value) throws(CatalogError) in
            if let decided, key.starts(with: decided) { return .next }
            let version = try VersionRecord(id: try CatalogKey.versionID(decoding: key), decoding: value)
            guard version.stands(asOf: time) else { return .next }
            decided = CatalogKey.name(version.name)
            guard version.kind == .object || includingTombstones else { return .next }
            return try visit(version)
        }
    }

    /// What happened to a name, newest first.
    public func history(of name: ObjectName) throws(CatalogError) -> [HistoryRecord] {
        var history: [HistoryRecord] = []
        try scan(.history, prefix: CatalogKey.name(name), from: nil) { (_, value) throws(CatalogError) in
            history.append(try HistoryRecord(decoding: value))
            return .next
        }
        return history
    }

    /// Visits multipart uploads in the order of names, closed ones only when asked for.
    public func visitUploads(
        in scope: NameScope = NameScope(), includingClosed: Bool = false,
        _ visit: (UploadRecord) throws(CatalogError) -> VisitStep
    ) throws(CatalogError) {
        try scan(.uploads, prefix: CatalogKey.prefix(of: scope), from: nil) { (key, value) throws(CatalogError) in
            let upload = try UploadRecord(key: key, decoding: value)
            return upload.phase == .open || includingClosed ? try visit(upload) : .next
        }
    }

    /// The accepted parts of an upload that are not in a version yet, by number, the latest first.
    public func parts(of upload: UploadRecord) throws(CatalogError) -> [PartRecord] {
        try parts(ofUpload: CatalogKey.upload(upload.name, uploadID: upload.uploadID))
    }

    func parts(ofUpload key: [UInt8]) throws(CatalogError) -> [PartRecord] {
        var parts: [PartRecord] = []
        try scan(.parts, prefix: key, from: nil) { (key, value) throws(CatalogError) in
            parts.append(try PartRecord(key: key, decoding: value))
            return .next
        }
        return parts
    }

    /// What listings and descriptions last said of a name.
    public func evidence(of name: ObjectName) throws(CatalogError) -> EvidenceRecord? {
        guard let bytes = try value(of: CatalogKey.name(name), in: .evidence) else { return nil }
        return try EvidenceRecord(name: name, decoding: bytes)
    }

    /// Visits what listings and descriptions said, in the order of names.
    public func visitEvidence(
        in scope: NameScope = NameScope(), _ visit: (EvidenceRecord) throws(CatalogError) -> VisitStep
    ) throws(CatalogError) {
        try scan(.evidence, prefix: CatalogKey.prefix(of: scope), from: nil) { (key, value) throws(CatalogError) in
            try visit(try EvidenceRecord(name: try CatalogKey.name(decoding: key), decoding: value))
        }
    }

    /// Visits names that were seen but are not held: the cloud listed or described an object, and the vault has no
    /// version of it, a deleted one, or one with another ETag or size than was seen later.
    public func visitNotHeld(
        in scope: NameScope = NameScope(), _ visit: (EvidenceRecord) throws(CatalogError) -> VisitStep
    ) throws(CatalogError) {
        try visitEvidence(in: scope) { evidence throws(CatalogError) in
            guard !evidence.isAbsent else { return .next }
            let current = try self.current(evidence.name)
            return evidence.isAnswered(by: current) ? .next : try visit(evidence)
        }
    }

    /// The endpoints that nodes talked to.
    public func endpoints() throws(CatalogError) -> [EndpointRecord] {
        var endpoints: [EndpointRecord] = []
        try scan(.endpoints, prefix: [], from: nil) { (key, value) throws(CatalogError) in
            endpoints.append(try EndpointRecord(key: key, decoding: value))
            return .next
        }
        return endpoints
    }

    /// Versions with a digest left to check, in the order of keys, behind `last`; at most `max`.
    public func pendingVerification(after last: VersionID? = nil, max: Int) throws(CatalogError) -> [VersionID] {
        try pending(after: last, max: max, where: \.mayNeedCheck) { $0.verificationPlan != nil }
    }

    /// Versions with pieces that could become whole blocks, in the order of keys, behind `last`; at most `max`.
    public func pendingRegrid(after last: VersionID? = nil, max: Int) throws(CatalogError) -> [VersionID] {
        try pending(after: last, max: max, where: \.mayNeedRegrid) { $0.needsRegrid }
    }

    /// Copies whose sources may have more by now, in the order of keys, behind `last`; at most `max`.
    public func pendingCopies(after last: VersionID? = nil, max: Int) throws(CatalogError) -> [VersionID] {
        try pending(after: last, max: max, where: \.isCopy) { $0.copySource != nil }
    }

    private func pending(
        after last: VersionID?, max: Int, where mayBePending: (VersionGlance) -> Bool,
        _ isPending: (VersionRecord) -> Bool
    ) throws(CatalogError) -> [VersionID] {
        var pending: [VersionID] = []
        let lastKey = last.map(CatalogKey.version)
        try scan(.versions, prefix: [], from: lastKey) { (key, value) throws(CatalogError) in
            guard pending.count < max else { return .stop }
            guard key != lastKey, mayBePending(try VersionGlance(bytes: value)) else { return .next }
            let version = try VersionRecord(id: try CatalogKey.versionID(decoding: key), decoding: value)
            if version.isPresent, isPending(version) { pending.append(version.id) }
            return .next
        }
        return pending
    }
}

extension VersionRecord {
    /// True when the version had been made and not been removed at `time`, or ever and now when that is nil.
    public func stands(asOf time: UInt64?) -> Bool {
        guard let time else { return isPresent }
        return id.time <= time && removedAt.map { $0 > time } ?? true
    }
}

extension EvidenceRecord {
    /// True when `current` is what was seen, or newer.
    func isAnswered(by current: VersionRecord?) -> Bool {
        guard let current else { return false }
        if current.time > seenAt { return true }
        guard current.kind == .object else { return false }
        if let versionID, let held = current.versionID, versionID != held { return false }
        if let etag, let held = current.etag, etag != held { return false }
        if let size, let held = current.size, size != held { return false }
        return true
    }
}
