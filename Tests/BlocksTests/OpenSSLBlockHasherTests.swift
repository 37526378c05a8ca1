import Blocks
import Objects
import TestSupport
import Testing

@Suite struct OpenSSLBlockHasherTests {
    @Test func `fingerprints are the SHA-256 of exactly the block's bytes`() throws {
        let hasher = try OpenSSLBlockHasher()
        let pool = try BlockPool(blockSize: BlockSize(bytes: 4096), budgetBytes: 1 << 20)
        var generator = SeededGenerator(seed: 3)
        var blocks: [BlockDescriptor] = []
        var expected: [[UInt8]] = []
        for length in [1, 2, 55, 56, 63, 64, 65, 1000, 4095, 4096] {
            let buffer = pool.acquireWaiting()
            // Rubbish of an earlier use behind the block must not matter.
            pool.copy(generator.bytes(4096).span.bytes, into: buffer, at: 0)
            let bytes = generator.bytes(length)
            pool.copy(bytes.span.bytes, into: buffer, at: 0)
            blocks.append(BlockDescriptor(transfer: TransferID(1), offset: 0, length: UInt32(length), buffer: buffer))
            var digest = try StreamDigest(.sha256)
            digest.update(bytes.span.bytes)
            expected.append(digest.finalize())
        }
        hasher.hash(&blocks, in: pool)
        #expect(blocks.map(\.fingerprint.bytes) == expected)
        var none: [BlockDescriptor] = []
        hasher.hash(&none, in: pool)
        #expect(none.isEmpty)
    }

    @Test func `reads as sha256sum prints it`() throws {
        let abc = Array("abc".utf8)
        let fingerprint = try OpenSSLBlockHasher().fingerprint(of: abc.span.bytes)
        #expect("\(fingerprint)" == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }
}

@Suite struct FingerprintTests {
    @Test func `bytes and words are two forms of the same`() {
        var generator = SeededGenerator(seed: 4)
        for _ in 0..<200 {
            let bytes = generator.bytes(40)
            let fingerprint = Fingerprint(bytes: bytes.span.bytes, at: 5)
            #expect(fingerprint.bytes == Array(bytes[5..<37]))
        }
    }

    @Test func `order is the order of the bytes`() {
        var generator = SeededGenerator(seed: 5)
        let prints = (0..<300).map { _ in
            // Few different words, so that later words decide too.
            Fingerprint(generator.next() % 2, generator.next() % 2, generator.next() % 3, generator.next())
        }
        let byValue = prints.sorted().map(\.bytes)
        #expect(byValue == prints.map(\.bytes).sorted { $0.lexicographicallyPrecedes($1) })
    }
}
