import Foundation
import Objects
@testable import S3
import TestSupport
import Testing

@testable import Replication

/// The journal survives what a crash leaves of it, and refuses what is not its own.
@Suite struct JournalTests {
    private let identity = TargetIdentity(id: "target-1", description: "a target")

    private func object(_ key: String, revision: String = "r1", content: String? = nil) -> ObjectRecord {
        ObjectRecord(
            name: "s3://e/b/\(key)", bucket: "tgt", key: key, revision: revision, content: content, size: 5,
            etag: "e", sourceETag: nil, versionID: nil,
            parts: [PartProof(size: 5, PayloadDigests(of: Array(key.utf8)))], way: .put, evidence: .etag,
            notApplied: [])
    }

    private func location(_ key: String) -> TargetLocation { TargetLocation(bucket: "tgt", key: ObjectKey(key)) }

    private func open(_ folder: TemporaryFolder, source: String = "vault-1") throws -> Journal {
        try Journal(folder: folder.path, source: source, target: identity)
    }

    @Test func `what was written is found again, the last word counts`() throws {
        let folder = try TemporaryFolder()
        do {
            let journal = try open(folder)
            try journal.append(.object(object("a", content: "c1")))
            try journal.append(.object(object("b")))
            try journal.append(.object(object("a", revision: "r2", content: "c2")))
            try journal.append(.deleted(LocationRecord(bucket: "tgt", key: "b", seconds: 1)))
        }
        let journal = try open(folder)
        #expect(try journal.object(at: location("a"))?.revision == "r2")
        #expect(try journal.object(at: location("b")) == nil)
        #expect(try journal.object(content: "c2")?.key == "a")
        #expect(try journal.object(content: "c1") == nil, "that content is no longer at the target")
        #expect(journal.counts.objects == 1 && journal.counts.damagedLines == 0)
    }

    @Test func `cut at any byte it holds exactly the whole lines before`() throws {
        let folder = try TemporaryFolder()
        do {
            let journal = try open(folder)
            try journal.append(.object(object("a")))
            try journal.append(.intent(LocationRecord(bucket: "tgt", key: "m", seconds: 1)))
            try journal.append(
                .upload(
                    UploadRecord(
                        bucket: "tgt", key: "m", id: "u1", isChecksummed: true, revision: "r", partSizes: [1, 2],
                        notApplied: [])))
            try journal.append(.part(PartRecord(upload: "u1", number: 1, etag: "e", proof: nil, size: 1)))
            try journal.append(.uploadEnded(id: "u1"))
            try journal.append(.object(object("m")))
        }
        let path = "\(folder.path)/target-1/journal"
        let whole = try #require(FileManager.default.contents(atPath: path))
        let ends = whole.indices.filter { whole[$0] == UInt8(ascii: "\n") }
        #expect(ends.count == 7)
        for cut in 0...whole.count {
            try Data(whole.prefix(cut)).write(to: URL(fileURLWithPath: path))
            let lines = ends.count { $0 < cut }
            do {
                let journal = try open(folder)
                #expect(try (journal.object(at: location("a")) != nil) == (lines >= 2), "cut at \(cut)")
                #expect(journal.intents.count == (lines == 3 ? 1 : 0))
                #expect(journal.uploads.count == ((4...5).contains(lines) ? 1 : 0))
                #expect(try (journal.object(at: location("m")) != nil) == (lines >= 7))
                #expect(journal.counts.damagedLines == 0)
                // What is appended after a cut is found by the next start.
                try journal.append(.object(object("z")))
                #expect(try journal.object(at: location("z")) != nil)
            }
            let next = try open(folder)
            #expect(try next.object(at: location("z")) != nil && next.counts.damagedLines == 0)
        }
    }

    @Test func `a line damaged anywhere is skipped and counted, the others stand`() throws {
        let folder = try TemporaryFolder()
        do {
            let journal = try open(folder)
            for key in ["a", "b", "c"] { try journal.append(.object(object(key))) }
        }
        let path = "\(folder.path)/target-1/journal"
        let whole = try #require(FileManager.default.contents(atPath: path))
        let ends = whole.indices.filter { whole[$0] == UInt8(ascii: "\n") }
        for place in ends[1] + 1..<ends[2] {
            var damaged = whole
            damaged[place] ^= 0x10
            try damaged.write(to: URL(fileURLWithPath: path))
            let journal = try open(folder)
            #expect(try journal.object(at: location("a")) != nil && journal.object(at: location("c")) != nil)
            #expect(try journal.object(at: location("b")) == nil, "byte \(place)")
            #expect(journal.counts.damagedLines >= 1)
        }
    }

    @Test func `the journal of another vault is refused`() throws {
        let folder = try TemporaryFolder()
        _ = try open(folder)
        let error = #expect(throws: ReplicationError.self) { try open(folder, source: "vault-2") }
        #expect(error?.description.contains("belongs to vault vault-1, not to vault-2") == true)
    }

    @Test func `the journal of another target is refused`() throws {
        let folder = try TemporaryFolder()
        _ = try open(folder)
        try FileManager.default.moveItem(atPath: "\(folder.path)/target-1", toPath: "\(folder.path)/target-2")
        let error = #expect(throws: ReplicationError.self) {
            try Journal(
                folder: folder.path, source: "vault-1", target: TargetIdentity(id: "target-2", description: ""))
        }
        #expect(error?.description.contains("belongs to target target-1") == true)
    }

    @Test func `a file that is no journal is refused and left as it is`() throws {
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: "\(folder.path)/target-1", withIntermediateDirectories: true)
        let text = "this is\nsomething else\n"
        try text.write(toFile: "\(folder.path)/target-1/journal", atomically: true, encoding: .utf8)
        #expect(throws: ReplicationError.self) { try open(folder) }
        #expect(folder.bytes("target-1/journal") == Array(text.utf8))
    }

    @Test func `two runs cannot have it at once`() throws {
        let folder = try TemporaryFolder()
        let journal = try open(folder)
        let error = #expect(throws: ReplicationError.self) { try open(folder) }
        #expect(error?.description.contains("another migration") == true)
        withExtendedLifetime(journal) {}
    }

    @Test func `superseded lines go when they are most of many, and nothing else does`() throws {
        let folder = try TemporaryFolder()
        do {
            let journal = try open(folder)
            for round in 0..<5_500 {
                try journal.append(.object(object("a", revision: "\(round)")))
                try journal.append(.object(object("b", revision: "\(round)", content: "c")))
            }
            try journal.append(
                .upload(
                    UploadRecord(
                        bucket: "tgt", key: "m", id: "u1", isChecksummed: true, revision: "r", partSizes: [1, 2],
                        notApplied: [])))
            try journal.append(.part(PartRecord(upload: "u1", number: 2, etag: "e", proof: nil, size: 1)))
            try journal.append(.intent(LocationRecord(bucket: "tgt", key: "i", seconds: 1)))
        }
        let before = try #require(folder.bytes("target-1/journal")).count
        for _ in 0..<2 {
            let journal = try open(folder)
            #expect(try #require(folder.bytes("target-1/journal")).count < before / 100)
            #expect(try journal.object(at: location("a"))?.revision == "5499")
            #expect(try journal.object(content: "c")?.revision == "5499")
            #expect(journal.upload(at: location("m"), revision: "r")?.parts.keys.sorted() == [2])
            #expect(journal.intents.map(\.key) == ["i"])
        }
    }

    @Test func `lines longer than the reader's window are read whole`() throws {
        let folder = try TemporaryFolder()
        do {
            let journal = try open(folder)
            for key in ["a", "b", "c"] {
                var long = object(key)
                let proof = PartProof(size: 1, PayloadDigests(of: [1]))
                long.parts = Array(repeating: proof, count: 10_000)
                try journal.append(.object(long))
            }
        }
        let journal = try open(folder)
        for key in ["a", "b", "c"] { #expect(try journal.object(at: location(key))?.parts.count == 10_000) }
    }

    @Test func `a location is claimed once in a run`() throws {
        let folder = try TemporaryFolder()
        do {
            let journal = try open(folder)
            try journal.append(.object(object("a")))
            #expect(journal.claim(location("a")) && !journal.claim(location("a")) && journal.claim(location("n")))
            try journal.append(.object(object("a", revision: "r2")))
            #expect(!journal.claim(location("a")), "writing it down does not free it")
            #expect(try journal.unseen(limit: 10).count == 0)
        }
        let next = try open(folder)
        #expect(try next.unseen(limit: 10) == (1, ["s3://e/b/a"]))
        #expect(next.claim(location("a")))
    }

    @Test func `the check of a line can be done with sha256sum`() throws {
        let line = try JournalLine.encode(.uploadEnded(id: "u"))
        let text = String(decoding: line, as: UTF8.self)
        #expect(text.hasSuffix("e - - {\"upload\":\"u\"}\n"))
        let payload = Array(text.dropFirst(9).dropLast().utf8)
        #expect(text.hasPrefix(String(ScriptedS3.hex(PayloadDigests(of: payload).sha256).prefix(8)) + " "))
    }
}
