public import Objects
public import S3

/// An object about to be made at the target.
public struct ObjectDraft: Sendable {
    /// Where it goes.
    public var location: TargetLocation
    /// The name it had, kept beside the object where the target has room for it.
    public var source: ObjectName
    /// Length in bytes.
    public var size: UInt64
    /// The ETag the target should state, as predicted from the bytes; nil before they were read.
    public var etag: String?
    /// Metadata to apply.
    public var metadata: ObjectMetadata

    /// A draft of its parts.
    public init(
        location: TargetLocation, source: ObjectName, size: UInt64, etag: String? = nil, metadata: ObjectMetadata
    ) {
        self.location = location
        self.source = source
        self.size = size
        self.etag = etag
        self.metadata = metadata
    }
}

/// What the target answered to a write.
public struct StoredObject: Sendable {
    /// The ETag without quotes.
    public var etag: String?
    /// False when the target says itself that the ETag is no digest of the bytes (encryption with keys of its own).
    public var etagIsDigest: Bool
    /// SHA-256 of the bytes as the target computed it over what arrived; nil when it said nothing of the kind.
    public var sha256: [UInt8]?
    /// The version id at the target.
    public var versionID: String?
    /// Metadata that could not be applied: the name of each, and why.
    public var notApplied: [String]

    /// An answer of its parts.
    public init(
        etag: String?, etagIsDigest: Bool = true, sha256: [UInt8]? = nil, versionID: String? = nil,
        notApplied: [String] = []
    ) {
        self.etag = etag
        self.etagIsDigest = etagIsDigest
        self.sha256 = sha256
        self.versionID = versionID
        self.notApplied = notApplied
    }
}

/// What the target says of an object that exists.
public struct TargetObject: Sendable {
    /// Length in bytes.
    public var size: UInt64
    /// The ETag without quotes.
    public var etag: String?

    /// A description of its parts.
    public init(size: UInt64, etag: String?) {
        self.size = size
        self.etag = etag
    }
}

/// A part's place in its object.
public struct PartRange: Hashable, Sendable {
    /// Number of the part, from 1.
    public var number: Int
    /// Bytes of the object, first and one past the last.
    public var range: Range<UInt64>

    /// A place of its parts.
    public init(number: Int, range: Range<UInt64>) {
        self.number = number
        self.range = range
    }

    /// Length in bytes.
    public var size: UInt64 { range.upperBound - range.lowerBound }
}

/// An upload in parts at the target.
public struct UploadHandle: Hashable, Sendable {
    /// Where the object will be.
    public var location: TargetLocation
    /// The target's id of the upload.
    public var id: String
    /// True when every part is sent with its checksum, which the target was told at the beginning.
    public var isChecksummed: Bool

    /// A handle of its parts.
    public init(location: TargetLocation, id: String, isChecksummed: Bool) {
        self.location = location
        self.id = id
        self.isChecksummed = isChecksummed
    }
}

/// The target's answer to the beginning of an upload.
public struct CreatedUpload: Sendable {
    /// The upload.
    public var handle: UploadHandle
    /// Metadata that could not be applied: the name of each, and why.
    public var notApplied: [String]
    /// True when an earlier attempt stayed unanswered and may have begun another upload at the same location.
    public var mayHaveSiblings: Bool

    /// An answer of its parts.
    public init(handle: UploadHandle, notApplied: [String], mayHaveSiblings: Bool = false) {
        self.handle = handle
        self.notApplied = notApplied
        self.mayHaveSiblings = mayHaveSiblings
    }
}

/// A part that the target has.
public struct StoredPart: Hashable, Sendable {
    /// Number of the part, from 1.
    public var number: Int
    /// The ETag without quotes; needed again to complete the upload.
    public var etag: String
    /// Length in bytes.
    public var size: UInt64

    /// A part of its values.
    public init(number: Int, etag: String, size: UInt64) {
        self.number = number
        self.etag = etag
        self.size = size
    }
}

/// A part as the completing request names it.
public struct CompletedPart: Sendable {
    /// The part.
    public var part: StoredPart
    /// Digests of its bytes as the source gave them; nil for a part that the target copied unseen.
    public var digests: PayloadDigests?

    /// A part of its values.
    public init(part: StoredPart, digests: PayloadDigests?) {
        self.part = part
        self.digests = digests
    }
}

/// An upload that the target lists.
public struct UploadInProgress: Sendable {
    /// The upload.
    public var handle: UploadHandle
    /// When it began by the target's clock, in seconds since 1970 UTC; nil when not stated.
    public var initiated: Int64?

    /// An upload of its values.
    public init(handle: UploadHandle, initiated: Int64?) {
        self.handle = handle
        self.initiated = initiated
    }
}
