import Foundation
import Objects
@testable import S3
import TestSupport
import Testing

@testable import Replication

/// Migrations into real servers, judged by a client that is not ours.
@Suite(.serialized) struct RealServerTests {
    /// Objects that between them use every kind of request.
    private func fleet() -> [MemorySource.Item] {
        var metadata = ObjectMetadata()
        metadata.headers = [
            "content-type": "text/plain; charset=utf-8", "content-encoding": "gzip",
            "content-disposition": "attachment; filename=\"x\"", "cache-control": "max-age=60",
        ]
        metadata.user = ["colour": "green", "city": "Köln"]
        metadata.tags = ["team": "a b"]
        var second = ObjectMetadata()
        second.headers["content-type"] = "image/png"
        second.user["copy"] = "yes"
        let parts: [UInt64] = [6 << 20, 6 << 20, 1 << 20]
        return [
            .object("meta/full", .held(Array("hello".utf8)), metadata: metadata),
            .object("meta/copy", .held(Array("hello".utf8)), metadata: second), .object("empty", .held([])),
            .object("multi/one", .generated(seed: 1, size: 13 << 20), parts: parts, metadata: metadata),
            .object("multi/two", .generated(seed: 1, size: 13 << 20), parts: parts, metadata: second),
            .object("large", .generated(seed: 2, size: 20 << 20)),
            .object("streamed", .generated(seed: 3, size: 9 << 20)),
            .text("spaces and +&=?#%", "odd"), .text("unicode/äöü/日本語", "odd 2"), .text("quote'\"<>", "odd 3"),
        ]
    }

    /// `copiedPartsHaveMD5`: the ETag of a part that the server copied is the MD5 of its bytes, as Amazon's is.
    private func check(_ server: RealServer, copiedPartsHaveMD5: Bool) async throws {
        let folder = try TemporaryFolder()
        let items = fleet()
        let source = MemorySource(items)
        let change: (inout MigrationOptions) -> Void = {
            $0.createsBuckets = true
            $0.singlePutBytesMax = 16 << 20
            $0.heldBytesMax = 8 << 20
            $0.verification = .head
        }
        let report = try await migrate(source, to: server.target(), folder, change: change)
        #expect(report.isComplete, "\(report)")
        let seen = try server.objects(in: "tgt")
        #expect(seen.count == items.count)
        for item in items {
            let key = item.version.name.key.lossyString
            let there = try #require(seen[key], "\(key)")
            #expect(there.sha256 == ScriptedS3.hex(PayloadDigests(of: item.bytes.all).sha256), "\(key)")
            #expect(there.size == item.bytes.size)
            if let type = item.version.metadata.headers["content-type"] { #expect(there.type == type, "\(key)") }
            if let colour = item.version.metadata.user["colour"] { #expect(there.metadata["colour"] == colour) }
            if let copy = item.version.metadata.user["copy"] { #expect(there.metadata == ["copy": copy], "\(key)") }
            #expect(there.tags == item.version.metadata.tags, "\(key)")
        }
        let full = try #require(seen["meta/full"])
        #expect(full.encoding == "gzip" && full.disposition.contains("filename") && full.cache == "max-age=60")
        #expect(seen["multi/one"]?.etag.hasSuffix("-3") == true)
        #expect((seen["multi/one"]?.etag == seen["multi/two"]?.etag) == copiedPartsHaveMD5)
        // Where the ETag of a copy proves nothing, it was read back before it counted.
        let lines = try reportLines(report)
        #expect(lines.allSatisfy { $0.evidence == .etag || ($0.outcome == .copied && $0.evidence == .readBack) })
        // Three contents are shared or empty; every other byte went out once.
        let unique = items.filter { !["meta/copy", "multi/two"].contains($0.version.name.key.lossyString) }
        #expect(report.requests.bytesSent == unique.reduce(0) { $0 + $1.bytes.size })
        #expect(report.count(.copied).objects == 2)

        let again = try await migrate(source, to: server.target(), folder) {
            change(&$0)
            $0.verification = .readBack
        }
        #expect(again.isComplete && again.requests.writes == 0 && again.repaired == 0, "\(again)")
        #expect(again.requests.bytesRead == items.reduce(0) { $0 + $1.bytes.size })

        // Metadata alone, and a deletion.
        var changed = ObjectMetadata()
        changed.user["colour"] = "blue"
        source.put(.object("large", .generated(seed: 2, size: 20 << 20), metadata: changed))
        source.put(.tombstone("empty"))
        let third = try await migrate(source, to: server.target(), folder) {
            change(&$0)
            $0.deletesTombstoned = true
        }
        #expect(third.isComplete && third.requests.bytesSent == 0, "\(third)")
        let after = try server.objects(in: "tgt")
        #expect(after["large"]?.metadata == ["colour": "blue"] && after["empty"] == nil)
    }

    @Test(.enabled(if: RealServer.motoIsMissing == nil, "python3 with moto[s3,server] and boto3 is missing"))
    func `a migration into moto is what boto3 then reads`() async throws {
        try await check(try RealServer.moto(), copiedPartsHaveMD5: true)
    }

    @Test(.enabled(if: RealServer.weedIsMissing == nil, "no weed binary on PATH or in OXBOW_WEED, or no boto3"))
    func `a migration into SeaweedFS is what boto3 then reads`() async throws {
        let folder = try TemporaryFolder()
        let server = try RealServer.seaweed(folder / "weed")
        try await check(server, copiedPartsHaveMD5: false)
        try await checkRefusals(server)
        try await checkSeveralBuckets(server)
        withExtendedLifetime(server) {}
    }

    /// What a service that checks signatures says to wrong keys.
    private func checkRefusals(_ server: RealServer) async throws {
        let folder = try TemporaryFolder()
        for (id, secret) in [("nobody", server.secretKey), (server.accessKey, "wrong")] {
            let target = S3Target.local(
                port: server.port, credentials: S3Credentials(accessKeyID: id, secretAccessKey: secret))
            let failure = await #expect(throws: TargetFailure.self) {
                _ = try await migrate(MemorySource([.text("k", "x")]), to: target, folder)
            }
            #expect(failure?.reaction == .stopRun || failure?.kind == .accessDenied, "\(String(describing: failure))")
            #expect(target.counters.snapshot.total == 2)
        }
    }

    private func checkSeveralBuckets(_ server: RealServer) async throws {
        let folder = try TemporaryFolder()
        let source = MemorySource([.text("k", "in one", bucket: "one"), .text("k", "in two", bucket: "two")])
        let report = try await migrate(
            source, to: server.target("{bucket}/"), folder, url: "s3://copy-{bucket}", rules: ["two=other/below"]
        ) { $0.createsBuckets = true }
        #expect(report.isComplete)
        #expect(try server.objects(in: "copy-one").keys.sorted() == ["k"])
        #expect(try server.objects(in: "other").keys.sorted() == ["below/k"])
    }

    @Test(.enabled(if: RealServer.motoIsMissing == nil, "python3 with botocore is missing"))
    func `botocore computes the same signatures`() throws {
        let script = """
            import json, sys
            from botocore.auth import S3SigV4Auth
            from botocore.awsrequest import AWSRequest
            from botocore.credentials import Credentials
            import botocore.auth, datetime
            class Fixed(datetime.datetime):
                @classmethod
                def utcnow(cls): return cls(2026, 1, 2, 3, 4, 5)
                @classmethod
                def now(cls, tz=None): return cls(2026, 1, 2, 3, 4, 5, tzinfo=tz)
            if hasattr(botocore.auth, "get_current_datetime"):
                botocore.auth.get_current_datetime = lambda remove_tzinfo=True: datetime.datetime(2026, 1, 2, 3, 4, 5)
            case = json.loads(sys.argv[1])
            request = AWSRequest(method=case["method"], url=case["url"], headers=dict(case["headers"]))
            request.headers["X-Amz-Content-SHA256"] = case["hash"]
            request.context["payload_signing_enabled"] = True
            class Auth(S3SigV4Auth):
                def payload(self, request): return case["hash"]
            Auth(Credentials("AKID", "SECRET", "TOKEN"), "s3", "eu-1").add_auth(request)
            print(request.headers["X-Amz-Date"], request.headers["Authorization"])
            """
        let hash = ScriptedS3.hex(PayloadDigests(of: [1, 2, 3]).sha256)
        for (key, query) in [
            ("a b/ü%+~!'()*", []), ("k", [("uploads", "")]),
            ("x/../y//z", [("partNumber", "2"), ("uploadId", "a+/=&")]),
        ] as [(String, [(name: String, value: String)])] {
            let endpoint = S3Endpoint(isSecure: false, host: "h", port: 9_000, region: "eu-1", addressing: .path)
            let address = endpoint.address(bucket: "bkt", key: ObjectKey(key))
            let url = address.url + (query.isEmpty ? "" : "?" + SignatureV4.queryString(query, isSorted: true))
            let own: [(name: String, value: String)] = [("content-type", "a  b"), ("x-amz-meta-x", " v ")]
            let json = try JSONSerialization.data(withJSONObject: [
                "method": "PUT", "url": url, "hash": hash,
                "headers": Dictionary(uniqueKeysWithValues: own.map { ($0.name, $0.value) }),
            ])
            let printed = try Shell.run(["python3", "-c", script, String(decoding: json, as: UTF8.self)])
            guard printed.hasPrefix("20260102T030405Z ") else { throw Unexpected(printed) }
            let time = try #require(UTCTime(iso8601: "2026-01-02T03:04:05Z"))
            let credentials = S3Credentials(accessKeyID: "AKID", secretAccessKey: "SECRET", sessionToken: "TOKEN")
            let ours = SignatureV4(credentials: credentials, region: "eu-1").authorization(
                for: SignatureV4.Request(
                    method: "PUT", path: address.path, query: query,
                    headers: own + [
                        ("host", address.host), ("x-amz-date", time.compact), ("x-amz-content-sha256", hash),
                        ("x-amz-security-token", "TOKEN"),
                    ], payloadHash: hash), at: time)
            #expect(printed.contains(ours), "\(key): \(printed) against \(ours)")
        }
    }
}

extension RealServer {
    /// The service as a target of ours.
    func target(_ template: String = "tgt/", change: (inout S3Settings) -> Void = { _ in }) -> S3Target {
        S3Target.local(
            port: port, template: template,
            credentials: S3Credentials(accessKeyID: accessKey, secretAccessKey: secretKey), idleSeconds: 60,
            change: change)
    }
}
