import Foundation
import Objects
import Storage
import TestSupport
import Testing

@testable import Vaults

/// Names, metadata, addresses and bytes of objects that no file of an encrypted vault may have.
private let canaries = ["canary-plaintext", "canary-object", "canary-metadata", "canary-etag", "s3.example.com"]

/// Searches every byte and every name below a folder. Returns how many bytes that were.
@discardableResult
private func searchInVain(_ folder: String, _ moment: String) throws -> Int {
    let forms = canaries.flatMap { canary in disguises(canary).map { (canary, $0) } }
    return try everyByte(below: folder).reduce(0) { sum, file in
        for (canary, form) in forms {
            #expect(file.bytes.range(of: form) == nil, "\(moment): \(canary) is in \(file.path)")
        }
        return sum + file.bytes.count
    }
}

@Suite struct `What an encrypted vault leaves on disk while it works` {
    private func put(_ key: String, _ seed: Int, _ traffic: inout Traffic, _ writer: inout VaultWriter) throws {
        var metadata = ObjectMetadata()
        metadata.user["owner"] = "canary-metadata"
        try traffic.put(
            object("canary-object/\(key)"), Array("canary-plaintext ".utf8) + content(seed, 30_000),
            etag: "canary-etag",
            metadata: metadata, into: &writer)
    }

    @Test func `tells nothing, at any step of a collection, a scrub, a repair and an export`() throws {
        let folder = try TemporaryFolder()
        let (vault, secret) = (folder / "vault", try keyFileSecret())
        var traffic = Traffic()
        var writer = try Traffic.openWriter(vault, secret: secret)
        for number in 0..<20 { try put("\(number % 5)", number, &traffic, &writer) }
        try writer.commit()
        _ = try CollectionMailbox(writer.layout).post(CollectionOptions())
        var options = CollectionOptions(
            retention: RetentionPolicy(keepDeletedNanoseconds: 0), garbageShareMax: 0,
            graceNanoseconds: 3_600_000_000_000)
        try writer.beginCollection(options, now: traffic.now)
        var steps = 0
        var searched = 0
        while try writer.collect(for: 0) == nil {
            steps += 1
            if steps == 3 { try put("amid", 77, &traffic, &writer) }
            searched += try searchInVain(vault, "step \(steps)")
        }
        #expect(steps > 4 && searched > 1 << 20)
        try traffic.delete(object("canary-object/amid"), from: &writer)
        try writer.commit()
        let deleted = try #require(try writer.makeReader().undeletion(of: object("canary-object/amid")))
        _ = try writer.restore(deleted.version.id, at: traffic.now + 1)
        options.graceNanoseconds = 0
        _ = try writer.collect(options, now: traffic.now)
        try writer.close()
        _ = consume writer
        try searchInVain(vault, "undeleted and collected")
        // A damaged block: the scrub notes it for the writer.
        let file = try #require(try segmentFiles(vault).first)
        var bytes = try fileBytes(file)
        bytes[bytes.count / 2] ^= 1
        try write(bytes, to: file)
        let findings = try VaultScrub.run(at: vault, secret: secret).findings
        #expect(!findings.isEmpty)
        try searchInVain(vault, "scrubbed")
        writer = try Traffic.openWriter(vault, secret: secret)
        var report = RepairReport()
        let lost = try writer.salvage(findings, &report)
        try writer.finishRepair(of: findings, lost: lost, &report)
        try writer.close()
        _ = consume writer
        try searchInVain(vault, "repaired")
        try #require(try VaultReader(opening: vault, secret: secret).catalog.current(object("canary-object/1")) != nil)
    }

    @Test func `tells nothing in the spool of its backend, in the cache, and in the backend`() throws {
        let folder = try TemporaryFolder()
        let bucket = Bucket(folder / "bucket")
        let (vault, secret) = (folder / "vault", try keyFileSecret())
        _ = try bucket.makeFolder(vault, secret: secret) { $0.sealSeconds = 1 }
        var traffic = Traffic()
        for isCut in [true, false, false] {
            bucket.medium.isCut.withLock { $0 = isCut }
            var writer = try Traffic.openWriter(vault, secret: secret)
            for number in 0..<10 { try put("\(number % 5)", number + (isCut ? 100 : 200), &traffic, &writer) }
            let options = CollectionOptions(
                retention: RetentionPolicy(keepDeletedNanoseconds: 0), garbageShareMax: 0, graceNanoseconds: 0)
            _ = try writer.collect(options, now: traffic.now)
            try writer.close()
            #expect((writer.uploadStatus?.segmentsWaiting ?? 0 > 0) == isCut)
            _ = consume writer
            #expect(try searchInVain(vault, "cut: \(isCut)") > 100_000)
            #expect(try searchInVain(bucket.path, "the bucket, cut: \(isCut)") > (isCut ? 0 : 100_000))
        }
    }
}
