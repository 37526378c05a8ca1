import Objects
import NIOHTTP1
import TestSupport
import Testing

@testable import Replication
@testable import S3

@Suite(.enabled(if: RealServer.motoIsMissing == nil, "\(RealServer.motoIsMissing ?? "")"))
struct `The cloud as a source of lost bytes` {
    private func put(_ bytes: [UInt8], as key: ObjectKey, into target: S3Target) async throws -> String {
        var request = S3Request(kind: .putObject, method: .PUT, bucket: "bucket", key: key)
        request.body = .bytes(bytes)
        return try #require(try await target.client.send(request).etag)
    }

    @Test func `gives the bytes of a range while the object is the one that is known, and nothing else`() async throws {
        let server = try RealServer.moto()
        let target = server.target()
        try await target.probe(bucket: "bucket", createIfMissing: true)
        var random = SeededGenerator(seed: 5)
        let bytes = random.bytes(10_000)
        let key = ObjectKey("a key/with spaces")
        let etag = try await put(bytes, as: key, into: target)
        for range in [0..<1, 0..<10_000, 4096..<8192, 9999..<10_000] as [Range<UInt64>] {
            let read = try await target.readIfUnchanged(bucket: "bucket", key: key, etag: etag, versionID: nil, range)
            #expect(read == Array(bytes[Int(range.lowerBound)..<Int(range.upperBound)]), "\(range)")
        }
        // Beyond its end, another object, and one that was replaced meanwhile.
        for (key, range) in [(key, 9000..<10_001), (ObjectKey("none"), 0..<1)] as [(ObjectKey, Range<UInt64>)] {
            let read = try await target.readIfUnchanged(bucket: "bucket", key: key, etag: etag, versionID: nil, range)
            #expect(read == nil)
        }
        _ = try await put(random.bytes(10_000), as: key, into: target)
        let replaced = try await target.readIfUnchanged(
            bucket: "bucket", key: key, etag: etag, versionID: nil, 0..<4096)
        #expect(replaced == nil)
        await target.close()
    }
}
