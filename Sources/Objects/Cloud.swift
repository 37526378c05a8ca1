/// The family of object store that a dialect speaks for; the scheme of an object's name.
public enum Cloud: String, Sendable, Hashable, CaseIterable, Comparable {
    /// Amazon S3 and every endpoint that speaks its REST API.
    case s3
    /// Google Cloud Storage, JSON API.
    case gcs
    /// Azure Blob Storage.
    case azure
    /// OpenStack Swift.
    case swift
    /// Any other HTTP or WebDAV server.
    case http

    /// Orders by the scheme's spelling.
    public static func < (earlier: Cloud, later: Cloud) -> Bool { earlier.rawValue < later.rawValue }
}
