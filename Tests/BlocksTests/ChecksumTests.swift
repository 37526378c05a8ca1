import TestSupport
import Testing

@testable import Blocks

/// Divides bit by bit, as the definition says.
private func dividing(_ bytes: some Sequence<UInt8>, polynomial: UInt64, width: Int) -> UInt64 {
    let ones = UInt64.max >> (64 - UInt64(width))
    var remainder = ones
    for byte in bytes {
        remainder ^= UInt64(byte)
        for _ in 0..<8 { remainder = remainder & 1 == 1 ? remainder >> 1 ^ polynomial : remainder >> 1 }
    }
    return remainder ^ ones
}

@Suite struct ChecksumTests {
    private let check = Array("123456789".utf8)

    @Test func `check values of the catalogue of CRCs`() {
        #expect(CRC32C.of(check.span.bytes) == 0xE306_9283)
        #expect(CRC32.update(0, check.span.bytes) == 0xCBF4_3926)
        #expect(CRC64NVME.update(0, check.span.bytes) == 0xAE8B_1486_0A79_9888)
    }

    @Test func `nothing has the checksum zero`() {
        let nothing: [UInt8] = []
        #expect(CRC32C.of(nothing.span.bytes) == 0)
        #expect(CRC32C.update(0x1234_5678, nothing.span.bytes) == 0x1234_5678)
        #expect(CRC64NVME.update(7, nothing.span.bytes) == 7)
    }

    @Test func `RFC 3720 examples of CRC-32C`() {
        let examples: [([UInt8], UInt32)] = [
            (Array(repeating: 0, count: 32), 0x8A91_36AA), (Array(repeating: 255, count: 32), 0x62A8_AB43),
            (Array(0..<32), 0x46DD_794E), (Array((0..<32).reversed()), 0x113F_DB5C),
        ]
        for (bytes, expected) in examples { #expect(CRC32C.of(bytes.span.bytes) == expected) }
    }

    // 128 and 512 bytes are where the wider kernels take over, 16, 64 and 256 their steps.
    @Test(arguments: Array(0...150) + Array(500...600) + [767, 768, 769, 1023, 1024, 1025, 4095, 4096, 4097, 9000])
    func `the processor's kernel agrees with long division at this length`(count: Int) {
        var generator = SeededGenerator(seed: UInt64(count))
        let room = generator.bytes(count + 16)
        for start in [0, 1, 7, 15] {
            let piece = room[start..<start + count]
            let span = room.span.bytes.extracting(start..<start + count)
            #expect(UInt64(CRC32.update(0, span)) == dividing(piece, polynomial: 0xEDB8_8320, width: 32))
            #expect(UInt64(CRC32C.of(span)) == dividing(piece, polynomial: 0x82F6_3B78, width: 32))
            #expect(CRC64NVME.update(0, span) == dividing(piece, polynomial: 0x9A6C_9329_AC4B_C9B5, width: 64))
        }
    }

    @Test func `any split gives the checksum of the whole`() {
        var generator = SeededGenerator(seed: 5)
        let bytes = generator.bytes(3000)
        let span = bytes.span.bytes
        let whole = (CRC32.update(0, span), CRC32C.of(span), CRC64NVME.update(0, span))
        for cut in stride(from: 0, through: 3000, by: 7) {
            let (first, second) = (span.extracting(0..<cut), span.extracting(cut..<3000))
            #expect(CRC32.update(CRC32.update(0, first), second) == whole.0)
            #expect(CRC32C.update(CRC32C.of(first), second) == whole.1)
            #expect(CRC64NVME.update(CRC64NVME.update(0, first), second) == whole.2)
        }
    }

    @Test func `the tables agree with the processor's kernel`() {
        var generator = SeededGenerator(seed: 6)
        let bytes = generator.bytes(2000)
        for count in 0...2000 {
            let piece = bytes.span.bytes.extracting(0..<count)
            #expect(CRC32.updateWithTables(9, piece) == CRC32.update(9, piece))
            #expect(CRC32C.updateWithTables(9, piece) == CRC32C.update(9, piece))
            #expect(CRC64NVME.updateWithTables(9, piece) == CRC64NVME.update(9, piece))
        }
        #expect(["tables", "pclmulqdq", "vpclmulqdq"].contains(checksumKernelName))
    }
}
