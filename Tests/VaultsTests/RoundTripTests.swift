import Blocks
import Foundation
import Objects
import TestSupport
import Testing

@testable import Vaults

@Suite struct `What is written is read back` {
    @Test func `whole and partial objects with their metadata, after the vault was opened again`() throws {
        let folder = try TemporaryFolder()
        var metadata = ObjectMetadata()
        metadata.headers["content-type"] = "text/plain"
        metadata.user["colour"] = "green"
        metadata.tags["team"] = "a"
        let sizes = [0, 1, 4095, 4096, 4097, 3 * 4096 + 100]
        do {
            var traffic = Traffic()
            var writer = try Traffic.openWriter(folder / "vault")
            for size in sizes {
                try traffic.put(object("\(size)"), content(size, size), metadata: metadata, into: &writer)
            }
            try traffic.put(object("partial"), content(9, 10_000), missing: 5000..<6000, into: &writer)
            try writer.close()
        }
        let reader = try VaultReader(opening: folder / "vault")
        for size in sizes {
            #expect(try reader.bytes(object("\(size)")) == content(size, size))
            let version = try #require(try reader.catalog.current(object("\(size)")))
            #expect(version.state == .complete)
            #expect(version.metadata == metadata)
        }
        let partial = try #require(try reader.catalog.current(object("partial")))
        #expect(partial.state == .partial)
        #expect(partial.gaps == [Gap(offset: 5000, length: 1000, cause: .notCaptured)])
        #expect(try reader.bytes(of: partial, in: 6000..<10_000) == Array(content(9, 10_000)[6000...]))
        #expect(try reader.bytes(of: partial, in: 4090..<5000) == Array(content(9, 10_000)[4090..<5000]))
        let text = message { try reader.bytes(of: partial, in: 0..<10_000) }
        #expect(text.contains("not held at offset 5000") && text.contains(partial.name.url), "\(text)")
    }

    @Test func `a range gives its bytes and no other, wherever it begins and ends`() throws {
        let folder = try TemporaryFolder()
        let bytes = content(1, 9000)
        var traffic = Traffic()
        var writer = try Traffic.openWriter(folder / "vault")
        try traffic.put(object("a"), bytes, into: &writer)
        try writer.commit()
        let reader = try writer.makeReader()
        let version = try #require(try reader.catalog.current(object("a")))
        let edges = [0, 1, 4095, 4096, 4097, 8191, 8192, 8193, 8999, 9000]
        for start in edges {
            for end in edges where end >= start {
                #expect(try reader.bytes(of: version, in: UInt64(start)..<UInt64(end)) == Array(bytes[start..<end]))
            }
        }
    }

    @Test func `a block is stored once, however often it is offered`() throws {
        let folder = try TemporaryFolder()
        let block = content(5, 4096)
        do {
            var traffic = Traffic()
            var writer = try Traffic.openWriter(folder / "vault")
            // Twice in one batch, again before the commit, again after it.
            try traffic.put(object("a"), block + block, into: &writer)
            try traffic.put(object("b"), block, into: &writer)
            try writer.commit()
            try traffic.put(object("c"), block, into: &writer)
            let counters = writer.counters
            #expect(counters.blocks == 4 && counters.newBlocks == 1)
            try writer.close()
        }
        do {
            // Again by another run.
            var traffic = Traffic()
            var writer = try Traffic.openWriter(folder / "vault")
            try traffic.put(object("d"), block, into: &writer)
            let counters = writer.counters
            #expect(counters.newBlocks == 0)
            try writer.close()
        }
        #expect(try VaultRebuild.run(at: folder / "vault").blocks == 1)
        let reader = try VaultReader(opening: folder / "vault")
        for name in ["b", "c", "d"] { #expect(try reader.bytes(object(name)) == block) }
        #expect(try reader.bytes(object("a")) == block + block)
    }

    @Test func `a commit is due by bytes and by time`() throws {
        let folder = try TemporaryFolder()
        var traffic = Traffic()
        for (name, durability) in [
            ("bytes", Durability(commitBytes: 1, commitNanoseconds: .max)),
            ("time", Durability(commitBytes: .max, commitNanoseconds: 0)),
        ] {
            var writer = try VaultWriter(
                path: folder / name, blockSize: BlockSize(bytes: 4096), durability: durability, poolBytes: 64 * 4096)
            try traffic.put(object("a"), content(1, 100), into: &writer)
            let (commits, isCommitted) = (writer.counters.commits, writer.isCommitted)
            #expect(commits == 1 && isCommitted, "\(name)")
        }
        var writer = try Traffic.openWriter(folder / "neither")
        try traffic.put(object("a"), content(1, 100), into: &writer)
        let (commits, isCommitted) = (writer.counters.commits, writer.isCommitted)
        #expect(commits == 0 && !isCommitted)
        let reader = try writer.makeReader()
        #expect(try reader.catalog.current(object("a")) == nil)
    }
}

@Suite struct `A check of the stored bytes tells` {
    private static let bytes = content(3, 9000)

    /// A vault with an object per state.
    private func vault(_ folder: TemporaryFolder) throws -> String {
        var traffic = Traffic()
        var writer = try Traffic.openWriter(folder / "vault")
        let good = try md5(Self.bytes)
        let wrong = try md5(content(4, 9000))
        let text = good.value.map { String(format: "%02x", $0) }.joined()
        try traffic.put(object("complete"), Self.bytes, into: &writer)
        try traffic.put(object("verified"), Self.bytes, digests: [good], into: &writer)
        try traffic.put(object("verified by its ETag"), Self.bytes, etag: text, into: &writer)
        try traffic.put(object("mismatch"), Self.bytes, digests: [wrong], into: &writer)
        try traffic.put(object("partial"), Self.bytes, missing: 10..<20, digests: [good], into: &writer)
        try traffic.put(object("other"), content(8, 3000), digests: [try md5(content(8, 3000))], into: &writer)
        try writer.checkDigests()
        try writer.close()
        return folder / "vault"
    }

    @Test func `complete, verified, mismatch and partial apart, and harms none`() throws {
        let folder = try TemporaryFolder()
        let reader = try VaultReader(opening: try vault(folder))
        var sha = try StreamDigest(.sha256)
        sha.update(Self.bytes.span.bytes)
        let sha256 = hexadecimal(sha.finalize())
        for (name, state) in [
            ("complete", ObjectState.complete), ("verified", .verified), ("verified by its ETag", .verified),
            ("mismatch", .mismatch),
        ] {
            let version = try #require(try reader.catalog.current(object(name)))
            #expect(version.state == state, "\(name)")
            let check = try reader.verify(version)
            #expect(check.sha256Text == sha256, "\(name)")
            #expect(check.bytesRead == 9000)
            #expect(!check.isDamaged)
            #expect(check.problems.isEmpty == (state != .mismatch), "\(check.problems)")
        }
        let partial = try #require(try reader.catalog.current(object("partial")))
        let check = try reader.verify(partial)
        #expect(partial.state == .partial && check.sha256Text == nil && check.bytesRead == 8990 && !check.isDamaged)
    }

    @Test(arguments: [0, 1, 2])
    func `a flipped byte, which is never served`(block: Int) throws {
        let folder = try TemporaryFolder()
        let path = try vault(folder)
        let file = try #require(try segmentFiles(path).last)
        var stored = try fileBytes(file)
        let start = block * 4096
        let payload = Self.bytes[start..<min(start + 4096, 9000)]
        let place = try #require(Data(stored).range(of: Data(payload))).lowerBound
        stored[place + payload.count / 2] ^= 0x10
        try write(stored, to: file)

        let reader = try VaultReader(opening: path)
        for name in ["complete", "verified", "mismatch"] {
            let version = try #require(try reader.catalog.current(object(name)))
            var served: [UInt8] = []
            let text = message {
                try reader.visitBytes(of: version, in: 0..<9000) { piece in piece.withUnsafeBytes { served += $0 } }
            }
            #expect(served == Array(Self.bytes[..<start]), "only whole good blocks before it are served")
            #expect(text.contains(version.name.url), "\(text)")
            #expect(text.contains("bytes \(start) to \(start + payload.count - 1)"), "\(text)")
            #expect(text.contains(file), "\(text)")
            let check = try reader.verify(version)
            #expect(check.isDamaged && check.sha256Text == nil)
            #expect(check.problems.contains { $0.contains(file) }, "\(check.problems)")
            #expect(check.bytesRead == 9000 - payload.count, "the other blocks are read and counted")
        }
        #expect(try reader.bytes(object("other")) == content(8, 3000))
    }

    @Test func `a segment file that is gone, by its name`() throws {
        let folder = try TemporaryFolder()
        let path = try vault(folder)
        let file = try #require(try segmentFiles(path).first)
        try FileManager.default.removeItem(atPath: file)
        let reader = try VaultReader(opening: path)
        let version = try #require(try reader.catalog.current(object("verified")))
        let check = try reader.verify(version)
        #expect(check.isDamaged)
        #expect(check.problems.contains { $0.contains(file) && $0.contains("missing") }, "\(check.problems)")
    }
}
