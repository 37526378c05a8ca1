import Exchanges
import Flows
import Objects
import TestSupport
import Testing

@testable import Dialects

/// Random exchanges, cut and holed at random: whatever comes, the promises of ``ObjectSink`` hold and every transfer
/// ends in exactly one event.
@Suite struct EnginePropertyTests {
    private static let requests: [Request] = [
        Request("PUT", "/b/k"), Request("PUT", "/b/k?partNumber=2&uploadId=u"), Request("GET", "/b/k"),
        Request("PUT", "/b/k", [("x-amz-content-sha256", "STREAMING-X"), ("x-amz-decoded-content-length", "11")]),
        Request("PUT", "/b/k", [("x-amz-content-sha256", "STREAMING-X")]), Request("POST", "/b/k?uploadId=u"),
        Request("POST", "/b?delete"), Request("GET", "/b"), Request("POST", "/b/k?uploads"),
        Request("PUT", "/b/k", [("x-amz-copy-source", "b/k")]), Request("GET", "/k", host: "b.lab.local"),
        Request("PUT", "/b/k", host: "web.lab", credentials: nil),
        Request("GET", "/k", host: "web.lab", credentials: nil),
        Request("MOVE", "/k", host: "web.lab", [("destination", "/l")], credentials: nil),
    ]
    private static let bodies = [
        "", "hello", "6\r\nhello \r\n5\r\nworld\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n",
        "--s\r\nContent-Range: bytes 0-4/50\r\n\r\nhello\r\n--s\r\nContent-Range: bytes 9-9/50\r\n\r\nx\r\n--s--",
        "<ListBucketResult><Contents><Key>k</Key></Contents></ListBucketResult>", "<Error><Code>X</Code></Error>",
        "<CopyObjectResult/>", "<Delete><Object><Key>k</Key></Object><Quiet>true</Quiet></Delete>", "<DeleteResult/>",
        "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>",
    ]
    private static let answerFields: [[(String, String)]] = [
        [], [("etag", "\"e\"")], [("content-range", "bytes 3-7/50")], [("x-amz-request-id", "1")],
        [("content-type", "multipart/byteranges; boundary=s")], [("content-encoding", "gzip"), ("etag", "W/\"e\"")],
    ]

    @Test(arguments: 1...16) func `the order of calls holds and no transfer is left behind`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var script = Script(DialectOptions(dialects: [.s3, .http]))
        for _ in 0..<400 {
            guard var request = Self.requests.randomElement(using: &random) else { return }
            request.body = Array((Self.bodies.randomElement(using: &random) ?? "").utf8)
            request.framing = framing(request.body.count, &random)
            let exchange = script.begin(request)
            feed(exchange, request.body, true, &script, &random)
            if Int.random(in: 0..<8, using: &random) > 0 {
                let status = [200, 206, 204, 404, 403, 500].randomElement(using: &random) ?? 200
                let body = Array((Self.bodies.randomElement(using: &random) ?? "").utf8)
                let fields = Self.answerFields.randomElement(using: &random) ?? []
                script.engine.response(
                    exchange, ResponseHead(status: status, fields: makeFields(fields)), framing(body.count, &random),
                    script.tick())
                feed(exchange, body, false, &script, &random)
            }
            let isCut = Bool.random(using: &random)
            script.engine.finish(exchange, cause: isCut ? .captureEnded : nil, script.tick())
        }
        #expect(script.sink.breaches.isEmpty)
        #expect(script.engine.openExchanges == 0)
        #expect(script.engine.capturedBytes == 0)
        #expect(
            script.engine.captures.count == 0 && script.engine.chunked.count == 0 && script.engine.byteRanges.count == 0
        )
        let used =
            script.sink.stored.map(\.transfer) + script.sink.reads.map(\.transfer) + script.sink.parts.map(\.transfer)
            + script.sink.discarded
        #expect(Set(used).count == used.count)
        #expect(Set(used) == Set(script.sink.transfers.keys))
        #expect(script.sink.transfers.values.allSatisfy { $0.end != nil })
        #expect(script.sink.events.count > 200)
    }

    private func framing(_ length: Int, _ random: inout SeededGenerator) -> BodyFraming {
        switch Int.random(in: 0..<3, using: &random) {
        case 0: .chunked
        case 1: .untilClose
        default: length == 0 ? .none : .length(UInt64(length))
        }
    }

    /// Feeds a body in slices and gaps, sometimes cut, sometimes never ended.
    private func feed(
        _ exchange: ExchangeID, _ body: [UInt8], _ isRequest: Bool, _ script: inout Script,
        _ random: inout SeededGenerator
    ) {
        let isHoled = Int.random(in: 0..<3, using: &random) == 0
        var offset = 0
        while offset < body.count {
            let end = min(body.count, offset + Int.random(in: 1...20, using: &random))
            let context = script.tick()
            if isHoled, Int.random(in: 0..<4, using: &random) == 0 {
                let endless = Int.random(in: 0..<6, using: &random) == 0
                let length = endless ? nil : UInt64(end - offset)
                if isRequest {
                    script.engine.requestGap(exchange, at: UInt64(offset), length: length, cause: .snapped, context)
                } else {
                    script.engine.responseGap(exchange, at: UInt64(offset), length: length, cause: .snapped, context)
                }
                if endless { break }
            } else if isRequest {
                script.engine.requestBody(exchange, Array(body[offset..<end]).span.bytes, at: UInt64(offset), context)
            } else {
                script.engine.responseBody(exchange, Array(body[offset..<end]).span.bytes, at: UInt64(offset), context)
            }
            offset = end
        }
        let end: BodyEnd = offset < body.count || Bool.random(using: &random) ? .cut(.notCaptured) : .framed
        guard Int.random(in: 0..<10, using: &random) > 0 else { return }
        if isRequest {
            script.engine.requestEnd(exchange, end, trailers: nil, script.tick())
        } else {
            script.engine.responseEnd(exchange, end, trailers: nil, script.tick())
        }
    }
}
