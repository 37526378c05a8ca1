import Foundation
import NIOCore
import NIOHTTP1
import Objects
@testable import S3
import Synchronization
import TestSupport
import Testing

@testable import Replication

/// How the S3 client and a run behave when the target, the network or the credentials fail.
@Suite struct FaultTests {
    @Test(arguments: [500, 502, 503, 504, 429, 408])
    func `a server's trouble is tried again`(status: Int) async throws {
        let service = try await ScriptedS3()
        service.script { request, number in
            request.operation == "PutObject" && number < 3 ? .answer(.init(status: status)) : .none
        }
        let folder = try TemporaryFolder()
        let report = try await migrate(
            MemorySource([.text("k", "one")]), to: S3Target.local(port: service.port), folder)
        #expect(report.isComplete)
        #expect(service.count("PutObject") == 3)
        #expect(report.requests.retries == 2)
        #expect(report.requests.throttled == (status == 503 || status == 429 ? 2 : 0))
    }

    @Test(arguments: ["InvalidRequest", "EntityTooLarge", "NotImplemented"])
    func `a refusal is not tried again and names code, message and request`(code: String) async throws {
        let service = try await ScriptedS3()
        service.script { request, _ in
            request.operation == "PutObject" ? .answer(.error(code == "NotImplemented" ? 501 : 400, code, "no")) : .none
        }
        let folder = try TemporaryFolder()
        let report = try await migrate(
            MemorySource([.text("k", "one")]), to: S3Target.local(port: service.port), folder)
        #expect(service.count("PutObject") == 1)
        let detail = try #require(report.listedExceptions.first?.exception?.detail)
        for part in [code, "no", "REQ1", "PutObject", "tgt/k"] {
            #expect(detail.contains(part), "\(part) in \(detail)")
        }
        #expect(report.exceptions == [.target: 1])
    }

    @Test func `a connection that breaks is tried again, wherever it breaks`() async throws {
        let service = try await ScriptedS3()
        let faults: [ScriptedS3.Fault] = [.dropBefore, .dropAfter, .cutAnswer]
        service.script { request, _ in
            let seen = service.count(request.operation)
            return seen <= faults.count && request.operation == "PutObject" ? faults[seen - 1] : .none
        }
        let folder = try TemporaryFolder()
        let report = try await migrate(
            MemorySource([.text("k", "one")]), to: S3Target.local(port: service.port), folder)
        #expect(report.isComplete)
        #expect(service.count("PutObject") >= 3)
        #expect(service.object("tgt/k")?.bytes == Array("one".utf8))
    }

    @Test func `a silent target times out, and the attempts are bounded`() async throws {
        let service = try await ScriptedS3()
        service.script { request, _ in request.operation == "PutObject" ? .hang : .none }
        let folder = try TemporaryFolder()
        let report = try await migrate(
            MemorySource([.text("k", "one")]),
            to: S3Target.local(
                port: service.port, retry: RetryPolicy(attemptsMax: 2, firstPauseSeconds: 0), idleSeconds: 3),
            folder)
        #expect(service.count("PutObject") == 2)
        guard case .stopped(let reason) = report.end else { throw Unexpected("\(report.end)") }
        #expect(reason.contains("no answer in time") && reason.contains("127.0.0.1"))
    }

    @Test func `bytes that change on the way are refused by the target and sent again`() async throws {
        let service = try await ScriptedS3()
        service.script { request, number in
            request.operation == "PutObject" && number == 1 ? .flipBit : .none
        }
        let folder = try TemporaryFolder()
        let report = try await migrate(
            MemorySource([.text("k", "one")]), to: S3Target.local(port: service.port), folder)
        #expect(report.isComplete && report.requests.retries == 1)
        #expect(service.object("tgt/k")?.bytes == Array("one".utf8))
    }

    @Test func `a wrong ETag of a part is an exception`() async throws {
        let service = try await ScriptedS3()
        service.script { request, _ in
            request.operation == "UploadPart" && request.query["partNumber"] == "2" ? .rot : .none
        }
        let folder = try TemporaryFolder()
        let source = MemorySource([.object("k", .generated(seed: 1, size: 11 << 20), parts: [6 << 20, 5 << 20])])
        let report = try await migrate(source, to: S3Target.local(port: service.port), folder)
        #expect(report.exceptions == [.target: 1])
        #expect(report.listedExceptions.first?.exception?.detail.contains("whose MD5 is") == true)
        #expect(service.object("tgt/k") == nil)
    }

    @Test func `wrong credentials stop at the first refusal with the target's own reason`() async throws {
        let service = try await ScriptedS3()
        service.script { _, _ in .answer(.error(403, "InvalidAccessKeyId", "The key does not exist")) }
        let folder = try TemporaryFolder()
        let failure = await #expect(throws: TargetFailure.self) {
            _ = try await migrate(
                MemorySource((0..<50).map { .text("k\($0)", "\($0)") }), to: S3Target.local(port: service.port), folder)
        }
        #expect(failure?.kind == .badCredentials)
        #expect(failure?.code == "InvalidAccessKeyId")
        #expect(failure?.description.contains("Check the access key") == true)
        #expect(service.state.withLock { $0.requests.count } == 2, "one probe, one question why")
    }

    @Test func `credentials that expire during the run stop it, and the next run goes on`() async throws {
        let service = try await ScriptedS3()
        service.script { request, number in
            request.operation == "PutObject" && number > 3
                ? .answer(.error(400, "ExpiredToken", "The provided token has expired")) : .none
        }
        let folder = try TemporaryFolder()
        let source = MemorySource((0..<30).map { .text("k\($0)", "\($0)") })
        let report = try await migrate(source, to: S3Target.local(port: service.port), folder) { $0.parallel = 1 }
        guard case .stopped(let reason) = report.end else { throw Unexpected("\(report.end)") }
        #expect(reason.contains("ExpiredToken"))
        #expect(!report.isComplete)
        #expect(service.count("PutObject") <= 6)
        service.script { _, _ in .none }
        let rest = try await migrate(source, to: S3Target.local(port: service.port), folder)
        #expect(rest.isComplete && rest.count(.present).objects == 3 && rest.count(.sent).objects == 27)
    }

    @Test func `a clock that is wrong is named as such`() async throws {
        let service = try await ScriptedS3()
        service.script { request, _ in
            request.operation == "PutObject"
                ? .answer(.error(403, "RequestTimeTooSkewed", "The difference is too large")) : .none
        }
        let folder = try TemporaryFolder()
        let report = try await migrate(
            MemorySource([.text("k", "one")]), to: S3Target.local(port: service.port), folder)
        guard case .stopped(let reason) = report.end else { throw Unexpected("\(report.end)") }
        #expect(reason.contains("the target's clock says") && reason.contains("Set this machine's clock"))
    }

    @Test func `a refused connection is a clear error and leaves the journal`() async throws {
        let service = try await ScriptedS3()
        let port = service.port
        try await service.stop()
        let folder = try TemporaryFolder()
        let failure = await #expect(throws: TargetFailure.self) {
            _ = try await migrate(MemorySource([.text("k", "one")]), to: S3Target.local(port: port), folder)
        }
        #expect(failure?.kind == .unreachable)
        #expect(failure?.description.contains("http://127.0.0.1:\(port)") == true)
        #expect(failure?.attempts == 3)
        #expect(folder.files.contains { $0.hasSuffix("/journal") })
    }

    @Test func `an unknown host is a clear error`() async throws {
        var settings = S3Settings()
        settings.retry = quickRetry
        let target = S3Target(
            template: "tgt/",
            endpoint: S3Endpoint(
                isSecure: false, host: "no-such-host.invalid", region: "us-east-1", addressing: .path),
            credentials: testCredentials, settings: settings, now: { 0 })
        let folder = try TemporaryFolder()
        let failure = await #expect(throws: TargetFailure.self) {
            _ = try await migrate(MemorySource([.text("k", "one")]), to: target, folder)
        }
        #expect(failure?.kind == .unreachable)
        #expect(failure?.description.contains("no-such-host.invalid") == true)
    }

    @Test func `a missing bucket is named, and made when asked`() async throws {
        let service = try await ScriptedS3()
        service.state.withLock { $0.buckets = [] }
        let folder = try TemporaryFolder()
        let failure = await #expect(throws: TargetFailure.self) {
            _ = try await migrate(MemorySource([.text("k", "one")]), to: S3Target.local(port: service.port), folder)
        }
        #expect(failure?.kind == .noSuchBucket)
        let report = try await migrate(
            MemorySource([.text("k", "one")]), to: S3Target.local(port: service.port), folder
        ) { $0.createsBuckets = true }
        #expect(report.isComplete && service.count("CreateBucket") == 1)
    }

    @Test func `a bucket in another region is followed there`() async throws {
        let service = try await ScriptedS3()
        service.script { request, _ in
            request.headers["authorization"]?.contains("/eu-west-1/s3/") == true
                ? .none
                : .answer(.init(status: 301, headers: [("x-amz-bucket-region", "eu-west-1")]))
        }
        let folder = try TemporaryFolder()
        let report = try await migrate(
            MemorySource([.text("k", "one")]), to: S3Target.local(port: service.port), folder)
        #expect(report.isComplete)
    }

    @Test func `a redirect without a region is a clear error`() async throws {
        let service = try await ScriptedS3()
        service.script { _, _ in .answer(.init(status: 307, headers: [("location", "http://elsewhere.example/tgt")])) }
        let folder = try TemporaryFolder()
        let failure = await #expect(throws: TargetFailure.self) {
            _ = try await migrate(MemorySource([.text("k", "one")]), to: S3Target.local(port: service.port), folder)
        }
        #expect(failure?.kind == .redirected)
        #expect(failure?.description.contains("elsewhere.example") == true)
    }

    @Test func `an error inside a 200 is an error`() async throws {
        let service = try await ScriptedS3()
        service.script { request, number in
            guard request.operation == "CompleteMultipartUpload", number == 1 else { return .none }
            return .answer(.error(200, "InternalError"))
        }
        let folder = try TemporaryFolder()
        let source = MemorySource([.object("k", .generated(seed: 1, size: 6 << 20), parts: [6 << 20])])
        let report = try await migrate(source, to: S3Target.local(port: service.port), folder)
        #expect(report.isComplete)
        #expect(service.count("CompleteMultipartUpload") == 2)
    }

    @Test func `a completion whose answer is lost is found to have happened`() async throws {
        let service = try await ScriptedS3()
        service.script { request, number in
            request.operation == "CompleteMultipartUpload" && number == 1 ? .dropAfter : .none
        }
        let folder = try TemporaryFolder()
        let source = MemorySource([.object("k", .generated(seed: 1, size: 6 << 20), parts: [6 << 20])])
        let report = try await migrate(source, to: S3Target.local(port: service.port), folder)
        #expect(report.isComplete)
        #expect(service.state.withLock { $0.acceptedParts } == ["tgt/k#1": 1])
    }

    @Test func `an upload whose beginning stayed unanswered is aborted`() async throws {
        let service = try await ScriptedS3()
        service.script { request, number in
            request.operation == "CreateMultipartUpload" && number == 1 ? .dropAfter : .none
        }
        let folder = try TemporaryFolder()
        let source = MemorySource([.object("k", .generated(seed: 1, size: 6 << 20), parts: [6 << 20])])
        let report = try await migrate(source, to: S3Target.local(port: service.port), folder)
        #expect(report.isComplete)
        #expect(service.state.withLock { $0.uploads.isEmpty })
        #expect(report.abortedUploads == 1)
    }

    @Test func `a target that fails everything stops the run early`() async throws {
        let service = try await ScriptedS3()
        service.script { request, _ in
            request.operation == "PutObject" ? .answer(.error(400, "InvalidRequest")) : .none
        }
        let folder = try TemporaryFolder()
        let source = MemorySource((0..<500).map { .text("k\($0)", "\($0)") })
        let report = try await migrate(source, to: S3Target.local(port: service.port), folder) {
            $0.failuresInARowMax = 10
        }
        guard case .stopped(let reason) = report.end else { throw Unexpected("\(report.end)") }
        #expect(reason.contains("10 objects one after the other"))
        #expect(service.count("PutObject") < 40)
    }

    @Test(arguments: ["not xml", "<a><b></a>", "", "<x/>", String(repeating: "<a>", count: 40)])
    func `answers that are not S3's are errors, not crashes`(body: String) async throws {
        let service = try await ScriptedS3()
        service.script { request, _ in
            ["CreateMultipartUpload", "ListParts"].contains(request.operation)
                ? .answer(.init(body: Array(body.utf8))) : .none
        }
        let folder = try TemporaryFolder()
        let source = MemorySource([.object("k", .generated(seed: 1, size: 6 << 20), parts: [6 << 20])])
        let report = try await migrate(source, to: S3Target.local(port: service.port), folder)
        #expect(report.exceptions == [.target: 1])
    }

    @Test func `pauses grow, are jittered over their whole width, and respect the target's wish within bounds`() {
        let policy = RetryPolicy(
            attemptsMax: 9, firstPauseSeconds: 1, pauseSecondsMax: 10, retryAfterSecondsMax: 60)
        #expect(policy.pause(after: 1, retryAfterSeconds: nil, random: { 1 }) == 1)
        #expect(policy.pause(after: 3, retryAfterSeconds: nil, random: { 1 }) == 4)
        #expect(policy.pause(after: 9, retryAfterSeconds: nil, random: { 1 }) == 10)
        #expect(policy.pause(after: 100, retryAfterSeconds: nil, random: { 1 }) == 10)
        #expect(policy.pause(after: 3, retryAfterSeconds: nil, random: { 0 }) == 0)
        #expect(policy.pause(after: 1, retryAfterSeconds: 7, random: { 0 }) == 7)
        #expect(policy.pause(after: 1, retryAfterSeconds: 7_000, random: { 0 }) == 60)
        #expect(policy.pause(after: 1, retryAfterSeconds: .nan, random: { 0 }) == 0)
    }

    @Test func `no more connections are open than are allowed`() async throws {
        let service = try await ScriptedS3()
        let folder = try TemporaryFolder()
        let source = MemorySource((0..<200).map { .text("k\($0)", "\($0)") })
        let target = S3Target.local(port: service.port) { $0.connectionsMax = 3 }
        let report = try await migrate(source, to: target, folder) { $0.parallel = 12 }
        #expect(report.isComplete)
        #expect((1...3).contains(service.state.withLock { $0.openMost }))
    }

    @Test func `the target's wish to wait is read in both of its forms`() {
        let request = S3Request(kind: .putObject, method: .PUT, bucket: "tgt", key: nil)
        let endpoint = S3Endpoint(isSecure: false, host: "h", region: "r", addressing: .path)
        for (text, seconds) in [("7", 7), ("Sun, 06 Nov 1994 08:49:37 GMT", 37), ("soon", nil)] as [(String, Double?)] {
            let answer = S3Answer(status: 503, headers: ["retry-after": text], body: ByteBuffer())
            let failed = S3Failure(answer, of: request, at: endpoint, localSeconds: 784_111_740)
            #expect(failed.isRetryable && failed.retryAfterSeconds == seconds)
            #expect(failed.failure.kind == .throttled)
        }
    }

    @Test func `progress is told while a slow run goes on, and the limit holds`() async throws {
        let service = try await ScriptedS3()
        let folder = try TemporaryFolder()
        let told = Mutex<[MigrationProgress]>([])
        var options = MigrationOptions()
        options.bandwidthBytesPerSecond = 200_000
        let target = S3Target.local(port: service.port)
        let run = MigrationRun(
            source: MemorySource((0..<4).map { .object("k\($0)", .generated(seed: $0, size: 50_000)) }), target: target,
            mapping: try BucketMapping(template: try TargetURL("s3://tgt")), options: options,
            folder: folder.path, logger: silent
        ) { progress in told.withLock { $0.append(progress) } }
        let report = try await run.run()
        await target.close()
        #expect(report.isComplete)
        // A second's worth, of which a quarter is in the bucket at the start.
        #expect(report.seconds >= 0.7)
        let seen = told.withLock { $0 }
        #expect(seen.count >= 2)
        #expect(seen.allSatisfy { $0.objectsTotal == 4 && $0.bytesTotal == 200_000 && $0.bytesSent <= 200_000 })
        #expect(zip(seen, seen.dropFirst()).allSatisfy { $0.bytesSent <= $1.bytesSent })
    }

    @Test func `options out of their range are refused by name`() async throws {
        let folder = try TemporaryFolder()
        let changes: [(inout MigrationOptions) -> Void] = [
            { $0.parallel = 0 }, { $0.parallel = 257 }, { $0.memoryBytesMax = 1 }, { $0.partBytes = 0 },
            { $0.bandwidthBytesPerSecond = 1 }, { $0.failuresInARowMax = 0 },
        ]
        for change in changes {
            let error = await #expect(throws: ReplicationError.self) {
                _ = try await migrate(MemorySource(), to: FileTarget(path: folder.path + "/o"), folder, change: change)
            }
            #expect(error?.description.hasPrefix("option ") == true)
        }
    }
}

/// A result that a test did not expect.
struct Unexpected: Error {
    let text: String
    init(_ text: String) { self.text = text }
}
