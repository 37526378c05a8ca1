internal import Catalog

/// Which versions may be forgotten: those that are not what the cloud serves, when every rule that is given allows it.
/// Without rules nothing is forgotten.
public struct RetentionPolicy: Sendable, Hashable, Codable {
    /// The newest versions of a name, the current one among them, that stay whatever their age; nil: no such rule.
    public var keepVersions: Int?
    /// How long a version stays after it was replaced or deleted, in nanoseconds; nil: no such rule.
    public var keepDeletedNanoseconds: UInt64?
    /// How long a multipart upload of which nothing more is seen stays, in nanoseconds; nil: for ever.
    public var keepUploadsNanoseconds: UInt64?

    /// A policy of its rules.
    public init(
        keepVersions: Int? = nil, keepDeletedNanoseconds: UInt64? = nil, keepUploadsNanoseconds: UInt64? = nil
    ) {
        self.keepVersions = keepVersions
        self.keepDeletedNanoseconds = keepDeletedNanoseconds
        self.keepUploadsNanoseconds = keepUploadsNanoseconds
    }

    /// True when versions may go at all.
    var forgetsVersions: Bool { keepVersions != nil || keepDeletedNanoseconds != nil }

    /// The versions and tombstones that may go at `now` (nanoseconds since 1970 UTC), out of all of one name, the newest
    /// first.
    func expired(_ versions: [VersionRecord], now: UInt64) -> [VersionID] {
        guard forgetsVersions else { return [] }
        let current = versions.firstIndex(where: \.isPresent)
        var expired: [VersionID] = []
        var isAllOlderGone = true
        var newerObjects = versions.count { $0.kind == .object }
        for (index, version) in versions.enumerated().reversed() {
            if version.kind == .object { newerObjects -= 1 }
            let end = version.removedAt ?? (index > 0 ? versions[index - 1].time : version.time)
            let isOld = keepDeletedNanoseconds.map { end <= now && now - end >= $0 } ?? true
            let isAllowed: Bool
            if version.kind == .object {
                isAllowed = index != current && isOld && newerObjects >= keepVersions ?? 0
            } else {
                // A tombstone that went before what it covers would bring that back.
                isAllowed = isAllOlderGone && isOld
            }
            if isAllowed { expired.append(version.id) } else { isAllOlderGone = false }
        }
        return expired
    }
}
