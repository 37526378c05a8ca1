public import Catalog
internal import NIOCore
internal import NIOHTTP1
internal import Objects
public import S3
public import Vaults

/// The cloud that objects came from, as a source of bytes that the vault lacks: conditional range GETs, so that nothing is taken
/// of an object that was replaced meanwhile.
public struct CloudBlockSource: Sendable {
    private let target: S3Target

    /// A source at the endpoint of `url`, `s3://{bucket}?endpoint=http://HOST:PORT&region=REGION`. Buckets and keys are the
    /// objects' own, credentials those of a migration.
    public init(_ url: String, credentials: CredentialChain = CredentialChain()) throws(ReplicationError) {
        guard let target = try TargetURL(url).open(credentials: credentials) as? S3Target else {
            throw .badTarget(
                url: url, reason: "it is no S3 service",
                remedy: "Say s3://{bucket}?endpoint=http://HOST:PORT&region=REGION")
        }
        self.target = target
    }

    /// Bytes that may be the block's, one answer for each version that needs it, until one comes. Who asks proves them.
    public func candidates(for block: LostBlock) async throws -> [[UInt8]] {
        for use in block.uses where use.skip == 0 {
            guard case .version(let version) = use.owner else { continue }
            let range = use.offset..<use.offset + UInt64(use.length)
            if let bytes = try await bytes(of: version, in: range) { return [bytes] }
        }
        return []
    }

    /// A version's bytes as the cloud has them now; nil when it has the version no more, or there is no ETag to know it by.
    public func bytes(of version: VersionRecord, in range: Range<UInt64>) async throws -> [UInt8]? {
        guard version.name.cloud == .s3, let etag = version.etag, !range.isEmpty else { return nil }
        return try await target.readIfUnchanged(
            bucket: version.name.bucket, key: version.name.key, etag: etag, versionID: version.versionID, range)
    }

    /// Releases the connections.
    public func close() async { await target.close() }
}

extension S3Target {
    /// Exactly the bytes of `range` of the object that has this ETag; nil when it is gone or another by now.
    func readIfUnchanged(
        bucket: String, key: ObjectKey, etag: String, versionID: String?, _ range: Range<UInt64>
    ) async throws -> [UInt8]? {
        let count = Int(range.upperBound - range.lowerBound)
        var request = S3Request(kind: .getObject, method: .GET, bucket: bucket, key: key)
        if let versionID { request.query = [("versionId", versionID)] }
        request.headers = [
            ("range", "bytes=\(range.lowerBound)-\(range.upperBound - 1)"), ("if-match", "\"\(etag)\""),
        ]
        request.answerBytesMax = count
        do {
            let answer = try await client.send(request)
            // A server that heeds no If-Match, or no Range, has not said what was asked.
            guard answer.etag == etag, answer.body.readableBytes == count,
                answer.status == 206 || (range.lowerBound == 0 && answer.status == 200)
            else { return nil }
            counters.wasRead(count)
            return Array(answer.body.readableBytesView)
        } catch let failure as TargetFailure where [404, 412, 416].contains(failure.status) {
            return nil
        }
    }
}
