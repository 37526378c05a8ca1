import Catalog
import Foundation
import Objects

/// One JSON object a line on standard output: the contract that scripts rely on (docs/commands.md).
enum JSONLine {
    /// Prints `value` as one line with sorted keys.
    static func print(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let data = try encoder.encode(value)
        try Terminal.print(String(decoding: data, as: UTF8.self))
    }
}

/// A version as `ls --json`, `stat --json` and `verify --json` print it.
struct ObjectJSON: Encodable {
    struct GapJSON: Encodable {
        var offset: UInt64
        var length: UInt64?
        var cause: String

        init(_ gap: Gap) {
            offset = gap.offset
            length = gap.length
            cause = gap.cause.rawValue
        }
    }

    var name: String
    var cloud: String
    var endpoint: String
    var bucket: String
    var key: String
    var keyBase64: String?
    var size: UInt64?
    var state: String?
    var etag: String?
    var versionID: String?
    var gaps: [GapJSON]
    var time: String
    var lastModified: Int64?
    var contentType: String?
    var deleted: Bool?
    var sha256: String?
    var problems: [String]?

    enum CodingKeys: String, CodingKey {
        case name, cloud, endpoint, bucket, key, size, state, etag, gaps, time, deleted, sha256, problems
        case keyBase64 = "key_base64"
        case versionID = "version_id"
        case lastModified = "last_modified"
        case contentType = "content_type"
    }

    init(_ version: VersionRecord) {
        name = version.name.url
        cloud = version.name.cloud.rawValue
        endpoint = version.name.endpoint
        bucket = version.name.bucket
        key = version.name.key.lossyString
        keyBase64 = version.name.key.string == nil ? Data(version.name.key.bytes).base64EncodedString() : nil
        size = version.size
        etag = version.etag
        versionID = version.versionID
        gaps = version.gaps.map(GapJSON.init)
        time = TimeText.text(version.time)
        lastModified = version.metadata.lastModified
        contentType = version.metadata.headers["content-type"]
        if version.kind == .tombstone {
            deleted = true
        } else {
            state = version.state.rawValue
        }
    }
}
