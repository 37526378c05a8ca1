internal import Objects
internal import S3

/// Digests and length of one part of an object's bytes, as they were sent; the whole object is one part when it was
/// sent whole.
public struct PartProof: Hashable, Sendable, Codable {
    /// Length in bytes.
    public var size: UInt64
    /// MD5, lower-case hexadecimal.
    public var md5: String
    /// SHA-256, lower-case hexadecimal.
    public var sha256: String

    init(size: UInt64, _ digests: PayloadDigests) {
        self.size = size
        md5 = ByteText.hex(digests.md5)
        sha256 = ByteText.hex(digests.sha256)
    }

    /// The digests as bytes; nil when the text is damaged.
    var digests: PayloadDigests? {
        guard let md5 = ByteText.bytes(hex: md5), md5.count == 16, let sha256 = ByteText.bytes(hex: sha256),
            sha256.count == 32
        else { return nil }
        return PayloadDigests(md5: md5, sha256: sha256)
    }
}

/// How an object came to the target.
public enum TransferWay: String, Sendable, Codable {
    /// Its bytes were sent in one request.
    case put
    /// Its bytes were sent in parts.
    case multipart
    /// The target copied it from an object that was sent.
    case copy
}

/// By what the bytes at the target are known to be ours.
public enum Evidence: String, Sendable, Codable {
    /// The ETag is the one computed from the bytes.
    case etag
    /// The target computed the same SHA-256 over what arrived.
    case checksum
    /// The bytes were read back and digested.
    case readBack = "read-back"
    /// The file was synced.
    case synced
}

/// An object that the target has.
struct ObjectRecord: Sendable, Codable {
    /// The name in the old cloud.
    var name: String
    var bucket: String
    /// Percent-encoded.
    var key: String
    /// Equal as long as bytes, layout and metadata of the source are.
    var revision: String
    /// ``ContentIdentity`` in hexadecimal.
    var content: String?
    var size: UInt64
    /// The target's ETag.
    var etag: String?
    var sourceETag: String?
    var versionID: String?
    var parts: [PartProof]
    var way: TransferWay
    var evidence: Evidence
    var notApplied: [String]

    var location: TargetLocation { Self.location(bucket, key) }

    static func location(_ bucket: String, _ key: String) -> TargetLocation {
        TargetLocation(bucket: bucket, key: ObjectKey(bytes: PercentEncoding.decode(key.utf8)))
    }
}

/// An upload that began; parts follow in ``PartRecord``s.
struct UploadRecord: Sendable, Codable {
    var bucket: String
    var key: String
    var id: String
    var isChecksummed: Bool
    var revision: String
    var partSizes: [UInt64]
    var notApplied: [String]

    var handle: UploadHandle {
        UploadHandle(location: ObjectRecord.location(bucket, key), id: id, isChecksummed: isChecksummed)
    }
}

/// A part that the target acknowledged.
struct PartRecord: Sendable, Codable {
    var upload: String
    var number: Int
    var etag: String
    /// Nil for a part that the target copied unseen.
    var proof: PartProof?
    var size: UInt64
}

/// One line of the journal.
enum JournalRecord: Sendable {
    /// What the journal is for; the first line.
    case header(JournalHeader)
    case object(ObjectRecord)
    /// An upload is about to be asked for at this location: an unanswered request may leave one that no one knows.
    case intent(LocationRecord)
    case upload(UploadRecord)
    case part(PartRecord)
    /// The upload was completed or aborted.
    case uploadEnded(id: String)
    /// The object was deleted at the target.
    case deleted(LocationRecord)

    /// The letter that names the kind in a line.
    var letter: Character {
        switch self {
        case .header: "h"
        case .object: "o"
        case .intent: "i"
        case .upload: "u"
        case .part: "p"
        case .uploadEnded: "e"
        case .deleted: "d"
        }
    }

    /// The location that the line is found by, if it is.
    var location: TargetLocation? {
        switch self {
        case .object(let record): record.location
        case .intent(let intent), .deleted(let intent): ObjectRecord.location(intent.bucket, intent.key)
        case .upload(let record): record.handle.location
        case .header, .part, .uploadEnded: nil
        }
    }
}

/// The journal's first line.
struct JournalHeader: Sendable, Codable, Equatable {
    /// Format of the lines; 1.
    var format: Int
    /// ``ReplicationSource/id``.
    var source: String
    /// ``TargetIdentity/id``.
    var target: String
}

/// A location, and when by the target's clock.
struct LocationRecord: Sendable, Codable {
    var bucket: String
    var key: String
    var seconds: Int64
}
