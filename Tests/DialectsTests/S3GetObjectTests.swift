import Exchanges
import HTTPTypes
import Objects
import Testing

@testable import Dialects

private let md5OfHello = "5d41402abc4b2a76b9719d911017c592"

@Suite struct S3GetObjectTests {
    @Test func `a whole answer is a read of the whole object`() throws {
        var script = Script()
        let fields = [
            ("ETag", "\"\(md5OfHello)\""), ("x-amz-version-id", "v1"),
            ("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("x-amz-checksum-crc32", "NhCmhg=="), ("x-amz-meta-a", "b"), ("Content-Type", "text/plain"),
        ]
        script.play(Request("GET", "/b/k"), Answer(200, fields, "hello"), slices: 2)
        let event = try #require(script.sink.reads.first)
        #expect(event.name == s3Name("b", "k"))
        #expect(event.offset == 0 && event.objectSize == 5)
        #expect(event.etag == md5OfHello && event.versionID == "v1")
        #expect(event.metadata.lastModified == 784_111_777)
        #expect(event.metadata.user == ["a": "b"])
        #expect(event.digests.map(\.source) == ["etag", "x-amz-checksum-crc32"])
        #expect(script.sink.transfer(event.transfer)?.text == "hello")
        #expect(script.sink.breaches.isEmpty)
    }

    @Test func `a range has its place and the object's size`() throws {
        var script = Script()
        let fields = [
            ("Content-Range", "bytes 10-14/100"), ("etag", "\"e\""), ("x-amz-checksum-crc32", "NhCmhg=="),
            ("x-amz-checksum-type", "FULL_OBJECT"), ("x-amz-checksum-sha1", "qvTGHdzF6KLavt4PO0gs2a6pQ00=-3"),
        ]
        script.play(Request("GET", "/b/k", [("range", "bytes=10-14")]), Answer(206, fields, "hello"))
        let event = try #require(script.sink.reads.first)
        #expect(event.offset == 10 && event.objectSize == 100)
        let plan = TransferPlan(objectOffset: 10, expectedLength: 5, mayHaveMD5: false)
        #expect(script.sink.transfer(event.transfer)?.plan == plan)
        // In a range only a checksum that counts parts is sure to be the object's.
        #expect(event.digests.map(\.scope) == [.composite(parts: 3)])
    }

    @Test func `a range that is the whole object states the object's checksums`() {
        var script = Script()
        let fields = [("Content-Range", "bytes 0-4/5"), ("x-amz-checksum-crc32", "NhCmhg==")]
        script.play(Request("GET", "/b/k?partNumber=1"), Answer(206, fields, "hello"))
        #expect(script.sink.reads.first?.digests.count == 1)
    }

    @Test func `a bare checksum beside a multipart ETag is left out, a typed one is not`() {
        let tag = ("etag", "\"\(md5OfHello)-2\"")
        let checksum = ("x-amz-checksum-crc32", "NhCmhg==")
        for (type, count) in [(nil, 1), ("FULL_OBJECT", 2), ("COMPOSITE", 1)] as [(String?, Int)] {
            var script = Script()
            let fields = [tag, checksum] + (type.map { [("x-amz-checksum-type", $0)] } ?? [])
            script.play(Request("GET", "/b/k"), Answer(200, fields, "hello"))
            #expect(script.sink.reads.first?.digests.count == count)
        }
    }

    @Test(arguments: ["bytes 10-15/100", "bytes 10-13/100", "items 0-4/5", "bytes */5", ""])
    func `a range that contradicts the length gives nothing`(range: String) {
        var script = Script()
        script.play(Request("GET", "/b/k"), Answer(206, range.isEmpty ? [] : [("content-range", range)], "hello"))
        #expect(script.sink.reads.isEmpty && script.sink.transfers.isEmpty)
        #expect(script.counters.inconsistentAnswers == 1)
        #expect(script.sink.attempts.count == 1)
    }

    @Test func `a chunked range of another length is discarded`() {
        var script = Script()
        script.play(
            Request("GET", "/b/k"), Answer(206, [("content-range", "bytes 0-9/100")], "hello", framing: .chunked))
        #expect(script.sink.reads.isEmpty)
        #expect(script.sink.discarded.count == 1)
        #expect(script.counters.inconsistentAnswers == 1)
    }

    @Test func `a cut range that is longer than it said is discarded`() {
        var script = Script()
        let exchange = script.begin(Request("GET", "/b/k"))
        let fields = makeFields([("content-range", "bytes 0-2/100")])
        script.engine.response(exchange, ResponseHead(status: 206, fields: fields), .chunked, script.tick())
        let context = script.tick()
        script.engine.responseBody(exchange, Array("hello".utf8).span.bytes, at: 0, context)
        script.engine.responseGap(exchange, at: 5, length: nil, cause: .snapped, script.tick())
        script.engine.responseEnd(exchange, .cut(.snapped), trailers: nil, script.tick())
        script.engine.finish(exchange, cause: nil, script.tick())
        #expect(script.sink.reads.isEmpty)
        #expect(script.sink.discarded.count == 1)
        #expect(script.sink.breaches.isEmpty)
    }

    @Test func `a chunked answer framed to its end has that size, one that ends with the connection has none`() {
        var script = Script()
        script.play(Request("GET", "/b/k"), Answer(200, [], "hello", framing: .chunked))
        script.play(Request("GET", "/b/k"), Answer(200, [], "hello", framing: .untilClose))
        #expect(script.sink.reads.map(\.objectSize) == [5, nil])
    }

    @Test func `a cut answer is a read of what came`() {
        var script = Script()
        let exchange = script.begin(Request("GET", "/b/k"))
        script.engine.requestEnd(exchange, .framed, trailers: nil, script.tick())
        script.engine.response(exchange, ResponseHead(status: 200), .length(50), script.tick())
        let context = script.tick()
        script.engine.responseBody(exchange, Array("hello".utf8).span.bytes, at: 0, context)
        script.engine.responseGap(exchange, at: 5, length: 10, cause: .snapped, script.tick())
        script.engine.finish(exchange, cause: .captureEnded, script.tick())
        let event = script.sink.reads.first
        #expect(event?.objectSize == 50)
        let transfer = script.sink.transfer(event?.transfer)
        #expect(transfer?.gaps == [Gap(offset: 5, length: 10, cause: .snapped)])
        #expect(transfer?.end == TransferEnd(length: 50, cause: .captureEnded))
        #expect(script.sink.breaches.isEmpty)
    }

    @Test func `404 says that the object is absent, but not for one version`() {
        var script = Script()
        script.play(Request("GET", "/b/k"), Answer(404, [], "<Error><Code>NoSuchKey</Code></Error>"))
        script.play(Request("HEAD", "/b/k"), Answer(404, framing: BodyFraming.none))
        script.play(Request("GET", "/b/k?versionId=v"), Answer(404, [], "<Error><Code>NoSuchVersion</Code></Error>"))
        #expect(script.sink.described.map(\.isAbsent) == [true, true])
        #expect(script.sink.attempts.map(\.reason) == ["refused: NoSuchVersion"])
    }

    @Test(arguments: [
        (304, "not modified"), (412, "precondition failed"), (416, "range not satisfiable"), (403, "refused"),
    ])
    func `an answer without the object is an attempt`(status: Int, reason: String) {
        var script = Script()
        script.play(Request("GET", "/b/k"), Answer(status, framing: BodyFraming.none))
        #expect(script.sink.attempts.map(\.reason) == [reason])
        #expect(script.sink.reads.isEmpty)
    }

    @Test func `a read without an answer reads nothing`() {
        var script = Script()
        script.play(Request("GET", "/b/k"), nil)
        #expect(script.sink.attempts.count == 1 && script.sink.transfers.isEmpty)
    }

    @Test func `fields that the request made up are not the object's`() {
        var script = Script()
        let fields = [("content-type", "text/html"), ("cache-control", "no-store"), ("content-language", "de")]
        script.play(
            Request("GET", "/b/k?response-content-type=text%2Fhtml&response-cache-control=no-store"),
            Answer(200, fields, "hello"))
        #expect(script.sink.reads.first?.metadata.headers == ["content-language": "de"])
    }

    @Test func `a stored coding is the object's, one made on the fly is not`() {
        var script = Script()
        script.play(
            Request("GET", "/b/k"),
            Answer(200, [("content-encoding", "gzip"), ("etag", "\"e\""), ("vary", "Accept-Encoding")], "zip"))
        script.play(Request("GET", "/b/k"), Answer(200, [("content-encoding", "gzip"), ("etag", "W/\"e\"")], "zip"))
        #expect(script.sink.reads.count == 1)
        #expect(script.sink.reads.first?.metadata.headers["content-encoding"] == "gzip")
        #expect(script.counters.codedRepresentations == 1)
    }

    @Test func `HEAD describes`() throws {
        var script = Script()
        script.play(
            Request("HEAD", "/b/k"),
            Answer(200, [("content-length", "77"), ("etag", "\"e\"")], framing: BodyFraming.none))
        script.play(
            Request("HEAD", "/b/k?partNumber=1"),
            Answer(206, [("content-length", "7"), ("content-range", "bytes 0-6/77")], framing: BodyFraming.none))
        script.play(
            Request("HEAD", "/b/k?partNumber=1"), Answer(206, [("content-length", "7")], framing: BodyFraming.none))
        #expect(script.sink.described.map(\.size) == [77, 77, nil])
        #expect(script.sink.described.first?.etag == "e")
        #expect(script.sink.transfers.isEmpty)
    }
}
