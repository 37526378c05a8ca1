import Blocks
import Encryption
import Foundation
import Testing

@testable import Storage

/// Segment files of a vault with keys.
@Suite struct EncryptedSegmentTests {
    static let vault = VaultID(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210)
    static let canaries = ["CANARY-BLOCK", "canary/key", "canary value"]

    private static func frames() -> [[Content]] {
        [
            [
                .block(Array("CANARY-BLOCK and more".utf8)),
                .put(2, Array("canary/key".utf8), Array("canary value".utf8)),
            ],
            [.block([UInt8](repeating: 0x41, count: 4096)), .delete(3, Array("canary/key".utf8))],
            [.put(4, [1], [])],
        ]
    }

    private func written(_ fixture: Fixture, isSealed: Bool) throws -> SegmentReader {
        var writer = try fixture.directory.createSegment()
        for frame in Self.frames() { _ = try fixture.append(frame, to: &writer) }
        try writer.synchronize()
        if isSealed { try writer.seal() }
        return try fixture.directory.openSegment(1)
    }

    @Test(arguments: [false, true]) func `records come back, and none can be read in the file`(_ isSealed: Bool) throws
    {
        let fixture = try Fixture(keys: VaultKeys.random(vault: Self.vault.bytes))
        let reader = try written(fixture, isSealed: isSealed)
        let found = try fixture.contents(reader)
        #expect(found.contents == Self.frames().flatMap { $0 })
        #expect(found.end == (isSealed ? .sealed : .open))
        let file = try Data(RawFile(path: reader.path).bytes())
        for canary in Self.canaries { #expect(file.range(of: Data(canary.utf8)) == nil) }
        // Not even the digest of a block, by which a stranger could tell that it is there.
        #expect(file.range(of: Data(repeating: 0x41, count: 16)) == nil)
    }

    @Test func `a writer goes on where an earlier one stopped, and cuts a torn tail`() throws {
        let fixture = try Fixture(keys: VaultKeys.random(vault: Self.vault.bytes))
        let reader = try written(fixture, isSealed: false)
        let file = RawFile(path: reader.path)
        let whole = try file.bytes()
        try file.replace(with: Array(whole[..<(whole.count - 100)]))
        do {
            var writer = try fixture.directory.resumeSegment(1)
            _ = try fixture.append([.put(5, [9], [9])], to: &writer)
            try writer.seal()
        }
        let found = try fixture.contents(try fixture.directory.openSegment(1))
        #expect(found.contents == Self.frames()[0] + Self.frames()[1] + [.put(5, [9], [9])])
        #expect(found.end == .sealed)
    }

    /// Every byte of the file is changed, one at a time: what is then delivered is a beginning of what was written, with
    /// nothing changed, or the whole of it where the byte means nothing.
    @Test(arguments: [false, true]) func `no flipped byte changes what is delivered`(_ isSealed: Bool) throws {
        let fixture = try Fixture(keys: VaultKeys.random(vault: Self.vault.bytes))
        let reader = try written(fixture, isSealed: isSealed)
        let file = RawFile(path: reader.path)
        let good = try file.bytes()
        let expected = Self.frames().flatMap { $0 }
        var (found, harmless) = (0, 0)
        for place in good.indices {
            // Zeros between records are many and alike.
            if good[place] == 0, place % 64 != 0 { continue }
            var bad = good
            bad[place] ^= 0x20
            try file.replace(with: bad)
            do {
                let contents = try fixture.contents(try fixture.directory.openSegment(1)).contents
                #expect(expected.starts(with: contents), "byte \(place)")
                if contents == expected { harmless += 1 } else { found += 1 }
            } catch {
                found += 1
            }
        }
        #expect(found > 1000, "\(found) found, \(harmless) harmless")
        print("segment \(isSealed ? "sealed" : "open"): \(found) flipped bytes found, \(harmless) in padding")
    }

    @Test func `frames and records that were moved, swapped or replaced are not delivered`() throws {
        let keys = try VaultKeys.random(vault: Self.vault.bytes)
        let fixture = try Fixture(keys: keys)
        _ = try written(fixture, isSealed: false)
        let file = RawFile(path: fixture.directory.path(of: 1))
        let good = try file.bytes()
        // The same records written once more in another file of the same number: another history of the segment.
        let other = try Fixture(keys: keys)
        _ = try written(other, isSealed: false)
        let twin = try RawFile(path: other.directory.path(of: 1)).bytes()
        #expect(twin.count == good.count && twin != good)
        let second = 4096 + 4096
        let third = good.count - 4096
        let (head, first) = (Array(good[..<4096]), Array(good[4096..<second]))
        let (middle, last) = (Array(good[second..<third]), Array(good[third...]))
        let forgeries: [(String, [[UInt8]])] = [
            ("frame of another history", [head, first, Array(twin[second..<third]), last]),
            ("first frame of another history", [head, Array(twin[4096..<second]), middle, last]),
            ("frames swapped", [head, middle, first, last]),
            ("frame twice", [head, first, first, middle, last]),
            ("frame left out", [head, first, last]),
        ]
        for (name, pieces) in forgeries {
            try file.replace(with: pieces.flatMap { $0 })
            let contents = try fixture.contents(try fixture.directory.openSegment(1)).contents
            #expect(contents.count < 5 && Self.frames().flatMap { $0 }.starts(with: contents), "\(name)")
        }
    }

    /// The page's dump of an encrypted frame: every byte that it gives is so in the file, `..` is what differs in every run.
    @Test func `the encrypted frame on the format page is what is written`() throws {
        let fixture = try Fixture(keys: VaultKeys.random(vault: Self.vault.bytes))
        var writer = try fixture.directory.createSegment()
        _ = try fixture.append(
            [.block(Array("Hello, Oxbow!\n".utf8)), .put(1, Array("key".utf8), Array("value".utf8))], to: &writer)
        let file = try RawFile(path: writer.path).bytes()
        let page = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "docs/storage-format.md")
        let text = try String(contentsOf: page, encoding: .utf8)
        let section = try #require(
            text.split(separator: "### An encrypted frame").last?.split(separator: "\n## ").first)
        var compared = 0
        for line in section.split(separator: "\n") {
            let words = line.split(separator: "|")[0].split(separator: " ")
            guard let first = words.first, first.count == 8, let offset = Int(first, radix: 16) else { continue }
            for (index, word) in words.dropFirst().enumerated() {
                guard let byte = UInt8(word, radix: 16) else { continue }
                #expect(file[offset + index] == byte, "\(line), byte \(index)")
                compared += 1
            }
        }
        #expect(compared > 90)
    }

    @Test func `another key, no key, and a segment in clear are refused by name`() throws {
        let fixture = try Fixture(keys: VaultKeys.random(vault: Self.vault.bytes))
        let reader = try written(fixture, isSealed: true)
        func open(_ keys: VaultKeys?) throws -> SegmentReader {
            try SegmentDirectory(
                path: fixture.directory.path, vault: Self.vault, blockSize: fixture.pool.blockSize, keys: keys
            )
            .openSegment(1)
        }
        #expect(throws: StorageError.otherProtection(path: reader.path, isEncrypted: true)) { try open(nil) }
        let stranger = try open(VaultKeys.random(vault: Self.vault.bytes))
        #expect(try fixture.contents(stranger).contents == [])
        let clear = try Fixture()
        _ = try written(clear, isSealed: true)
        let path = clear.directory.path(of: 1)
        #expect(throws: StorageError.otherProtection(path: path, isEncrypted: false)) {
            try SegmentReader(path: path, vault: nil, number: nil, keys: VaultKeys.random(vault: Self.vault.bytes))
        }
    }

    @Test func `a block is read with its own fingerprint only`() throws {
        let fixture = try Fixture(keys: VaultKeys.random(vault: Self.vault.bytes))
        let reader = try written(fixture, isSealed: true)
        var replay = try reader.replay()
        var blocks: [(Fingerprint, BlockLocation)] = []
        while let records = try replay.next() {
            for case .block(let fingerprint, let place) in records { blocks.append((fingerprint, place)) }
        }
        #expect(blocks.count == 2)
        #expect(throws: StorageError.self) { try reader.read(blocks[0].1, of: blocks[1].0) }
        for change: (inout BlockLocation) -> Void in [
            { $0.codec = 0 }, { $0.codec = 0x81 }, { $0.rawLength += 1 }, { $0.storedLength = 31 },
            { $0.payloadOffset += 1 },
        ] {
            var wrong = blocks[1].1
            change(&wrong)
            #expect(throws: StorageError.self) { try reader.read(wrong, of: blocks[1].0) }
        }
    }
}
