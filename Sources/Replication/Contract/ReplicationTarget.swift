public import NIOCore
public import S3

/// A cloud that objects are replicated into. One folder for each family below this layer's folder.
///
/// Implementations retry what is worth retrying; an error that leaves them is final for the object or for the run, as
/// its ``TargetFailure/reaction`` says. Every method may be called from several tasks at once.
public protocol ReplicationTarget: Sendable {
    /// A stable name of the target without credentials; the journal is kept under it.
    var identity: TargetIdentity { get }
    /// What the target allows.
    var rules: TargetRules { get }
    /// What was asked of the target so far.
    var counters: RequestCounters { get }

    /// Connects, checks the credentials and that the bucket exists; makes it when `createIfMissing`.
    func probe(bucket: String, createIfMissing: Bool) async throws
    /// Why an object cannot exist at the target, or nil when it can. Makes no request.
    func objection(to draft: ObjectDraft) -> String?

    /// Stores a whole object; on return it is durable as far as the target promises.
    func put(_ draft: ObjectDraft, _ payload: Payload) async throws -> StoredObject
    /// Copies on the server. `etag` guards against a copy source that changed.
    func copy(_ draft: ObjectDraft, from origin: TargetLocation, etag: String?) async throws -> StoredObject

    /// Begins an upload in parts. `isChecksummed`: no part will be copied, so that each can carry its checksum.
    func createUpload(_ draft: ObjectDraft, isChecksummed: Bool) async throws -> CreatedUpload
    /// Stores a part; the same number may be stored again and replaces the part.
    func uploadPart(_ upload: UploadHandle, _ part: PartRange, _ payload: Payload) async throws -> StoredPart
    /// Makes a part from bytes of another object on the server.
    func copyPart(_ upload: UploadHandle, _ part: PartRange, from origin: TargetLocation, etag: String?) async throws
        -> StoredPart
    /// The parts the target has, ascending; nil when the target cannot tell and the journal's word stands.
    /// Throws ``TargetFailure/Kind/noSuchUpload`` when the upload is gone.
    func parts(of upload: UploadHandle) async throws -> [StoredPart]?
    /// Makes the object of the parts, which are all of it in order.
    func completeUpload(_ upload: UploadHandle, _ draft: ObjectDraft, parts: [CompletedPart]) async throws
        -> StoredObject
    /// Drops the upload and its parts; an upload that is gone is no error.
    func abortUpload(_ upload: UploadHandle) async throws
    /// Uploads in progress for exactly this location.
    func uploads(at location: TargetLocation) async throws -> [UploadInProgress]

    /// What the target says of an object; nil when it does not exist.
    func describe(_ location: TargetLocation) async throws -> TargetObject?
    /// Appends exactly the bytes of `range` to `buffer`; at most a few MiB are asked for at once.
    func read(_ location: TargetLocation, _ range: Range<UInt64>, into buffer: inout ByteBuffer) async throws
    /// Deletes an object; one that does not exist is no error.
    func delete(_ location: TargetLocation) async throws
    /// The target's clock in seconds since 1970 UTC, as far as it is known.
    var clockSeconds: Int64 { get }
    /// Releases connections and files. Nothing may be called afterwards.
    func close() async
}

/// A target's stable name.
public struct TargetIdentity: Hashable, Sendable {
    /// Unique for the endpoint and the naming template, safe as the name of a folder.
    public let id: String
    /// The target as people write it, without credentials.
    public let description: String

    /// An identity of its two parts.
    public init(id: String, description: String) {
        self.id = id
        self.description = description
    }
}

/// What a target allows, in bytes and counts.
public struct TargetRules: Sendable {
    /// Largest object that one request may store.
    public var singlePutBytesMax: UInt64
    /// Smallest part but the last.
    public var partBytesMin: UInt64
    /// Largest part.
    public var partBytesMax: UInt64
    /// Most parts of an upload.
    public var partsMax: Int
    /// Largest object that one copy request may copy; 0 when the target cannot copy.
    public var copyBytesMax: UInt64
    /// Largest object at all.
    public var objectBytesMax: UInt64
    /// True when the time of last change can be kept.
    public var keepsLastModified: Bool
    /// True when a write that returned is proof by itself, as with a file that was synced.
    public var confirmsWrites: Bool
    /// Transfers at once that suit it, when the user names no number.
    public var transfers: Int

    /// Rules of their parts.
    public init(
        singlePutBytesMax: UInt64, partBytesMin: UInt64, partBytesMax: UInt64, partsMax: Int, copyBytesMax: UInt64,
        objectBytesMax: UInt64, keepsLastModified: Bool, confirmsWrites: Bool, transfers: Int = 8
    ) {
        self.singlePutBytesMax = singlePutBytesMax
        self.partBytesMin = partBytesMin
        self.partBytesMax = partBytesMax
        self.partsMax = partsMax
        self.copyBytesMax = copyBytesMax
        self.objectBytesMax = objectBytesMax
        self.keepsLastModified = keepsLastModified
        self.confirmsWrites = confirmsWrites
        self.transfers = transfers
    }
}
