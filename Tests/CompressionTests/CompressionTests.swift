import Foundation
import Testing

@testable import Compression

/// Numbers that are the same in every run.
private struct Numbers: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return (state ^ (state >> 29)) &* 0xBF58_476D_1CE4_E5B9
    }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next() >> 40) } }

    /// Bytes of a small alphabet: about `bits` bits each.
    mutating func text(_ count: Int, bits: Int) -> [UInt8] { bytes(count).map { 32 + $0 >> (8 - UInt8(bits)) } }
}

/// The compressed form, or nil where it does not pay.
private func compressed(_ bytes: [UInt8], _ method: CompressionMethod, blockBytes: Int = 65536) -> [UInt8]? {
    var compressor = Compressor(method, blockBytesMax: blockBytes)
    return compressor.compress(bytes.span.bytes) { span in span.withUnsafeBytes { Array($0) } }
}

/// Expands into room that is larger, and sees that nothing behind `count` is touched.
private func expanded(_ bytes: [UInt8], _ code: UInt8, _ count: Int) throws(CompressionError) -> [UInt8] {
    var room = [UInt8](repeating: 0xA5, count: count + 64)
    var span = room.mutableSpan
    var raw = span.mutableBytes
    do throws(CompressionError) {
        try Decompressor.expand(bytes.span.bytes, code: code, count: count, into: &raw)
    } catch {
        #expect(room[count...].allSatisfy { $0 == 0xA5 }, "bytes behind the room were written")
        throw error
    }
    #expect(room[count...].allSatisfy { $0 == 0xA5 }, "bytes behind the room were written")
    return Array(room[..<count])
}

private func mayPay(_ bytes: [UInt8]) -> Bool { Compressibility.mayPay(bytes.span.bytes) }

private let methods: [CompressionMethod] = [.lz4, .zstd(level: 1), .zstd(level: -5), .zstd(level: 19)]

@Suite struct CompressionTests {
    @Test(arguments: methods) func `what was made smaller comes back as it was`(_ method: CompressionMethod) throws {
        var numbers = Numbers(state: 7)
        for count in [1, 2, 20, 21, 300, 511, 512, 513, 4095, 4096, 4097, 65535, 65536] {
            for bytes in [
                [UInt8](repeating: 0, count: count), numbers.text(count, bits: 3), numbers.text(count, bits: 6),
            ] {
                guard let smaller = compressed(bytes, method) else { continue }
                #expect(smaller.count * 20 <= bytes.count * 19)
                #expect(try expanded(smaller, method.code, bytes.count) == bytes)
            }
        }
        #expect(compressed(numbers.text(65536, bits: 3), method) != nil)
    }

    @Test(arguments: methods) func `random bytes are left as they are`(_ method: CompressionMethod) {
        var numbers = Numbers(state: 11)
        for count in [1, 100, 512, 513, 4096, 65536] { #expect(compressed(numbers.bytes(count), method) == nil) }
        #expect(compressed([], method) == nil)
        #expect(compressed([UInt8](repeating: 0, count: 65537), method) == nil, "longer than a block")
    }

    @Test func `the look at a sample passes text and refuses random bytes`() {
        var numbers = Numbers(state: 3)
        for _ in 0..<200 {
            #expect(!mayPay(numbers.bytes(65536)))
            #expect(!mayPay(numbers.bytes(5000)))
            #expect(mayPay(numbers.text(65536, bits: 7)))
        }
        let mixed = numbers.bytes(32768) + numbers.text(32768, bits: 5)
        #expect(mayPay(mixed), "half of it is worth it")
    }

    @Test(arguments: methods) func `damaged, cut and lengthened data is an error and writes nowhere else`(
        _ method: CompressionMethod
    ) throws {
        var numbers = Numbers(state: 5)
        let word = numbers.bytes(40)
        let bytes = numbers.text(300, bits: 4) + (0..<60).flatMap { [UInt8($0)] + word }
        let good = try #require(compressed(bytes, method))
        for cut in stride(from: 0, to: good.count, by: 7) {
            #expect(throws: CompressionError.self) { try expanded(Array(good[..<cut]), method.code, bytes.count) }
        }
        var wrong = 0
        for place in good.indices {
            var bad = good
            bad[place] ^= UInt8(truncatingIfNeeded: 1 << (place % 8))
            // A flipped bit may give other bytes of the right number; checksums stand before this. It must not do worse.
            if let result = try? expanded(bad, method.code, bytes.count), result != bytes { wrong += 1 }
        }
        #expect(wrong < good.count)
    }

    @Test(arguments: methods) func `a bomb ends at the stated length`(_ method: CompressionMethod) throws {
        let bomb = try #require(
            compressed([UInt8](repeating: 0, count: 8 << 20), method, blockBytes: 8 << 20))
        #expect(bomb.count < 64 << 10)
        for count in [1, 4096, (8 << 20) - 1, (8 << 20) + 1] {
            #expect(throws: CompressionError.self) { try expanded(bomb, method.code, count) }
        }
    }

    @Test func `a method of another code is refused by its number`() {
        #expect(throws: CompressionError.unknownCode(9)) { try expanded([1, 2, 3], 9, 10) }
    }

    @Test func `names of methods are read as they are written`() {
        for method in methods + [.none] { #expect(CompressionMethod(method.description) == method) }
        #expect(CompressionMethod("zstd") == .zstd(level: CompressionMethod.standardLevel))
        for text in ["", "zstd:", "zstd:0", "zstd:20", "zstd:-8", "zstd:x", "gzip", "LZ4"] {
            #expect(CompressionMethod(text) == nil, "\(text)")
        }
    }
}
