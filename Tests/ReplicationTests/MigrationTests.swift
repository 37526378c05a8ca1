import Foundation
import Objects
@testable import S3
import TestSupport
import Testing

@testable import Replication

/// What a whole migration does, against a scripted S3 service.
@Suite struct MigrationTests {
    private func fleet() -> [MemorySource.Item] {
        [
            .text("a", "alpha"), .text("dir/b", "beta"), .text("dir/../c", "gamma"), .text("e e+&=?", "epsilon"),
            .object("big", .generated(seed: 1, size: 23 << 20), parts: [9 << 20, 9 << 20, 5 << 20]),
            .object("empty", .held([])),
        ]
    }

    @Test func `every object arrives byte for byte, with evidence, and the report is complete`() async throws {
        let service = try await ScriptedS3()
        let folder = try TemporaryFolder()
        let report = try await migrate(MemorySource(fleet()), to: S3Target.local(port: service.port), folder)
        #expect(report.isComplete)
        #expect(report.count(.sent).objects == 6)
        for item in fleet() {
            let path = "tgt/\(item.version.name.key.escaped)"
            #expect(service.object(path)?.bytes == item.bytes.all, "\(path)")
        }
        let lines = try reportLines(report)
        #expect(lines.count == 6)
        #expect(lines.allSatisfy { $0.evidence == .etag && $0.sourceSide.sha256 != nil && $0.targetSide?.etag != nil })
        #expect(lines.allSatisfy { $0.targetSide?.size == $0.sourceSide.size })
        let big = try #require(lines.first { $0.name.hasSuffix("/big") })
        #expect(big.targetSide?.etag?.hasSuffix("-3") == true, "parts of the source are kept")
        // The last line is the sum, for scripts.
        let last = try Data(contentsOf: URL(fileURLWithPath: report.file)).split(separator: UInt8(ascii: "\n")).last
        let sum = try JSONSerialization.jsonObject(with: try #require(last)) as? [String: Any]
        #expect(sum?["complete"] as? Bool == true)
        let summary = try #require(sum?["summary"] as? [String: Any])
        #expect(summary["end"] as? String == "finished")
        #expect((summary["requests"] as? [String: Any])?["bytes_sent"] as? Int == 24_117_269)
    }

    @Test func `a second run moves no byte and writes nothing`() async throws {
        let service = try await ScriptedS3()
        let folder = try TemporaryFolder()
        _ = try await migrate(MemorySource(fleet()), to: S3Target.local(port: service.port), folder)
        let again = MemorySource(fleet())
        let report = try await migrate(again, to: S3Target.local(port: service.port), folder)
        #expect(report.isComplete)
        #expect(report.count(.present).objects == 6)
        #expect(report.requests.bytesSent == 0)
        #expect(report.requests.writes == 0)
        #expect(report.requests.total == 1, "the bucket's probe only")
        #expect(again.bytesRead.withLock { $0 } == 0)
        #expect(try reportLines(report).count == 6, "the report still has every object")
    }

    @Test func `equal content is sent once and copied for further keys, with each key's own metadata`() async throws {
        let service = try await ScriptedS3()
        let folder = try TemporaryFolder()
        var other = ObjectMetadata()
        other.headers["content-type"] = "text/second"
        let source = MemorySource([
            .text("k1", "same"), .object("k2", .held(Array("same".utf8)), metadata: other), .text("k3", "same"),
            .text("z", "different"),
        ])
        let report = try await migrate(source, to: S3Target.local(port: service.port), folder)
        #expect(report.isComplete)
        #expect(service.count("PutObject") == 2)
        #expect(service.count("CopyObject") == 2)
        #expect(report.requests.bytesSent == 13)
        #expect(service.object("tgt/k2")?.bytes == Array("same".utf8))
        #expect(service.object("tgt/k2")?.headers["content-type"] == "text/second")
        #expect(report.count(.copied).objects == 2)
    }

    @Test func `a copy in parts keeps the parts of the source`() async throws {
        let service = try await ScriptedS3()
        let folder = try TemporaryFolder()
        let bytes = MemorySource.Bytes.generated(seed: 3, size: 12 << 20)
        let parts: [UInt64] = [6 << 20, 6 << 20]
        let source = MemorySource([.object("p1", bytes, parts: parts), .object("p2", bytes, parts: parts)])
        let report = try await migrate(source, to: S3Target.local(port: service.port), folder)
        #expect(report.isComplete)
        #expect(service.count("UploadPart") == 2)
        #expect(service.count("UploadPartCopy") == 2)
        #expect(service.object("tgt/p1")?.etag == service.object("tgt/p2")?.etag)
        #expect(report.requests.bytesSent == 12 << 20)
    }

    @Test func `a target that cannot copy gets the bytes`() async throws {
        let service = try await ScriptedS3()
        service.script { request, _ in
            request.operation == "CopyObject" ? .answer(.error(501, "NotImplemented")) : .none
        }
        let folder = try TemporaryFolder()
        let source = MemorySource([.text("k1", "same"), .text("k2", "same"), .text("k3", "same")])
        let report = try await migrate(source, to: S3Target.local(port: service.port), folder) { $0.parallel = 1 }
        #expect(report.isComplete)
        #expect(service.count("PutObject") == 3)
        #expect(service.count("CopyObject") <= 2, "it is not asked again and again")
    }

    @Test func `a copy source that changed at the target is not copied`() async throws {
        let service = try await ScriptedS3()
        let folder = try TemporaryFolder()
        let source = MemorySource([.text("k1", "same")])
        _ = try await migrate(source, to: S3Target.local(port: service.port), folder)
        service.state.withLock { $0.objects["tgt/k1"] = .init(bytes: [1], etag: "x", headers: [:]) }
        source.put(.text("k2", "same"))
        let report = try await migrate(source, to: S3Target.local(port: service.port), folder)
        #expect(report.isComplete)
        #expect(service.object("tgt/k2")?.bytes == Array("same".utf8))
        #expect(report.count(.sent).objects == 1)
    }

    @Test func `partial and mismatched versions are exceptions and the report is not complete`() async throws {
        let service = try await ScriptedS3()
        let folder = try TemporaryFolder()
        let gap = Gap(offset: 2, length: 3, cause: .kernelDrop)
        let source = MemorySource([
            .text("good", "good"), .object("partial", .held([1, 2, 3]), state: .partial, gaps: [gap]),
            .object("mismatch", .held([1, 2, 3, 4]), state: .mismatch),
        ])
        let report = try await migrate(source, to: S3Target.local(port: service.port), folder)
        #expect(!report.isComplete)
        #expect(report.end == .finished)
        #expect(report.exceptions == [.partial: 1, .mismatch: 1])
        #expect(service.object("tgt/partial") == nil && service.object("tgt/mismatch") == nil)
        #expect(report.description.contains("3 bytes from 2: kernel-drop"))
        #expect(report.description.hasPrefix("not complete"))
    }

    @Test func `a bad block makes its object an exception and no object at the target`() async throws {
        let service = try await ScriptedS3()
        let folder = try TemporaryFolder()
        let bad = MemorySource.Item.object("bad", .generated(seed: 5, size: 11 << 20), parts: [6 << 20, 5 << 20])
        let small = MemorySource.Item.text("bad2", "x")
        let source = MemorySource([.text("good", "good"), bad, small])
        source.spoil(bad.version.name)
        source.spoil(small.version.name)
        let report = try await migrate(source, to: S3Target.local(port: service.port), folder)
        #expect(report.exceptions == [.unreadable: 2])
        #expect(report.listedExceptions.first?.exception?.detail.contains("fails its fingerprint") == true)
        #expect(service.state.withLock { $0.objects.keys.sorted() } == ["tgt/good"])
        #expect(service.state.withLock { $0.uploads.isEmpty }, "the upload that was begun is aborted")
    }

    @Test func `bytes that contradict a stated digest are not sent`() async throws {
        let service = try await ScriptedS3()
        let folder = try TemporaryFolder()
        let digest = StatedDigest(algorithm: .md5, value: Array(repeating: 7, count: 16), source: "content-md5")
        let source = MemorySource([.object("k", .held([1]), digests: [digest])])
        let report = try await migrate(source, to: S3Target.local(port: service.port), folder)
        #expect(report.exceptions == [.mismatch: 1])
        #expect(service.count("PutObject") == 0)
    }

    @Test func `a changed version is sent again, changed metadata alone moves no byte`() async throws {
        let service = try await ScriptedS3()
        let folder = try TemporaryFolder()
        let source = MemorySource([.text("k", "one"), .text("m", "meta")])
        _ = try await migrate(source, to: S3Target.local(port: service.port), folder)
        var metadata = ObjectMetadata()
        metadata.user["colour"] = "green"
        source.put(.text("k", "two"))
        source.put(.object("m", .held(Array("meta".utf8)), metadata: metadata))
        let report = try await migrate(source, to: S3Target.local(port: service.port), folder)
        #expect(report.isComplete)
        #expect(report.requests.bytesSent == 3)
        #expect(service.object("tgt/k")?.bytes == Array("two".utf8))
        #expect(service.object("tgt/m")?.headers["x-amz-meta-colour"] == "green")
    }

    @Test func `tombstones are reported, and deleted when asked`() async throws {
        let service = try await ScriptedS3()
        let folder = try TemporaryFolder()
        let source = MemorySource([.text("k", "one"), .text("stays", "s"), .tombstone("never-replicated")])
        _ = try await migrate(source, to: S3Target.local(port: service.port), folder)
        source.put(.tombstone("k"))
        let kept = try await migrate(source, to: S3Target.local(port: service.port), folder)
        #expect(kept.count(.deletedAtSource).objects == 1)
        #expect(kept.unknownAtSource == 0)
        #expect(service.object("tgt/k") != nil)
        let removed = try await migrate(source, to: S3Target.local(port: service.port), folder) {
            $0.deletesTombstoned = true
        }
        #expect(removed.count(.deleted).objects == 1)
        #expect(service.object("tgt/k") == nil)
        let settled = try await migrate(source, to: S3Target.local(port: service.port), folder) {
            $0.deletesTombstoned = true
        }
        #expect(settled.count(.deleted).objects == 0 && service.count("DeleteObject") == 1)
    }

    @Test func `objects that the source no longer knows are named`() async throws {
        let service = try await ScriptedS3()
        let folder = try TemporaryFolder()
        _ = try await migrate(
            MemorySource([.text("k", "one"), .text("gone", "x")]), to: S3Target.local(port: service.port), folder)
        let report = try await migrate(
            MemorySource([.text("k", "one")]), to: S3Target.local(port: service.port), folder)
        #expect(report.unknownAtSource == 1)
        #expect(report.listedUnknownAtSource == ["s3://s3.old.example/b/gone"])
    }

    @Test func `two objects for one key are a collision, not a silent loss`() async throws {
        let service = try await ScriptedS3()
        let folder = try TemporaryFolder()
        let source = MemorySource([
            .text("x/k", "one", bucket: "b1"), .text("k", "two", bucket: "b2"),
        ])
        let report = try await migrate(
            source, to: S3Target.local(port: service.port), folder, rules: ["b1=tgt", "b2=tgt/x"])
        #expect(report.exceptions == [.collision: 1])
        #expect(!report.isComplete)
        #expect(service.count("PutObject") == 1)
    }

    @Test func `keys that S3 cannot have are exceptions`() async throws {
        let service = try await ScriptedS3()
        let folder = try TemporaryFolder()
        let source = MemorySource([
            .object(ObjectKey(bytes: [0x61, 0xFF]), .held([1])),
            .object(String(repeating: "k", count: 1_025), .held([2])),
        ])
        let report = try await migrate(source, to: S3Target.local(port: service.port), folder)
        #expect(report.exceptions == [.notRepresentable: 2])
        #expect(service.count("PutObject") == 0)
    }

    @Test func `a plan says what a run then does, and asks nobody`() async throws {
        let service = try await ScriptedS3()
        let folder = try TemporaryFolder()
        let source = MemorySource(
            fleet() + [.text("a2", "alpha"), .object("partial", .held([1]), state: .partial), .tombstone("t")])
        let target = S3Target.local(port: service.port)
        let run = MigrationRun(
            source: source, target: target, mapping: try BucketMapping(template: try TargetURL("s3://tgt")),
            folder: folder.path + "/migrations", logger: silent)
        let plan = try await run.plan()
        #expect(plan.objects.objects == 7)
        #expect(plan.toCopy.objects == 1 && plan.toCopy.bytes == 5)
        #expect(plan.toSend.objects == 6)
        #expect(plan.exceptions[.partial]?.objects == 1)
        #expect(plan.tombstones == 1)
        #expect(target.counters.snapshot.total == 0)
        #expect(folder.files.isEmpty, "a plan leaves no file")
        let report = try await run.run()
        #expect(report.requests.bytesSent == plan.toSend.bytes)
        #expect(report.requests.writes == plan.requests)
        let again = try await run.run()
        #expect(again.requests.writes == 0 && again.requests.total == 1, "each run counts its own")
        let after = try await run.plan()
        #expect(after.present.objects == 7 && after.toSend.objects == 0 && after.requests == 0)
        await target.close()
    }

    @Test func `read-back verification notices rot behind a right ETag`() async throws {
        let service = try await ScriptedS3()
        service.script { request, _ in request.key == "rotten" && request.method == "PUT" ? .rot : .none }
        let folder = try TemporaryFolder()
        // The service's ETag is of the rotten bytes, so the answer itself gives it away.
        let source = MemorySource([.text("rotten", "apple"), .text("sound", "pear")])
        let report = try await migrate(source, to: S3Target.local(port: service.port), folder)
        #expect(report.exceptions == [.differs: 1])

        service.script { _, _ in .none }
        let repaired = try await migrate(source, to: S3Target.local(port: service.port), folder) {
            $0.verification = .readBack
        }
        #expect(repaired.isComplete)
        #expect(repaired.requests.bytesRead == 9)

        // Now the disk behind the service changes a byte and keeps the ETag.
        service.state.withLock { $0.objects["tgt/sound"]?.bytes[0] ^= 1 }
        let trusting = try await migrate(source, to: S3Target.local(port: service.port), folder) {
            $0.verification = .head
        }
        #expect(trusting.isComplete && trusting.repaired == 0, "a HEAD cannot know")
        let checking = try await migrate(source, to: S3Target.local(port: service.port), folder) {
            $0.verification = .readBack
        }
        #expect(checking.isComplete && checking.repaired == 1)
        #expect(service.object("tgt/sound")?.bytes == Array("pear".utf8))
    }

    @Test func `a HEAD notices what was removed or replaced, and it is sent again`() async throws {
        let service = try await ScriptedS3()
        let folder = try TemporaryFolder()
        let source = MemorySource([.text("k1", "one"), .text("k2", "two"), .text("k3", "three")])
        _ = try await migrate(source, to: S3Target.local(port: service.port), folder)
        service.state.withLock {
            $0.objects["tgt/k1"] = nil
            $0.objects["tgt/k2"] = .init(bytes: [9], etag: "9", headers: [:])
        }
        let report = try await migrate(source, to: S3Target.local(port: service.port), folder) {
            $0.verification = .head
        }
        #expect(report.isComplete && report.repaired == 2)
        #expect(service.object("tgt/k1")?.bytes == Array("one".utf8))
        #expect(service.object("tgt/k2")?.bytes == Array("two".utf8))
    }

    @Test func `an ETag that is no digest is made up for by reading back`() async throws {
        let service = try await ScriptedS3()
        service.script { request, _ in
            guard request.operation == "PutObject" else { return .none }
            return .change { answer in
                var answer = answer
                answer.headers = [("etag", "\"0123456789abcdef\""), ("x-amz-server-side-encryption", "aws:kms")]
                return answer
            }
        }
        let folder = try TemporaryFolder()
        let report = try await migrate(
            MemorySource([.text("k", "one")]), to: S3Target.local(port: service.port), folder)
        #expect(report.isComplete)
        #expect(try reportLines(report).first?.evidence == .readBack)
        #expect(report.requests.bytesRead == 3)
    }

    @Test func `metadata reach the target in the form that S3 wants`() async throws {
        let service = try await ScriptedS3()
        let folder = try TemporaryFolder()
        var metadata = ObjectMetadata()
        metadata.headers = [
            "content-type": "text/plain; charset=utf-8", "content-encoding": "aws-chunked,gzip",
            "content-disposition": "attachment; filename=\"a b\"", "content-language": "de",
            "cache-control": "no-cache", "expires": "Thu, 01 Dec 2033 16:00:00 GMT", "x-odd": "1",
        ]
        metadata.user = ["plain": "yes", "city": "Köln", "bad name": "x", "control": "a\u{1}b"]
        metadata.tags = ["team": "a b", "k&": "=v"]
        metadata.storageClass = "STANDARD_IA"
        metadata.acl = "public-read"
        metadata.lastModified = 1_700_000_000
        let source = MemorySource([.object("k", .held([1]), metadata: metadata)])
        let report = try await migrate(source, to: S3Target.local(port: service.port), folder)
        let headers = try #require(service.object("tgt/k")?.headers)
        #expect(headers["content-type"] == "text/plain; charset=utf-8")
        #expect(headers["content-encoding"] == "gzip")
        #expect(headers["content-disposition"] == "attachment; filename=\"a b\"")
        #expect(headers["content-language"] == "de" && headers["cache-control"] == "no-cache")
        #expect(headers["expires"] == "Thu, 01 Dec 2033 16:00:00 GMT")
        #expect(headers["x-amz-meta-plain"] == "yes")
        #expect(headers["x-amz-meta-city"] == "=?UTF-8?B?S8O2bG4=?=")
        #expect(headers["x-amz-tagging"] == "k%26=%3Dv&team=a%20b")
        #expect(headers["x-amz-storage-class"] == "STANDARD_IA")
        #expect(headers["x-amz-acl"] == nil)
        let notApplied = try #require(reportLines(report).first).notApplied
        for part in ["x-odd", "bad%20name", "control", "acl", "last-modified"] {
            #expect(notApplied.contains { $0.contains(part) }, "\(part) is listed")
        }
        #expect(notApplied.count == 5)
    }

    @Test func `a storage class that the target refuses is left out and listed`() async throws {
        let service = try await ScriptedS3()
        service.script { request, _ in
            request.headers["x-amz-storage-class"] == nil ? .none : .answer(.error(400, "InvalidStorageClass"))
        }
        let folder = try TemporaryFolder()
        var metadata = ObjectMetadata()
        metadata.storageClass = "ODD"
        let source = MemorySource((0..<5).map { .object("k\($0)", .held([UInt8($0)]), metadata: metadata) })
        let report = try await migrate(source, to: S3Target.local(port: service.port), folder) { $0.parallel = 1 }
        #expect(report.isComplete)
        #expect(report.withMetadataNotApplied == 5)
        #expect(service.count("PutObject") <= 7, "the target is not asked for it again and again")
    }

    @Test func `no credential reaches journal, report, errors or plan`() async throws {
        let service = try await ScriptedS3()
        service.script { request, _ in request.key == "k" ? .answer(.error(400, "InvalidRequest")) : .none }
        let folder = try TemporaryFolder()
        let credentials = S3Credentials(
            accessKeyID: "CANARYID", secretAccessKey: "CANARYSECRET", sessionToken: "CANARYTOKEN")
        let report = try await migrate(
            MemorySource([.text("k", "one"), .text("l", "two")]),
            to: S3Target.local(port: service.port, credentials: credentials), folder)
        #expect(
            service.state.withLock { $0.requests.allSatisfy { $0.headers["x-amz-security-token"] == "CANARYTOKEN" } })
        #expect(!report.description.contains("CANARY"))
        for file in folder.files {
            let text = String(decoding: folder.bytes(file) ?? [], as: UTF8.self)
            #expect(!text.contains("CANARY") && !text.contains("Signature="), "\(file)")
        }
    }
}
