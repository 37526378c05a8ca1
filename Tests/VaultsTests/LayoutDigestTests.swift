import Blocks
import Catalog
import Objects
import TestSupport
import Testing

@testable import Vaults

@Suite struct LayoutDigestTests {
    private static func digest(_ algorithm: DigestAlgorithm, _ bytes: some Sequence<UInt8>) throws -> [UInt8] {
        let bytes = Array(bytes)
        var digest = try StreamDigest(algorithm)
        digest.update(bytes.span.bytes)
        return digest.finalize()
    }

    /// What the digest says of bytes that come in pieces of random length, some of them empty.
    private static func digest(
        _ algorithm: DigestAlgorithm, _ layout: VerificationPlan.Layout, _ bytes: [UInt8],
        _ generator: inout SeededGenerator
    ) throws -> [UInt8] {
        let stated = StatedDigest(algorithm: algorithm, value: [], source: "test")
        let digest = try LayoutDigest(.init(digest: stated, layout: layout))
        var start = 0
        while start < bytes.count {
            let count = min(Int.random(in: 0...900, using: &generator), bytes.count - start)
            try digest.update(bytes.span.bytes.extracting(start..<start + count))
            start += count
        }
        return try digest.finish()
    }

    @Test(arguments: [DigestAlgorithm.md5, .sha256, .crc32c])
    func `pieces of any length give the digest of the whole`(algorithm: DigestAlgorithm) throws {
        var generator = SeededGenerator(seed: 3)
        for count in [0, 1, 900, 10_000] {
            let bytes = generator.bytes(count)
            let found = try Self.digest(algorithm, .whole, bytes, &generator)
            #expect(try found == Self.digest(algorithm, bytes), "\(count) bytes")
        }
    }

    @Test(arguments: [[5000, 5000], [1, 0, 9999], [0], [10_000], [0, 10_000, 0], [3000, 3000, 3000, 1000]])
    func `parts of any length, also none, are digested and their digests digested again`(sizes: [Int]) throws {
        var generator = SeededGenerator(seed: 4)
        let bytes = generator.bytes(sizes.reduce(0, +))
        var start = 0
        let parts = try sizes.flatMap { size in
            defer { start += size }
            return try Self.digest(.md5, bytes[start..<start + size])
        }
        let layout = VerificationPlan.Layout.parts(sizes.map(UInt64.init))
        for _ in 0..<10 {
            #expect(try Self.digest(.md5, layout, bytes, &generator) == Self.digest(.md5, parts))
        }
    }

    @Test func `bytes behind the last part give another digest, not the same`() throws {
        var generator = SeededGenerator(seed: 5)
        let bytes = generator.bytes(3000)
        let layout = VerificationPlan.Layout.parts([1000, 1000])
        #expect(
            try Self.digest(.md5, layout, bytes, &generator)
                != Self.digest(.md5, layout, Array(bytes.prefix(2000)), &generator))
    }
}
