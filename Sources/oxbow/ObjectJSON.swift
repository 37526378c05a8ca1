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

/// Times as people and scripts read them: RFC 3339 in UTC.
enum TimeText {
    /// `2026-11-21T10:00:00.123456789Z` of nanoseconds since 1970 UTC.
    static func text(_ nanoseconds: UInt64) -> String {
        let seconds = Date(timeIntervalSince1970: TimeInterval(nanoseconds / 1_000_000_000))
        let stem = seconds.formatted(Date.ISO8601FormatStyle(timeZone: .gmt)).dropLast()
        // Not by a format: it took a tenth of the time of `verify --json` over small objects.
        let fraction = String(nanoseconds % 1_000_000_000)
        return "\(stem).\(String(repeating: "0", count: 9 - fraction.count))\(fraction)Z"
    }

    /// Nanoseconds since 1970 UTC of an RFC 3339 time such as `2026-11-21T10:00Z`, `2026-11-21T10:00:00Z` or
    /// `2026-11-21T10:00:00.5+01:00`; nil when it is none.
    static func parse(_ text: String) -> UInt64? {
        var text = text
        // Seconds may be left out.
        if let match = text.wholeMatch(of: /(.*T\d\d:\d\d)(Z|[+-]\d\d:\d\d)/) { text = "\(match.1):00\(match.2)" }
        var fraction: UInt64 = 0
        if let match = text.wholeMatch(of: /(.*T\d\d:\d\d:\d\d)\.(\d{1,9})(Z|[+-]\d\d:\d\d)/) {
            fraction = UInt64(match.2.padding(toLength: 9, withPad: "0", startingAt: 0)) ?? 0
            text = "\(match.1)\(match.3)"
        }
        guard let date = try? Date(text, strategy: .iso8601), date.timeIntervalSince1970 >= 0 else { return nil }
        return UInt64(date.timeIntervalSince1970) * 1_000_000_000 + fraction
    }
}
