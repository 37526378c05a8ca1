import TestSupport
import Testing

@testable import Dialects

/// What a decoder made of a stream: payload by offset, gaps, and how it ended.
private struct Decoding {
    var payload: [UInt64: UInt8] = [:]
    var missing: [Range<UInt64>] = []
    var framingLostAt: UInt64?
    var decoder: AwsChunkedDecoder

    init(_ announced: UInt64?) {
        decoder = AwsChunkedDecoder(announced: announced, lineLimit: 256, trailerLimit: 4)
    }

    mutating func feed(_ bytes: [UInt8]) {
        var position = 0
        while position < bytes.count {
            switch decoder.next(bytes.span.bytes, &position) {
            case .payload(let range, let offset):
                for index in range { payload[offset + UInt64(index - range.lowerBound)] = bytes[index] }
            case .needsMore: break
            }
        }
        noteFailure()
    }

    mutating func skip(_ length: UInt64?) {
        switch decoder.skip(length) {
        case .payload(let offset, let length): if length > 0 { missing.append(offset..<offset + length) }
        case .none: break
        case .framing: noteFailure()
        }
    }

    private mutating func noteFailure() {
        if case .failed = decoder.status, framingLostAt == nil { framingLostAt = decoder.decoded }
    }

    mutating func finish() {
        decoder.finish()
        noteFailure()
    }

    var bytes: [UInt8] { payload.sorted { $0.key < $1.key }.map(\.value) }
}

private enum Wire {
    static let data: [UInt8] = (0..<300).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 3) }
    static let signature = String(repeating: "a1", count: 32)

    /// The stream of `data` in chunks of 128 bytes.
    static func stream(
        extension text: String = "", lineEnd: String = "\r\n", trailers: [String] = [], end: String = "\r\n"
    ) -> [UInt8] {
        var stream: [UInt8] = []
        for start in stride(from: 0, to: data.count, by: 128) {
            let chunk = data[start..<min(start + 128, data.count)]
            stream += Array("\(String(chunk.count, radix: 16))\(text)\(lineEnd)".utf8) + chunk + Array(lineEnd.utf8)
        }
        stream += Array("0\(text)\(lineEnd)".utf8)
        for trailer in trailers { stream += Array("\(trailer)\(lineEnd)".utf8) }
        return stream + Array(end.utf8)
    }

    static let signed = stream(extension: ";chunk-signature=\(signature)")
    static let unsignedTrailer = stream(trailers: ["x-amz-checksum-crc32:yxv+zg=="])
    static let signedTrailer = stream(
        extension: ";chunk-signature=\(signature)",
        trailers: ["x-amz-checksum-crc32c:sOO8/Q==", "x-amz-trailer-signature:\(signature)"])
    static let forms = [
        signed, unsignedTrailer, signedTrailer,
        // What clients leave out or add: no empty line, no line end, LF alone, spaces, an odd line end in trailers.
        stream(end: ""), stream(trailers: ["x-amz-checksum-crc32:yxv+zg=="], end: ""),
        stream(lineEnd: "\n", end: "\n"), stream(extension: " ; name=\"value\""),
        stream(trailers: ["x-amz-checksum-crc32:yxv+zg==\n"]), Array(stream(end: "").dropLast(2)),
    ]
}

@Suite struct AwsChunkedDecoderTests {
    @Test(arguments: 0..<Wire.forms.count) func `every form gives the payload whatever the split in two`(form: Int) {
        let stream = Wire.forms[form]
        for split in 0...stream.count {
            var decoding = Decoding(300)
            decoding.feed(Array(stream[..<split]))
            decoding.feed(Array(stream[split...]))
            decoding.finish()
            #expect(decoding.bytes == Wire.data)
            #expect(decoding.decoder.status == .ended)
            #expect(decoding.decoder.decoded == 300)
        }
    }

    @Test func `one byte at a time is enough`() {
        for stream in Wire.forms {
            var decoding = Decoding(nil)
            for byte in stream { decoding.feed([byte]) }
            decoding.finish()
            #expect(decoding.bytes == Wire.data)
            #expect(decoding.decoder.status == .ended)
        }
    }

    @Test func `checksum trailers are kept and signatures are not`() {
        var decoding = Decoding(300)
        decoding.feed(Wire.signedTrailer)
        decoding.finish()
        #expect(decoding.decoder.trailers.map(\.name) == ["x-amz-checksum-crc32c"])
        #expect(decoding.decoder.trailers.map(\.value) == ["sOO8/Q=="])
    }

    @Test func `an empty payload is one last chunk`() {
        for stream in [
            "0\r\n\r\n", "0;chunk-signature=\(Wire.signature)\r\n\r\n", "0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n",
        ] {
            var decoding = Decoding(0)
            decoding.feed(Array(stream.utf8))
            decoding.finish()
            #expect(decoding.decoder.status == .ended)
            #expect(decoding.payload.isEmpty)
        }
    }

    @Test(arguments: [
        ("zz\r\n", AwsChunkedDecoder.Failure.malformed), ("\r\n", .malformed), ("-1\r\n", .malformed),
        ("fffffffffffffffff\r\n", .malformed), ("7fffffffffffffff\r\n", .overflow), ("12d\r\n", .overflow),
        ("2\r\nabXY", .malformed), ("5\r\nabcde\r\n0\r\n", .shortfall),
        (String(repeating: "0", count: 300), .lineTooLong), ("5\r\nabc", .truncated), ("", .truncated),
        ("5", .truncated),
    ])
    func `a broken stream fails and says why`(text: String, failure: AwsChunkedDecoder.Failure) {
        var decoding = Decoding(300)
        decoding.feed(Array(text.utf8))
        decoding.finish()
        #expect(decoding.decoder.status == .failed(failure))
    }

    @Test func `nothing after a failure is taken for payload`() {
        var decoding = Decoding(300)
        decoding.feed(Array("5\r\nabcdeXX\r\n3\r\nxyz\r\n".utf8))
        #expect(decoding.bytes == Array("abcde".utf8))
        #expect(decoding.framingLostAt == 5)
    }

    @Test func `more than the announced length is refused before it is handed on`() {
        var decoding = Decoding(4)
        decoding.feed(Array("3\r\nabc\r\n2\r\nde\r\n".utf8))
        #expect(decoding.bytes == Array("abc".utf8))
        #expect(decoding.decoder.status == .failed(.overflow))
    }

    /// The heart of the matter: whatever a gap covers, delivered bytes are right at their offsets, and bytes, gaps and
    /// what framing loss takes complement each other exactly.
    @Test(arguments: [1, 2, 5, 40, 130, 300, 1_000])
    func `a gap at any offset takes exactly what it must`(length: Int) {
        for (stream, announced) in [(Wire.signed, UInt64(300)), (Wire.unsignedTrailer, 300), (Wire.signedTrailer, nil)]
        {
            for start in 0...stream.count {
                let end = min(start + length, stream.count)
                var decoding = Decoding(announced)
                decoding.feed(Array(stream[..<start]))
                if end > start { decoding.skip(UInt64(end - start)) }
                decoding.feed(Array(stream[end...]))
                decoding.finish()
                check(decoding, announced)
            }
        }
    }

    @Test func `a gap to the end of the body leaves nothing unaccounted`() {
        for start in 0...Wire.signed.count {
            var decoding = Decoding(300)
            decoding.feed(Array(Wire.signed[..<start]))
            decoding.skip(nil)
            check(decoding, 300)
        }
    }

    private func check(_ decoding: Decoding, _ announced: UInt64?) {
        var covered: [UInt64: Int] = [:]
        for (offset, byte) in decoding.payload {
            #expect(byte == Wire.data[Int(offset)])
            covered[offset, default: 0] += 1
        }
        for range in decoding.missing { for offset in range { covered[offset, default: 0] += 1 } }
        let end = decoding.framingLostAt ?? decoding.decoder.decoded
        #expect(covered.count == Int(end) && covered.values.allSatisfy { $0 == 1 })
        #expect(covered.keys.allSatisfy { $0 < end })
        if decoding.decoder.status == .ended { #expect(end == 300) }
        if decoding.framingLostAt == nil { #expect(decoding.decoder.status == .ended || announced == nil) }
    }

    @Test func `a gap inside a chunk keeps the framing and the digests behind it`() {
        var decoding = Decoding(300)
        decoding.feed(Array(Wire.unsignedTrailer[..<10]))
        decoding.skip(100)
        decoding.feed(Array(Wire.unsignedTrailer[110...]))
        decoding.finish()
        #expect(decoding.decoder.status == .ended)
        #expect(decoding.missing == [6..<106])
        #expect(decoding.decoder.trailers.count == 1)
    }

    @Test func `a gap over the trailers alone costs digests and no payload`() {
        var decoding = Decoding(300)
        let stream = Wire.unsignedTrailer
        decoding.feed(Array(stream[..<(stream.count - 20)]))
        decoding.skip(10)
        decoding.feed(Array(stream[(stream.count - 10)...]))
        decoding.finish()
        #expect(decoding.decoder.status == .ended)
        #expect(decoding.missing.isEmpty)
        #expect(decoding.decoder.trailers.isEmpty)
    }

    @Test func `trailers over the limit are dropped and counted`() {
        var decoding = Decoding(0)
        let trailers = (0..<6).map { "x-amz-checksum-n\($0):v\r\n" }.joined()
        decoding.feed(Array("0\r\n\(trailers)\r\n".utf8))
        decoding.finish()
        #expect(decoding.decoder.trailers.count == 4)
        #expect(decoding.decoder.droppedTrailers == 2)
    }

    @Test func `random cuts and gaps never misplace a byte`() {
        var random = SeededGenerator(seed: 20_261_121)
        for _ in 0..<2_000 {
            let stream = Wire.forms[Int.random(in: 0..<3, using: &random)]
            var decoding = Decoding(Bool.random(using: &random) ? 300 : nil)
            var position = 0
            while position < stream.count {
                let next = min(stream.count, position + Int.random(in: 1...90, using: &random))
                if Int.random(in: 0..<4, using: &random) == 0 {
                    decoding.skip(UInt64(next - position))
                } else {
                    decoding.feed(Array(stream[position..<next]))
                }
                position = next
            }
            decoding.finish()
            check(decoding, nil)
        }
    }
}
