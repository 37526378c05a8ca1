/// What a request asks of S3, named as the API reference names it.
enum S3Action: String, Hashable, CaseIterable {
    case putObject = "PutObject"
    case getObject = "GetObject"
    case headObject = "HeadObject"
    case copyObject = "CopyObject"
    case deleteObject = "DeleteObject"
    case deleteObjects = "DeleteObjects"
    case createMultipartUpload = "CreateMultipartUpload"
    case uploadPart = "UploadPart"
    case uploadPartCopy = "UploadPartCopy"
    case completeMultipartUpload = "CompleteMultipartUpload"
    case abortMultipartUpload = "AbortMultipartUpload"
    case listParts = "ListParts"
    case listObjects = "ListObjects"
    case listObjectsV2 = "ListObjectsV2"
    case listObjectVersions = "ListObjectVersions"
    /// `?acl`, `?tagging`, `?lifecycle`, ...: something beside objects.
    case subresource = "Subresource"
    /// Creating, deleting and probing buckets.
    case bucket = "Bucket"
    /// The list of buckets.
    case listBuckets = "ListBuckets"
    /// A CORS preflight.
    case preflight = "Preflight"
    /// A browser's form upload: the object's bytes stand inside multipart/form-data.
    case postObject = "PostObject"
    /// `x-amz-write-offset-bytes`: bytes at an offset of an existing object (directory buckets).
    case appendObject = "AppendObject"
    /// `?renameObject` (directory buckets).
    case renameObject = "RenameObject"
    /// `?select`: rows, not the object.
    case selectObjectContent = "SelectObjectContent"
    /// `?torrent`: a description, not the object.
    case getObjectTorrent = "GetObjectTorrent"
    /// A request that the API reference does not know, or one that contradicts itself.
    case unknown = "Unknown"

    /// The word under which it is counted.
    var counter: String { Self.counters[self] ?? rawValue }

    private static let counters = Dictionary(uniqueKeysWithValues: allCases.map { ($0, "s3.\($0.rawValue)") })
}
