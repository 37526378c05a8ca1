public import Objects

/// What the source holds under one name now: its live version, or the tombstone that hides the older ones.
public struct SourceVersion: Sendable {
    /// The object's full name in the old cloud.
    public var name: ObjectName
    /// The version id of the old cloud, if the bucket had versions.
    public var versionID: String?
    /// True when the newest event of the name is its deletion.
    public var isTombstone: Bool
    /// How much of the version is held; only ``ObjectState/isGood`` versions are replicated.
    public var state: ObjectState
    /// Length in bytes; nil when the cloud never stated it.
    public var size: UInt64?
    /// The old cloud's ETag without quotes.
    public var etag: String?
    /// Equal for equal bytes; nil when the source cannot tell, and the content is then uploaded on its own.
    public var content: ContentIdentity?
    /// What the old cloud kept beside the bytes.
    public var metadata: ObjectMetadata
    /// Sizes of the parts the version was uploaded in, in order; empty when it was uploaded whole or that is unknown.
    public var partSizes: [UInt64]
    /// Digests that the old cloud stated.
    public var digests: [StatedDigest]
    /// Ranges that are missing, for the report's exceptions.
    public var gaps: [Gap]

    /// A version of its parts.
    public init(
        name: ObjectName, versionID: String? = nil, isTombstone: Bool = false, state: ObjectState, size: UInt64?,
        etag: String? = nil, content: ContentIdentity? = nil, metadata: ObjectMetadata = ObjectMetadata(),
        partSizes: [UInt64] = [], digests: [StatedDigest] = [], gaps: [Gap] = []
    ) {
        self.name = name
        self.versionID = versionID
        self.isTombstone = isTombstone
        self.state = state
        self.size = size
        self.etag = etag
        self.content = content
        self.metadata = metadata
        self.partSizes = partSizes
        self.digests = digests
        self.gaps = gaps
    }
}
