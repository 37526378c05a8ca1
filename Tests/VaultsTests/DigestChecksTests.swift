import Blocks
import Catalog
import Foundation
import Objects
import TestSupport
import Testing

@testable import Vaults

/// The ETag of an upload in parts of these bytes: MD5 of their MD5s.
private func composite(_ bytes: [UInt8], partSize: Int) throws -> StatedDigest {
    var values: [UInt8] = []
    var parts = 0
    for start in stride(from: 0, to: bytes.count, by: partSize) {
        values += try md5(Array(bytes[start..<min(bytes.count, start + partSize)])).value
        parts += 1
    }
    return StatedDigest(
        algorithm: .md5, value: try md5(values).value, scope: .composite(parts: parts), source: "etag",
        isAdvisory: true)
}

@Suite struct DigestChecksTests {
    /// Objects of many lengths: right digests, wrong ones, ETags of uploads in parts.
    private func fill(_ writer: inout VaultWriter) throws {
        var traffic = Traffic()
        for number in 0..<60 {
            let bytes = content(number + 1, [0, 1, 63, 64, 4095, 4096, 4097, 20_000, 100_000, 150_001][number % 10])
            let digest =
                switch number % 7 {
                case 3: try md5(content(1000, 10))
                case 5 where !bytes.isEmpty: try composite(bytes, partSize: max(1, bytes.count / 3))
                case 6: try md5(content(1001, 10), source: "etag", isAdvisory: true)
                default: try md5(bytes)
                }
            try traffic.put(object("object-\(number)"), bytes, digests: [digest], into: &writer)
        }
        try writer.commit()
    }

    /// What ``DigestChecks`` says of every version that waits, in the order of versions' names.
    private func outcomes(_ writer: borrowing VaultWriter) throws -> [DigestChecks.Finished] {
        let reader = try writer.makeReader()
        var checks = try reader.makeDigestChecks()
        var outcomes: [DigestChecks.Finished] = []
        for id in try writer.pendingVerification(after: nil, max: 1000) {
            let version = try #require(try reader.catalog.version(id))
            checks.add(try #require(version.verificationPlan), of: version)
            while !checks.hasRoom { outcomes += checks.advance() }
        }
        while !checks.isIdle { outcomes += checks.advance() }
        return outcomes.sorted { $0.version.name.url < $1.version.name.url }
    }

    @Test func `versions side by side get the verdicts that each gets alone`() throws {
        let folder = try TemporaryFolder()
        var writer = try Traffic.openWriter(folder / "vault")
        try fill(&writer)
        let reader = try writer.makeReader()
        let outcomes = try outcomes(writer)
        #expect(outcomes.count == 60)
        #expect(outcomes.compactMap(\.failure).isEmpty)
        for outcome in outcomes {
            let version = try #require(try reader.catalog.version(outcome.version))
            let alone = try reader.check(try #require(version.verificationPlan), of: version)
            #expect(outcome.result == alone, "\(outcome.version.name.url)")
        }
        let verdicts = outcomes.compactMap { $0.result?.findings.last?.outcome }
        #expect(verdicts.count { $0 == .matched } > 30 && verdicts.count { $0 == .mismatched } > 10)
    }

    @Test func `one damaged block fails its own version by name, and no other`() throws {
        let folder = try TemporaryFolder()
        var writer = try Traffic.openWriter(folder / "vault")
        try fill(&writer)
        let victim = content(8, 20_000)
        let file = try #require(try segmentFiles(folder / "vault").first)
        var bytes = try fileBytes(file)
        // The victim's second block: `object-7` has the bytes of seed 8.
        let place = try #require(bytes.firstRange(of: Array(victim[4096..<8192])))
        bytes[place.lowerBound + 100] ^= 1
        try FileHandle(forWritingAtPath: file)?.write(contentsOf: Data(bytes))
        let outcomes = try outcomes(writer)
        #expect(outcomes.count == 60)
        let failed = outcomes.filter { $0.failure != nil }
        #expect(failed.map(\.version.name) == [object("object-7")])
        #expect(failed.allSatisfy { $0.result == nil && $0.failure?.contains("checksum") ?? false })
    }
}
