/// What a dialect understood of one exchange: the words that change or describe objects, whatever the cloud.
///
/// A write appears only after the cloud answered 2xx. Events arrive in the order of the cloud's answers.
public enum ObjectEvent: Sendable {
    /// An upload of a whole object was accepted.
    case stored(StoredEvent)
    /// Bytes of an object were served (200 or 206).
    case read(ReadEvent)
    /// The cloud described a version without its bytes (HEAD, attributes).
    case described(DescribedEvent)
    /// A server-side copy was accepted.
    case copied(CopiedEvent)
    /// A delete was accepted.
    case deleted(DeletedEvent)
    /// A multipart upload began.
    case uploadCreated(UploadEvent)
    /// A part of a multipart upload was accepted.
    case partStored(PartStoredEvent)
    /// A part was copied from another object on the server.
    case partCopied(PartCopiedEvent)
    /// A multipart upload was completed: the object exists.
    case uploadCompleted(UploadCompletedEvent)
    /// A multipart upload was aborted: its parts are gone.
    case uploadAborted(UploadEvent)
    /// A listing named keys: evidence of objects, held or not.
    case listed(ListedEvent)
    /// An attempt that changed nothing: refused, aborted, unanswered. Kept for `oxbow why`.
    case attempted(AttemptedEvent)
    /// A transfer that belongs to no object: its bytes are not referenced.
    case discarded(TransferID, reason: String)
}

/// See ``ObjectEvent/stored(_:)``.
public struct StoredEvent: Sendable {
    /// The object.
    public var name: ObjectName
    /// The upload's payload.
    public var transfer: TransferID
    /// Length of the object in bytes, from the request's own framing; nil when that was lost.
    public var size: UInt64?
    /// The answer's ETag without quotes.
    public var etag: String?
    /// The answer's version id.
    public var versionID: String?
    /// What the cloud keeps beside the bytes.
    public var metadata: ObjectMetadata
    /// Digests stated for the whole object or part.
    public var digests: [StatedDigest]
    /// Where and when it was seen.
    public var seen: Observation

    /// An event of its parts.
    public init(
        name: ObjectName, transfer: TransferID, size: UInt64?, etag: String? = nil, versionID: String? = nil,
        metadata: ObjectMetadata = ObjectMetadata(), digests: [StatedDigest] = [], seen: Observation
    ) {
        self.name = name
        self.transfer = transfer
        self.size = size
        self.etag = etag
        self.versionID = versionID
        self.metadata = metadata
        self.digests = digests
        self.seen = seen
    }
}

/// See ``ObjectEvent/read(_:)``.
public struct ReadEvent: Sendable {
    /// The object.
    public var name: ObjectName
    /// The answer's payload.
    public var transfer: TransferID
    /// Offset within the object of the transfer's first byte.
    public var offset: UInt64
    /// Length of the whole object as the cloud stated it (Content-Range total, or Content-Length of a 200).
    public var objectSize: UInt64?
    /// The ETag without quotes.
    public var etag: String?
    /// The version id the cloud gave, if the bucket has versions.
    public var versionID: String?
    /// What the cloud keeps beside the bytes.
    public var metadata: ObjectMetadata
    /// Digests of the whole object (not of the range).
    public var digests: [StatedDigest]
    /// Where and when it was seen.
    public var seen: Observation

    /// An event of its parts.
    public init(
        name: ObjectName, transfer: TransferID, offset: UInt64, objectSize: UInt64?, etag: String? = nil,
        versionID: String? = nil, metadata: ObjectMetadata = ObjectMetadata(), digests: [StatedDigest] = [],
        seen: Observation
    ) {
        self.name = name
        self.transfer = transfer
        self.offset = offset
        self.objectSize = objectSize
        self.etag = etag
        self.versionID = versionID
        self.metadata = metadata
        self.digests = digests
        self.seen = seen
    }
}

/// See ``ObjectEvent/described(_:)``.
public struct DescribedEvent: Sendable {
    /// The object.
    public var name: ObjectName
    /// Length in bytes, when the cloud or the request's framing stated it.
    public var size: UInt64?
    /// The ETag without quotes.
    public var etag: String?
    /// The version id the cloud gave, if the bucket has versions.
    public var versionID: String?
    /// What the cloud keeps beside the bytes.
    public var metadata: ObjectMetadata
    /// Digests stated for the whole object or part.
    public var digests: [StatedDigest]
    /// True when the cloud said that the object does not exist (404 on a plain GET or HEAD).
    public var isAbsent: Bool
    /// Where and when it was seen.
    public var seen: Observation

    /// An event of its parts.
    public init(
        name: ObjectName, size: UInt64? = nil, etag: String? = nil, versionID: String? = nil,
        metadata: ObjectMetadata = ObjectMetadata(), digests: [StatedDigest] = [], isAbsent: Bool = false,
        seen: Observation
    ) {
        self.name = name
        self.size = size
        self.etag = etag
        self.versionID = versionID
        self.metadata = metadata
        self.digests = digests
        self.isAbsent = isAbsent
        self.seen = seen
    }
}

/// See ``ObjectEvent/copied(_:)``.
public struct CopiedEvent: Sendable {
    /// The object that was copied.
    public var source: ObjectName
    /// The version of the source that the request named, if any.
    public var sourceVersionID: String?
    /// The object that the copy made.
    public var target: ObjectName
    /// The ETag without quotes.
    public var etag: String?
    /// The version id the cloud gave, if the bucket has versions.
    public var versionID: String?
    /// Metadata of the target when the request replaced it; nil when it was copied with the bytes.
    public var metadata: ObjectMetadata?
    /// Digests stated for the whole object or part.
    public var digests: [StatedDigest]
    /// Where and when it was seen.
    public var seen: Observation

    /// An event of its parts.
    public init(
        source: ObjectName, sourceVersionID: String? = nil, target: ObjectName, etag: String? = nil,
        versionID: String? = nil, metadata: ObjectMetadata? = nil, digests: [StatedDigest] = [], seen: Observation
    ) {
        self.source = source
        self.sourceVersionID = sourceVersionID
        self.target = target
        self.etag = etag
        self.versionID = versionID
        self.metadata = metadata
        self.digests = digests
        self.seen = seen
    }
}

/// See ``ObjectEvent/deleted(_:)``.
public struct DeletedEvent: Sendable {
    /// The object.
    public var name: ObjectName
    /// The version that the request named; nil when it named none.
    public var versionID: String?
    /// The delete marker's own version id when the cloud made one.
    public var markerVersionID: String?
    /// True when what the request removed was itself a delete marker (`x-amz-delete-marker` with a version id).
    public var removedMarker: Bool
    /// Where and when it was seen.
    public var seen: Observation

    /// An event of its parts.
    public init(
        name: ObjectName, versionID: String? = nil, markerVersionID: String? = nil, removedMarker: Bool = false,
        seen: Observation
    ) {
        self.name = name
        self.versionID = versionID
        self.markerVersionID = markerVersionID
        self.removedMarker = removedMarker
        self.seen = seen
    }
}

/// See ``ObjectEvent/uploadCreated(_:)`` and ``ObjectEvent/uploadAborted(_:)``.
public struct UploadEvent: Sendable {
    /// The object.
    public var name: ObjectName
    /// The cloud's id of the multipart upload.
    public var uploadID: String
    /// What the cloud keeps beside the bytes.
    public var metadata: ObjectMetadata
    /// Where and when it was seen.
    public var seen: Observation

    /// An event of its parts.
    public init(name: ObjectName, uploadID: String, metadata: ObjectMetadata = ObjectMetadata(), seen: Observation) {
        self.name = name
        self.uploadID = uploadID
        self.metadata = metadata
        self.seen = seen
    }
}

/// See ``ObjectEvent/partStored(_:)``.
public struct PartStoredEvent: Sendable {
    /// The object.
    public var name: ObjectName
    /// The cloud's id of the multipart upload.
    public var uploadID: String
    /// Number of the part, from 1.
    public var partNumber: Int
    /// The payload's transfer.
    public var transfer: TransferID
    /// Length in bytes, when the cloud or the request's framing stated it.
    public var size: UInt64?
    /// The ETag without quotes.
    public var etag: String?
    /// Digests stated for the whole object or part.
    public var digests: [StatedDigest]
    /// Where and when it was seen.
    public var seen: Observation

    /// An event of its parts.
    public init(
        name: ObjectName, uploadID: String, partNumber: Int, transfer: TransferID, size: UInt64?, etag: String? = nil,
        digests: [StatedDigest] = [], seen: Observation
    ) {
        self.name = name
        self.uploadID = uploadID
        self.partNumber = partNumber
        self.transfer = transfer
        self.size = size
        self.etag = etag
        self.digests = digests
        self.seen = seen
    }
}

/// See ``ObjectEvent/partCopied(_:)``.
public struct PartCopiedEvent: Sendable {
    /// The object.
    public var name: ObjectName
    /// The cloud's id of the multipart upload.
    public var uploadID: String
    /// Number of the part, from 1.
    public var partNumber: Int
    /// The object that was copied.
    public var source: ObjectName
    /// The version of the source that the request named, if any.
    public var sourceVersionID: String?
    /// Range of the source that became the part, first byte and one past the last; nil for the whole source.
    public var sourceRange: Range<UInt64>?
    /// The ETag without quotes.
    public var etag: String?
    /// Where and when it was seen.
    public var seen: Observation

    /// An event of its parts.
    public init(
        name: ObjectName, uploadID: String, partNumber: Int, source: ObjectName, sourceVersionID: String? = nil,
        sourceRange: Range<UInt64>? = nil, etag: String? = nil, seen: Observation
    ) {
        self.name = name
        self.uploadID = uploadID
        self.partNumber = partNumber
        self.source = source
        self.sourceVersionID = sourceVersionID
        self.sourceRange = sourceRange
        self.etag = etag
        self.seen = seen
    }
}

/// See ``ObjectEvent/uploadCompleted(_:)``.
public struct UploadCompletedEvent: Sendable {
    /// A part as the completing request listed it.
    public struct Part: Sendable, Hashable {
        /// Number of the part, from 1.
        public var number: Int
        /// ETag without quotes.
        public var etag: String?

        /// An event of its parts.
        public init(number: Int, etag: String?) {
            self.number = number
            self.etag = etag
        }
    }

    /// The object.
    public var name: ObjectName
    /// The cloud's id of the multipart upload.
    public var uploadID: String
    /// The parts in the order that the request fixed; nil when the request's body was not seen whole.
    public var parts: [Part]?
    /// The ETag without quotes.
    public var etag: String?
    /// The version id the cloud gave, if the bucket has versions.
    public var versionID: String?
    /// Digests stated for the whole object or part.
    public var digests: [StatedDigest]
    /// Where and when it was seen.
    public var seen: Observation

    /// An event of its parts.
    public init(
        name: ObjectName, uploadID: String, parts: [Part]?, etag: String? = nil, versionID: String? = nil,
        digests: [StatedDigest] = [], seen: Observation
    ) {
        self.name = name
        self.uploadID = uploadID
        self.parts = parts
        self.etag = etag
        self.versionID = versionID
        self.digests = digests
        self.seen = seen
    }
}

/// See ``ObjectEvent/listed(_:)``.
public struct ListedEvent: Sendable {
    /// One row of a listing.
    public struct Entry: Sendable, Hashable {
        /// The object.
        public var name: ObjectName
        /// Length in bytes, when the cloud or the request's framing stated it.
        public var size: UInt64?
        /// The ETag without quotes.
        public var etag: String?
        /// The version id the cloud gave, if the bucket has versions.
        public var versionID: String?
        /// Seconds since 1970 UTC.
        public var lastModified: Int64?
        /// False for a version that the listing says is not the latest.
        public var isLatest: Bool

        /// An event of its parts.
        public init(
            name: ObjectName, size: UInt64? = nil, etag: String? = nil, versionID: String? = nil,
            lastModified: Int64? = nil, isLatest: Bool = true
        ) {
            self.name = name
            self.size = size
            self.etag = etag
            self.versionID = versionID
            self.lastModified = lastModified
            self.isLatest = isLatest
        }
    }

    /// The rows, in the order of the answer.
    public var entries: [Entry]
    /// Where and when it was seen.
    public var seen: Observation

    /// An event of its parts.
    public init(entries: [Entry], seen: Observation) {
        self.entries = entries
        self.seen = seen
    }
}

/// See ``ObjectEvent/attempted(_:)``.
public struct AttemptedEvent: Sendable {
    /// The object.
    public var name: ObjectName
    /// The operation in the cloud's own words: `PutObject`, `UploadPart`, `GetObject`, ...
    public var operation: String
    /// The answer's status; nil when no answer was seen.
    public var status: Int?
    /// What a person should know: `refused`, `response not captured`, `client aborted after 12 of 40 bytes`, ...
    public var reason: String
    /// Where and when it was seen.
    public var seen: Observation

    /// An event of its parts.
    public init(name: ObjectName, operation: String, status: Int?, reason: String, seen: Observation) {
        self.name = name
        self.operation = operation
        self.status = status
        self.reason = reason
        self.seen = seen
    }
}
