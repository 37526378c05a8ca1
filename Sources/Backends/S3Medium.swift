internal import Foundation
internal import NIOCore
internal import NIOHTTP1
internal import Objects
public import S3
public import Storage
internal import Synchronization

/// A bucket, or the part of one below a prefix, as the medium of a vault.
///
/// Each object goes in one request, stated by `Content-MD5`, by the SHA-256 that is signed, and by
/// `x-amz-checksum-sha256`, so that the service refuses what changed on the way. Where the ETag of the answer is an MD5 it
/// is compared as well.
public final class S3Medium: SegmentMedium {
    private let client: S3Client
    private let bucket: String
    private let prefix: String
    /// What is known of `If-None-Match: *`; nil until it was tried.
    private let honoursConditions = Mutex<Bool?>(nil)
    /// What was asked so far.
    public let counters = RequestCounters()

    /// The medium of a bucket.
    public init(_ url: S3BackendURL) {
        bucket = url.bucket
        prefix = url.prefix
        var settings = S3Settings()
        settings.connectSeconds = 5
        settings.idleSeconds = 30
        // Whoever sends repeats without end; more attempts here would only hide from it what is wrong.
        settings.retry = RetryPolicy(attemptsMax: 3, firstPauseSeconds: 0.2, pauseSecondsMax: 2)
        client = S3Client(
            endpoint: url.endpoint, credentials: url.credentials, settings: settings, counters: counters)
    }

    /// The bucket and prefix.
    public var place: String { "s3://\(bucket)/\(prefix)".trimmingSlash }

    /// See `SegmentMedium`.
    public var repeatedRequests: UInt64 { counters.snapshot.retries }

    /// See `SegmentMedium`.
    public func put(_ name: String, _ bytes: [UInt8], onlyIfAbsent: Bool) throws(StorageError) -> MediumPut {
        guard onlyIfAbsent else { return try putOnce(name, bytes, isConditional: false) }
        guard try canState() else {
            // Not safe against another who puts at this moment; nobody does, names being unique.
            if try size(of: name) != nil { return .present }
            return try putOnce(name, bytes, isConditional: false)
        }
        return try putOnce(name, bytes, isConditional: true)
    }

    /// See `SegmentMedium`.
    public func size(of name: String) throws(StorageError) -> UInt64? {
        let request = request(.headObject, "HEAD", name)
        return try AwaitingCall.result("look at", path(name)) { [client] in
            do {
                let answer = try await client.send(request)
                guard let size = answer.headers.first(name: "content-length").flatMap(UInt64.init) else {
                    throw StorageError.medium(
                        operation: "look at", place: name, reason: "the answer has no length", isPassing: true)
                }
                return size
            } catch let failure as TargetFailure where failure.status == 404 {
                return nil
            }
        }
    }

    /// See `SegmentMedium`.
    public func read(_ name: String, _ range: Range<UInt64>) throws(StorageError) -> [UInt8] {
        guard !range.isEmpty else { return [] }
        var request = request(.getObject, "GET", name)
        request.headers = [("range", "bytes=\(range.lowerBound)-\(range.upperBound - 1)")]
        request.answerBytesMax = range.count
        let asked = request
        let bytes = try AwaitingCall.result("read", path(name)) { [client] in
            let answer = try await client.send(asked)
            return Array(answer.body.readableBytesView)
        }
        guard bytes.count == range.count else {
            throw .medium(
                operation: "read", place: path(name), reason: "\(bytes.count) bytes came for a range of \(range.count)",
                isPassing: true)
        }
        return bytes
    }

    /// See `SegmentMedium`.
    public func objects(under prefix: String) throws(StorageError) -> [MediumObject] {
        var found: [MediumObject] = []
        var next: String?
        repeat {
            let page = try listing(prefix, after: next)
            found += page.objects
            next = page.next
        } while next != nil
        return found.sorted { $0.name < $1.name }
    }

    /// See `SegmentMedium`.
    public func remove(_ name: String) throws(StorageError) {
        let request = request(.deleteObject, "DELETE", name)
        try AwaitingCall.result("remove", path(name)) { [client] in
            do {
                _ = try await client.send(request)
            } catch let failure as TargetFailure where failure.status == 404 {
                return
            }
        }
    }

    // MARK: Requests

    private func path(_ name: String) -> String { "s3://\(bucket)/\(prefix)\(name)" }

    private func request(_ kind: RequestKind, _ method: String, _ name: String) -> S3Request {
        S3Request(kind: kind, method: .init(rawValue: method), bucket: bucket, key: ObjectKey(prefix + name))
    }

    private func putOnce(_ name: String, _ bytes: [UInt8], isConditional: Bool) throws(StorageError) -> MediumPut {
        var request = request(.putObject, "PUT", name)
        let digests = PayloadDigests(of: bytes)
        request.headers = [
            ("content-type", "application/octet-stream"),
            ("x-amz-checksum-sha256", Data(digests.sha256).base64EncodedString()),
        ]
        if isConditional { request.headers.append(("if-none-match", "*")) }
        request.body = .bytes(bytes)
        let asked = request
        let place = path(name)
        return try AwaitingCall.result("put", place) { [client] in
            do {
                let answer = try await client.send(asked)
                // Of a service that encrypts with keys of its own an ETag is no MD5.
                if answer.headers.first(name: "x-amz-server-side-encryption") == nil, let etag = answer.etag,
                    etag.utf8.count == 32, etag.lowercased() != ByteText.hex(digests.md5)
                {
                    throw StorageError.medium(
                        operation: "put", place: place, reason: "the service states another MD5 than was sent",
                        isPassing: true)
                }
                return .stored
            } catch let failure as TargetFailure where isConditional && failure.status == 412 {
                return .present
            }
        }
    }

    /// Whether the service keeps what is there when it is told `If-None-Match: *`.
    private func canState() throws(StorageError) -> Bool {
        if let known = honoursConditions.withLock({ $0 }) { return known }
        let name = "probes/\(String(UInt64.random(in: 0...UInt64.max), radix: 16))"
        let found: Bool
        do throws(StorageError) {
            _ = try putOnce(name, [1], isConditional: true)
            found = try putOnce(name, [2], isConditional: true) == .present
        } catch .medium(_, _, _, false) {
            // Refused outright: a service that does not know the header's use here.
            found = false
        }
        try remove(name)
        honoursConditions.withLock { $0 = found }
        return found
    }

    private func listing(
        _ prefix: String, after token: String?
    ) throws(StorageError) -> (objects: [MediumObject], next: String?) {
        var query = [("list-type", "2"), ("prefix", self.prefix + prefix)]
        if let token { query.append(("continuation-token", token)) }
        let request = S3Request(
            kind: .listObjects, method: .GET, bucket: bucket, key: nil, query: query.map { (name: $0.0, value: $0.1) },
            answerBytesMax: 8 << 20)
        let (place, own) = (path(prefix), self.prefix)
        return try AwaitingCall.result("list", place) { [client] in
            let answer = try await client.send(request)
            guard let xml = answer.xml, xml.name == "ListBucketResult" else {
                throw StorageError.medium(
                    operation: "list", place: place, reason: "the answer is no listing", isPassing: true)
            }
            var objects: [MediumObject] = []
            for entry in xml.all("Contents") {
                guard let key = entry.value("Key"), key.hasPrefix(own),
                    let size = entry.value("Size").flatMap(UInt64.init)
                else { continue }
                objects.append(MediumObject(name: String(key.dropFirst(own.count)), size: size))
            }
            return (objects, xml.value("IsTruncated") == "true" ? xml.value("NextContinuationToken") : nil)
        }
    }
}

extension String {
    /// Without a slash at its end.
    fileprivate var trimmingSlash: String { hasSuffix("/") ? String(dropLast()) : self }
}
