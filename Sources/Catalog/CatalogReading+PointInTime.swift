public import Objects

// What the vault knows of a moment in the past, and what retention has taken of it.

/// An object that the history says was there at a moment, and of which no version is kept.
public struct ForgottenVersion: Sendable, Hashable {
    /// The object.
    public var name: ObjectName
    /// When the version was made: time of the cloud's answer, nanoseconds since 1970 UTC.
    public var time: UInt64
    /// Its ETag, if the cloud stated one.
    public var etag: String?
    /// Its version id, if the cloud stated one.
    public var versionID: String?
}

extension CatalogReading where Self: ~Copyable {
    /// The version of `name` that the cloud served at `time` and that was taken out of the catalog since, as far as the
    /// name's history goes back; nil when what was served then is kept, or nothing was.
    public func forgotten(_ name: ObjectName, asOf time: UInt64) throws(CatalogError) -> ForgottenVersion? {
        var maker: HistoryRecord?
        try scan(.history, prefix: CatalogKey.name(name), from: nil) { (_, value) throws(CatalogError) in
            let entry = try HistoryRecord(decoding: value)
            guard entry.seen.time <= time, entry.operation.ordersVersions else { return .next }
            // The removal of one version by its id says nothing of the others.
            if entry.operation == .deleted, entry.detail != nil { return .next }
            maker = entry
            return .stop
        }
        guard let maker, maker.operation != .deleted else { return nil }
        var isKept = false
        try visitVersions(of: name) { version in
            // The row itself, or a version that is as new: its place in the order may have become known better.
            let isIt =
                version.time == maker.seen.time
                || (maker.versionID != nil && version.versionID == maker.versionID)
                || (version.time < maker.seen.time && maker.etag != nil && version.etag == maker.etag)
            if isIt { isKept = true }
            return isIt ? .stop : .next
        }
        guard !isKept else { return nil }
        return ForgottenVersion(name: name, time: maker.seen.time, etag: maker.etag, versionID: maker.versionID)
    }

    /// Visits what ``forgotten(_:asOf:)`` says of every name, in the order of names.
    public func visitForgotten(
        asOf time: UInt64, _ visit: (ForgottenVersion) throws(CatalogError) -> VisitStep
    ) throws(CatalogError) {
        try scan(.names, prefix: [], from: nil) { (key, _) throws(CatalogError) in
            guard let found = try forgotten(try CatalogKey.name(decoding: key), asOf: time) else { return .next }
            return try visit(found)
        }
    }
}

extension HistoryRecord.Operation {
    /// True for what makes or ends the current version of a name.
    var ordersVersions: Bool {
        switch self {
        case .stored, .copied, .uploadCompleted, .deleted, .restored: true
        case .read, .described, .uploadCreated, .partStored, .partCopied, .uploadAborted, .attempted: false
        }
    }
}
