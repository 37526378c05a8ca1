public import Objects

/// What tells a version from others of the same name and time.
public enum VersionTag: Hashable, Sendable {
    /// The cloud's own version id.
    case versionID(String)
    /// The cloud stated no version id (or `null`, which it reuses), but an ETag.
    case etag(String)
    /// A tombstone of a bucket without versions.
    case tombstone
    /// The cloud stated nothing.
    case none

    /// The tag of a version with these words of the cloud. S3 calls every version of a bucket without versioning `null`;
    /// that identifies nothing.
    public init(versionID: String?, etag: String?) {
        if let versionID, !versionID.isEmpty, versionID != "null" {
            self = .versionID(versionID)
        } else if let etag {
            self = .etag(etag)
        } else {
            self = .none
        }
    }
}

/// Identifies a version within a vault: its name, its place in the order of versions, and its tag. It is the row's key
/// itself, so two versions never share an id, and a replay of the same traffic arrives at the same ids.
///
/// An id changes only when a better order of the version becomes known (a version first seen by a read, whose upload is
/// replayed later); calls that take an id answer "no such version" then.
public struct VersionID: Hashable, Sendable {
    /// The object.
    public var name: ObjectName
    /// Time of the cloud's answer that made the version, nanoseconds since 1970 UTC: the order of versions.
    public var time: UInt64
    /// What tells it from others of the same time.
    public var tag: VersionTag

    /// An id of its parts.
    public init(name: ObjectName, time: UInt64, tag: VersionTag) {
        self.name = name
        self.time = time
        self.tag = tag
    }

    /// Times are nearly unique: with the key's bytes they would cost far more and say little more.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(time)
        hasher.combine(name.key.bytes.count)
    }
}
