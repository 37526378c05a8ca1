import Exchanges
import HTTPTypes
import Objects
import Testing

@testable import Dialects

@Suite struct S3ByteRangesTests {
    private static let body =
        "\r\n--sep\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-4/50\r\n\r\nhello\r\n"
        + "--sep\r\nContent-range: bytes 20-24/50\r\n\r\nwo--s\r\n--sep--\r\n"
    private let fields = [("content-type", "multipart/byteranges; boundary=\"sep\""), ("etag", "\"e\"")]

    @Test func `each part is a read at its place, whatever the split in two`() {
        let bytes = Array(Self.body.utf8)
        for split in 1..<bytes.count {
            var script = Script()
            let exchange = script.begin(Request("GET", "/b/k"))
            script.engine.requestEnd(exchange, .framed, trailers: nil, script.tick())
            script.engine.response(
                exchange, ResponseHead(status: 206, fields: makeFields(fields)), .length(UInt64(bytes.count)),
                script.tick())
            for range in [0..<split, split..<bytes.count] {
                let context = script.tick()
                script.engine.responseBody(
                    exchange, Array(bytes[range]).span.bytes, at: UInt64(range.lowerBound), context)
            }
            script.engine.responseEnd(exchange, .framed, trailers: nil, script.tick())
            script.engine.finish(exchange, cause: nil, script.tick())
            #expect(script.sink.reads.map(\.offset) == [0, 20])
            #expect(script.sink.reads.map(\.objectSize) == [50, 50])
            #expect(script.sink.reads.map { script.sink.transfer($0.transfer)?.text } == ["hello", "wo--s"])
            #expect(script.sink.transfers.values.allSatisfy { $0.end == TransferEnd(length: 5) })
            #expect(script.sink.breaches.isEmpty)
        }
    }

    @Test(arguments: [1, 4, 30]) func `a gap at any offset never misplaces a byte`(length: Int) {
        let bytes = Array(Self.body.utf8)
        for start in 0..<bytes.count {
            var script = Script()
            let exchange = script.begin(Request("GET", "/b/k"))
            script.engine.response(
                exchange, ResponseHead(status: 206, fields: makeFields(fields)), .length(UInt64(bytes.count)),
                script.tick())
            let end = min(start + length, bytes.count)
            let before = script.tick()
            if start > 0 { script.engine.responseBody(exchange, Array(bytes[..<start]).span.bytes, at: 0, before) }
            script.engine.responseGap(
                exchange, at: UInt64(start), length: UInt64(end - start), cause: .notCaptured, before)
            if end < bytes.count {
                script.engine.responseBody(exchange, Array(bytes[end...]).span.bytes, at: UInt64(end), before)
            }
            script.engine.responseEnd(exchange, .framed, trailers: nil, script.tick())
            script.engine.finish(exchange, cause: nil, script.tick())
            #expect(script.sink.breaches.isEmpty)
            for read in script.sink.reads {
                let truth = Array((read.offset == 0 ? "hello" : "wo--s").utf8)
                for piece in script.sink.transfer(read.transfer)?.pieces ?? [] {
                    #expect(piece.bytes == Array(truth[Int(piece.offset)..<Int(piece.offset) + piece.bytes.count]))
                }
            }
        }
    }

    @Test(arguments: [
        "--other\r\n\r\nhello", "--sep\r\n\r\nhello\r\n--sep--", "--sep\r\nContent-Range: bytes 0-4/50\r\n\r\nhelloX",
        "preamble\r\n--sep\r\n", "--sep\r\nContent-Range: bytes 0-4/50\r\nContent-Range: bytes 5-9/50\r\n\r\nhello",
    ])
    func `what is not strictly of the form ends the reading`(body: String) {
        var script = Script()
        script.play(Request("GET", "/b/k"), Answer(206, fields, body))
        #expect(script.counters.framingLosses == 1)
        #expect(script.sink.reads.count <= 1)
        #expect(script.sink.breaches.isEmpty)
    }

    @Test func `a part's head and the number of parts are bounded`() {
        var limits = DialectLimits()
        limits.byteRangeParts = 1
        var script = Script(DialectOptions(limits: limits))
        script.play(Request("GET", "/b/k"), Answer(206, fields, Self.body))
        #expect(script.sink.reads.count == 1)
        #expect(script.counters.byteRangeLimit == 1)
        limits.byteRangeParts = 10
        limits.byteRangeHeadBytes = 20
        var second = Script(DialectOptions(limits: limits))
        second.play(Request("GET", "/b/k"), Answer(206, fields, Self.body))
        #expect(second.sink.reads.isEmpty)
        #expect(second.counters.byteRangeLimit == 1)
    }
}
