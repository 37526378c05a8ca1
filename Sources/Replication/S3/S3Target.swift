internal import Foundation
public import NIOCore
internal import NIOHTTP1
internal import Objects
public import S3
internal import Synchronization

/// An S3 service as a target: Amazon S3, Ceph RGW, SeaweedFS, MinIO and others that speak its REST API.
///
/// Each payload is signed by its SHA-256 and stated again as `Content-MD5` and `x-amz-checksum-sha256`, so that the
/// service refuses bytes that changed on the way; whichever of the three it checks.
public final class S3Target: ReplicationTarget {
    /// A stable name of the target without credentials.
    public let identity: TargetIdentity
    /// "Amazon S3 multipart upload limits", Amazon S3 User Guide.
    public let rules = TargetRules(
        singlePutBytesMax: 5 << 30, partBytesMin: 5 << 20, partBytesMax: 5 << 30, partsMax: 10_000,
        copyBytesMax: 5 << 30, objectBytesMax: 5 << 40, keepsLastModified: false, confirmsWrites: false)
    /// What was asked of the target so far.
    public let counters: RequestCounters
    let settings: S3Settings
    let client: S3Client
    /// Groups of metadata that the target refused once; not sent again, so that not every object costs two requests.
    let refused = Mutex<Set<S3MetadataHeaders.Group>>([])

    /// A target at an endpoint. `url` gives the naming template for the identity.
    public convenience init(url: TargetURL, endpoint: S3Endpoint, credentials: S3Credentials, settings: S3Settings) {
        self.init(
            template: "\(url.bucketTemplate)/\(url.prefixTemplate)", endpoint: endpoint, credentials: credentials,
            settings: settings, now: { Int64(Date().timeIntervalSince1970) })
    }

    init(
        template: String, endpoint: S3Endpoint, credentials: S3Credentials, settings: S3Settings,
        now: @escaping @Sendable () -> Int64
    ) {
        self.settings = settings
        counters = RequestCounters()
        client = S3Client(
            endpoint: endpoint, credentials: credentials, settings: settings, counters: counters, now: now)
        // Amazon's host follows from the region, which may be corrected between runs; the bucket names are global.
        let host = endpoint.isAmazon ? "amazonaws.com" : endpoint.url
        let digest = ByteText.hex(RunningDigest.of(Array("s3\0\(host)\0\(template)".utf8), .sha256).prefix(6))
        let readable = PercentEncoding.encode(template.utf8.prefix(60)) { PercentEncoding.isUnreserved($0) }
        identity = TargetIdentity(
            id: "s3-\(readable.replacing("%2F", with: "-").replacing("%", with: "_"))-\(digest)",
            description: "s3://\(template) at \(endpoint.url)")
    }

    /// The target's clock, from its `Date` headers.
    public var clockSeconds: Int64 { client.targetSeconds }

    /// Releases the connections.
    public func close() async { await client.close() }

    // MARK: Buckets and names

    /// Connects, checks the credentials and that the bucket exists; makes it when `createIfMissing`.
    ///
    /// A bucket in another region is followed there once. A refusal stops at the first answer: more attempts with the
    /// same keys would only lock the account.
    public func probe(bucket: String, createIfMissing: Bool) async throws {
        let isName = bucket.utf8.allSatisfy { PercentEncoding.isUnreserved($0) && $0 != UInt8(ascii: "~") }
        guard isName, (3...255).contains(bucket.utf8.count) else {
            throw ReplicationError.mapping(
                reason: "\(ObjectKey(bucket).escaped) is no name for an S3 bucket",
                remedy: "Give --map SRC=DST with a name of 3 to 63 letters, digits, dots and hyphens")
        }
        do {
            _ = try await head(bucket)
        } catch let failure as TargetFailure where failure.status == 404 {
            guard createIfMissing else { throw Self.missing(bucket, failure) }
            try await create(bucket)
        } catch let failure as TargetFailure where isElsewhere(failure, bucket) {
            client.move(bucket, to: failure.region ?? "")
            _ = try await head(bucket)
        } catch let failure as TargetFailure where failure.status == 403 || failure.status == 400 {
            throw try await explained(failure, bucket)
        }
    }

    private func head(_ bucket: String) async throws -> S3Answer {
        // Three attempts: long enough for a restart of the service, short enough for a person who waits.
        try await client.send(S3Request(kind: .headBucket, method: .HEAD, bucket: bucket, key: nil), attemptsMax: 3)
    }

    private func isElsewhere(_ failure: TargetFailure, _ bucket: String) -> Bool {
        guard let region = failure.region, region != client.endpoint(of: bucket).region else { return false }
        return failure.kind == .redirected || failure.status == 400
    }

    private static func missing(_ bucket: String, _ failure: TargetFailure) -> TargetFailure {
        var failure = failure
        failure.kind = .noSuchBucket
        failure.message = "the bucket does not exist"
        failure.remedy = "Make bucket \(bucket) first, or allow it to be made (--create-buckets)"
        return failure
    }

    /// A HEAD's refusal has no body, so the reason is asked for with a request that has one.
    private func explained(_ failure: TargetFailure, _ bucket: String) async throws -> TargetFailure {
        let request = S3Request(
            kind: .getBucketLocation, method: .GET, bucket: bucket, key: nil, query: [("location", "")])
        do {
            _ = try await client.send(request, attemptsMax: 1)
        } catch let explanation as TargetFailure where explanation.code != nil {
            var explanation = explanation
            if explanation.kind == .accessDenied {
                explanation.remedy = "Give the account s3:ListBucket and s3:PutObject on bucket \(bucket)"
            }
            return explanation
        } catch is TargetFailure {
            return failure
        }
        return failure
    }

    private func create(_ bucket: String) async throws {
        let endpoint = client.endpoint(of: bucket)
        var request = S3Request(kind: .createBucket, method: .PUT, bucket: bucket, key: nil)
        // us-east-1 is said by saying nothing ("CreateBucket", Amazon S3 API Reference).
        if endpoint.region != "us-east-1" {
            request.body = .bytes(
                Array(
                    "<CreateBucketConfiguration><LocationConstraint>\(S3XML.escape(endpoint.region))</LocationConstraint></CreateBucketConfiguration>"
                        .utf8))
        }
        do {
            _ = try await client.send(request)
        } catch let failure as TargetFailure where failure.code == "BucketAlreadyOwnedByYou" {
            // A repetition of a request whose first answer was lost.
        }
    }

    /// Why an object cannot exist in S3 ("Naming Amazon S3 objects", Amazon S3 User Guide), or nil when it can.
    public func objection(to draft: ObjectDraft) -> String? {
        let key = draft.location.key
        if key.bytes.isEmpty { return "the key is empty" }
        if key.bytes.count > 1_024 { return "the key has \(key.bytes.count) bytes; S3 keys have at most 1,024" }
        if key.string == nil { return "the key is not UTF-8; S3 keys are" }
        if draft.size > rules.objectBytesMax { return "the object is larger than 5 TiB" }
        return nil
    }

    // MARK: Whole objects

    /// Stores a whole object with one request.
    public func put(_ draft: ObjectDraft, _ payload: Payload) async throws -> StoredObject {
        try await sendingMetadata(of: draft) { metadata in
            var request = S3Request(
                kind: .putObject, method: .PUT, bucket: draft.location.bucket, key: draft.location.key,
                headers: metadata.headers, body: .stream(payload))
            if settings.sendsChecksums { request.headers.append(Self.checksumHeader(payload.digests)) }
            return Self.stored(try await client.send(request), metadata)
        }
    }

    /// Copies on the server, with this draft's metadata in place of the origin's.
    public func copy(
        _ draft: ObjectDraft, from origin: TargetLocation, etag: String?
    ) async throws -> StoredObject {
        try await sendingMetadata(of: draft) { metadata in
            var request = S3Request(
                kind: .copyObject, method: .PUT, bucket: draft.location.bucket, key: draft.location.key,
                headers: metadata.headers + Self.copySource(origin, etag: etag))
            request.headers.append(("x-amz-metadata-directive", "REPLACE"))
            request.headers.append(("x-amz-tagging-directive", "REPLACE"))
            request.mayFailInsideSuccess = true
            let answer = try await client.send(request)
            var stored = Self.stored(answer, metadata)
            stored.etag = try result(of: answer, "CopyObject", draft.location).value("ETag").map(S3Answer.unquoted)
            return stored
        }
    }

    /// Runs a request with the draft's metadata; when the target refuses a group of it, runs it again without.
    func sendingMetadata<Value>(
        of draft: ObjectDraft, _ send: (S3MetadataHeaders) async throws -> Value
    ) async throws -> Value {
        while true {
            let known = refused.withLock { $0 }
            let metadata = S3MetadataHeaders(draft.metadata, settings: settings, refused: known)
            do {
                return try await send(metadata)
            } catch let failure as TargetFailure where failure.kind == .metadataRefused {
                guard let group = Self.refusedGroup(failure, settings), !known.contains(group) else { throw failure }
                // User metadata and tags are refused for one object's sake, a class or an ACL for the bucket's.
                if group == .storageClass || group == .acl {
                    refused.withLock { _ = $0.insert(group) }
                } else {
                    let without = S3MetadataHeaders(draft.metadata, settings: settings, refused: known.union([group]))
                    return try await send(without)
                }
            }
        }
    }

    private static func refusedGroup(_ failure: TargetFailure, _ settings: S3Settings) -> S3MetadataHeaders.Group? {
        switch failure.code {
        // A class that the user asked for is not dropped behind their back.
        case "InvalidStorageClass": settings.storageClass == .asSource ? .storageClass : nil
        case "AccessControlListNotSupported": .acl
        case "InvalidTag": .tags
        case "MetadataTooLarge": .user
        default: nil
        }
    }

    // MARK: Reading

    /// What the target says of an object; nil when it does not exist.
    public func describe(_ location: TargetLocation) async throws -> TargetObject? {
        let request = S3Request(kind: .headObject, method: .HEAD, bucket: location.bucket, key: location.key)
        do {
            let answer = try await client.send(request)
            guard let length = answer.headers.first(name: "content-length").flatMap({ UInt64($0) }) else {
                throw malformed("HeadObject", location, "the answer states no Content-Length")
            }
            return TargetObject(size: length, etag: answer.etag)
        } catch let failure as TargetFailure where failure.kind == .noSuchObject {
            return nil
        }
    }

    /// Appends exactly the bytes of `range` to `buffer`.
    public func read(
        _ location: TargetLocation, _ range: Range<UInt64>, into buffer: inout ByteBuffer
    ) async throws {
        guard !range.isEmpty else { return }
        let count = Int(range.upperBound - range.lowerBound)
        var request = S3Request(kind: .getObject, method: .GET, bucket: location.bucket, key: location.key)
        request.headers = [("range", "bytes=\(range.lowerBound)-\(range.upperBound - 1)")]
        request.answerBytesMax = count
        var answer = try await client.send(request)
        guard answer.body.readableBytes == count else {
            throw malformed("GetObject", location, "asked for \(count) bytes, got \(answer.body.readableBytes)")
        }
        counters.wasRead(count)
        buffer.writeBuffer(&answer.body)
    }

    /// Deletes an object; one that does not exist is no error.
    public func delete(_ location: TargetLocation) async throws {
        let request = S3Request(kind: .deleteObject, method: .DELETE, bucket: location.bucket, key: location.key)
        do {
            _ = try await client.send(request)
        } catch let failure as TargetFailure where failure.kind == .noSuchObject {}
    }

    // MARK: Shared by requests

    /// The document of an answer. Services differ in how they call it (`…Result`, `…Response`, `…Output`), so only the
    /// operation's name is asked for; it keeps an error page from passing as an empty list.
    func result(of answer: S3Answer, _ operation: String, _ location: TargetLocation) throws -> S3XML {
        guard let result = answer.xml, result.name.hasPrefix(operation) else {
            throw malformed(operation, location, "the answer holds no \(operation)Result")
        }
        return result
    }

    static func checksumHeader(_ digests: PayloadDigests) -> (name: String, value: String) {
        ("x-amz-checksum-sha256", Data(digests.sha256).base64EncodedString())
    }

    static func copySource(_ origin: TargetLocation, etag: String?) -> [(name: String, value: String)] {
        var headers = [(name: "x-amz-copy-source", value: "/\(origin.path)")]
        if let etag { headers.append(("x-amz-copy-source-if-match", "\"\(etag)\"")) }
        return headers
    }

    static func stored(_ answer: S3Answer, _ metadata: S3MetadataHeaders?) -> StoredObject {
        let sha256 = answer.headers.first(name: "x-amz-checksum-sha256").flatMap { Data(base64Encoded: $0) }
        return StoredObject(
            etag: answer.etag, etagIsDigest: etagIsDigest(answer), sha256: sha256.map { Array($0) },
            versionID: answer.headers.first(name: "x-amz-version-id"), notApplied: metadata?.notApplied ?? [])
    }

    /// "Checking object integrity", Amazon S3 User Guide: with KMS keys or keys of the customer an ETag is no MD5.
    static func etagIsDigest(_ answer: S3Answer) -> Bool {
        let encryption = answer.headers.first(name: "x-amz-server-side-encryption") ?? ""
        return !encryption.hasPrefix("aws:kms")
            && !answer.headers.contains(name: "x-amz-server-side-encryption-customer-algorithm")
    }

    func malformed(_ operation: String, _ location: TargetLocation, _ message: String) -> TargetFailure {
        TargetFailure(
            kind: .malformedAnswer, operation: operation,
            subject: "\(location.path) at \(client.endpoint(of: location.bucket).url)", message: message,
            remedy: "Check that the endpoint is an S3 service and that no proxy changes its answers")
    }
}
