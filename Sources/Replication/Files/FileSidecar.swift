internal import Foundation
internal import Objects
internal import S3

/// What a folder cannot hold of an object, as JSON in `.oxbow/metadata/XX/<sha256 of the location>.json`.
///
/// The file's name is a digest so that it needs no escaping and cannot collide with another key's.
struct FileSidecar: Codable {
    var bucket: String
    /// The key, percent-encoded.
    var key: String
    /// The object's name in the old cloud.
    var source: String
    var size: UInt64
    /// The ETag that S3 would state for these bytes in these parts.
    var etag: String?
    /// Modification time of the file in nanoseconds: when it differs, the file was changed by someone else.
    var modified: Int64
    var headers: [String: String]
    var user: [String: String]
    var tags: [String: String]
    var acl: String?
    var storageClass: String?
    var lastModified: Int64?

    init(_ draft: ObjectDraft, etag: String?, modified: Int64) {
        bucket = draft.location.bucket
        key = draft.location.key.escaped
        source = draft.source.url
        size = draft.size
        self.etag = etag
        self.modified = modified
        headers = draft.metadata.headers
        user = draft.metadata.user
        tags = draft.metadata.tags
        acl = draft.metadata.acl
        storageClass = draft.metadata.storageClass
        lastModified = draft.metadata.lastModified
    }

    /// Folder and file below `.oxbow`.
    static func names(of location: TargetLocation) -> (folder: [String], file: String) {
        let digest = ByteText.hex(RunningDigest.of(Array(location.path.utf8), .sha256))
        return (["metadata", String(digest.prefix(2))], "\(digest.dropFirst(2)).json")
    }

    func encoded() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        return Array(try encoder.encode(self))
    }
}
