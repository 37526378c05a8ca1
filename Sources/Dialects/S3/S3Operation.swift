internal import Exchanges
internal import Objects

/// A request to S3, understood: what it asks, and of which object.
struct S3Operation {
    /// What is asked.
    let action: S3Action
    /// Of which bucket or object.
    let location: S3Location
    /// The object; nil for buckets and the service.
    var name: ObjectName? { location.name }
    /// `versionId` of the query.
    let versionID: String?
    /// `uploadId` of the query.
    let uploadID: String?
    /// `partNumber` of the query, 1 to 10,000.
    let partNumber: Int?

    /// Reads a request that talks about this place (S3 API reference, "Actions").
    init(_ request: RequestReading, at location: S3Location) {
        self.location = location
        versionID = request.queryValue("versionId").flatMap { $0.isEmpty ? nil : $0 }
        uploadID = request.queryValue("uploadId").flatMap { $0.isEmpty ? nil : $0 }
        partNumber = request.queryValue("partNumber").flatMap(Int.init).flatMap {
            (1...10_000).contains($0) ? $0 : nil
        }
        let asked: S3Action
        if request.method == "OPTIONS" {
            asked = .preflight
        } else if location.bucket == nil {
            asked = request.method == "GET" ? .listBuckets : .unknown
        } else if location.key == nil {
            asked = Self.bucketAction(request)
        } else {
            asked = Self.objectAction(request, hasUpload: uploadID != nil, hasPart: partNumber != nil)
        }
        // SDKs name the operation in the query; where that contradicts the reading, the reading is wrong.
        if let stated = request.queryValue("x-id"), Self.carriesPayload(asked), stated != asked.rawValue {
            action = .unknown
        } else {
            action = asked
        }
    }

    private static func objectAction(_ request: RequestReading, hasUpload: Bool, hasPart: Bool) -> S3Action {
        if let subresource = subresourceAction(request) { return subresource }
        switch request.method {
        case "GET", "HEAD":
            if request.asks("uploadId") { return request.method == "GET" && hasUpload ? .listParts : .unknown }
            return request.method == "GET" ? .getObject : .headObject
        case "PUT":
            let copies = request.fields.has(.amazonCopySource)
            if request.asks("uploadId") || request.asks("partNumber") {
                guard hasUpload, hasPart else { return .unknown }
                return copies ? .uploadPartCopy : .uploadPart
            }
            if copies { return .copyObject }
            return request.fields.has(.amazonWriteOffset) ? .appendObject : .putObject
        case "POST":
            if request.asks("uploads") { return .createMultipartUpload }
            return hasUpload ? .completeMultipartUpload : .unknown
        case "DELETE":
            if request.asks("uploadId") { return hasUpload ? .abortMultipartUpload : .unknown }
            return .deleteObject
        default: return .unknown
        }
    }

    private static func bucketAction(_ request: RequestReading) -> S3Action {
        switch request.method {
        case "GET":
            if request.queryValue("list-type") == "2" { return .listObjectsV2 }
            if request.asks("versions") { return .listObjectVersions }
            if subresourceAction(request) != nil || request.asks("uploads") || request.asks("location") {
                return .subresource
            }
            return .listObjects
        case "POST":
            if request.asks("delete") { return .deleteObjects }
            let form = request.fields[.contentType]?.lowercased().hasPrefix("multipart/form-data") ?? false
            return form ? .postObject : .subresource
        case "PUT", "DELETE", "HEAD": return subresourceAction(request) ?? .bucket
        default: return .unknown
        }
    }

    /// What stands beside objects, by the query item that asks for it. An item without value that is not listed here is
    /// taken for a subresource not invented yet, since S3 marks them so: its answer must not pass for an object.
    private static func subresourceAction(_ request: RequestReading) -> S3Action? {
        for item in request.query {
            switch item.name {
            case "renameObject": return .renameObject
            case "select": return .selectObjectContent
            case "torrent": return .getObjectTorrent
            case "append": return .appendObject
            case "uploads", "uploadId", "partNumber", "versionId", "versions", "delete", "location": continue
            default:
                let isStated = subresources.contains(item.name)
                if isStated || (item.value == nil && !item.name.isEmpty) { return .subresource }
            }
        }
        return nil
    }

    private static let subresources: Set<String> = [
        "accelerate", "acl", "analytics", "annotation", "attributes", "cors", "encryption", "intelligent-tiering",
        "inventory", "legal-hold", "lifecycle", "logging", "metadataConfiguration", "metadataTable", "metrics",
        "notification", "object-lock", "ownershipControls", "policy", "policyStatus", "publicAccessBlock",
        "replication", "requestPayment", "restore", "retention", "select-type", "session", "tagging", "versioning",
        "website",
    ]

    private static func carriesPayload(_ action: S3Action) -> Bool {
        action == .putObject || action == .getObject || action == .uploadPart || action == .headObject
    }
}
