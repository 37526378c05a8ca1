import Blocks
import Objects
import TestSupport
import Testing

@Suite struct StreamDigestTests {
    // FIPS 180-4 and RFC 1321 test vectors, and the check values of the CRCs.
    private static let vectors: [(DigestAlgorithm, String, String)] = [
        (.md5, "", "d41d8cd98f00b204e9800998ecf8427e"),
        (.md5, "message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
        (.sha1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (.sha256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (.crc32, "123456789", "cbf43926"),
        (.crc32c, "123456789", "e3069283"),
        (.crc64nvme, "123456789", "ae8b14860a799888"),
    ]

    private func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private func digest(_ algorithm: DigestAlgorithm, _ pieces: [ArraySlice<UInt8>]) throws -> [UInt8] {
        var digest = try StreamDigest(algorithm)
        for piece in pieces { digest.update(piece.span.bytes) }
        return digest.finalize()
    }

    @Test func `published vectors`() throws {
        for (algorithm, text, expected) in Self.vectors {
            #expect(hex(try digest(algorithm, [Array(text.utf8)[...]])) == expected, "\(algorithm) of '\(text)'")
        }
    }

    @Test(arguments: DigestAlgorithm.allCases)
    func `has as many bytes as the algorithm says, of nothing too`(algorithm: DigestAlgorithm) throws {
        #expect(try digest(algorithm, []).count == algorithm.byteCount)
    }

    @Test(arguments: DigestAlgorithm.allCases)
    func `pieces of any length give the digest of the whole`(algorithm: DigestAlgorithm) throws {
        var generator = SeededGenerator(seed: 11)
        let bytes = generator.bytes(20_000)
        let whole = try digest(algorithm, [bytes[...]])
        for _ in 0..<20 {
            var pieces: [ArraySlice<UInt8>] = []
            var start = 0
            while start < bytes.count {
                let count = min(Int.random(in: 0...1500, using: &generator), bytes.count - start)
                pieces.append(bytes[start..<start + count])
                start += count
            }
            #expect(try digest(algorithm, pieces) == whole)
        }
    }
}
