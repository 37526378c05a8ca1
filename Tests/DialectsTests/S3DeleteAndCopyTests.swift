import Exchanges
import HTTPTypes
import Objects
import Testing

@testable import Dialects

private let md5OfHello = "5d41402abc4b2a76b9719d911017c592"

@Suite struct S3DeleteAndCopyTests {
    @Test func `deletes are told apart by version and marker`() {
        var script = Script()
        let marker = [("x-amz-delete-marker", "true"), ("x-amz-version-id", "m1")]
        script.play(Request("DELETE", "/b/k"), Answer(204, framing: BodyFraming.none))
        script.play(Request("DELETE", "/b/k"), Answer(204, marker, framing: BodyFraming.none))
        script.play(
            Request("DELETE", "/b/k?versionId=v1"), Answer(204, [("x-amz-version-id", "v1")], framing: BodyFraming.none)
        )
        script.play(Request("DELETE", "/b/k?versionId=m1"), Answer(204, marker, framing: BodyFraming.none))
        script.play(Request("DELETE", "/b/k"), Answer(403, framing: BodyFraming.none))
        let deleted = script.sink.deleted
        #expect(deleted.map(\.versionID) == [nil, nil, "v1", "m1"])
        #expect(deleted.map(\.markerVersionID) == [nil, "m1", nil, nil])
        #expect(deleted.map(\.removedMarker) == [false, false, false, true])
        #expect(script.sink.attempts.map(\.operation) == ["DeleteObject"])
    }

    private let source = ("x-amz-copy-source", "/src/a%20b?versionId=s1")
    private let result = """
        <?xml version="1.0"?><CopyObjectResult><ETag>&quot;5d41402abc4b2a76b9719d911017c592&quot;</ETag>\
        <LastModified>2026-11-21T03:08:36.000Z</LastModified><ChecksumCRC32>NhCmhg==</ChecksumCRC32></CopyObjectResult>
        """

    @Test(arguments: [1, 10, 1_000]) func `a copy names source and target`(slices: Int) throws {
        var script = Script()
        script.play(Request("PUT", "/b/k", [source]), Answer(200, [("x-amz-version-id", "t1")], result), slices: slices)
        let event = try #require(script.sink.copied.first)
        #expect(event.source == s3Name("src", "a b") && event.sourceVersionID == "s1")
        #expect(event.target == s3Name("b", "k") && event.versionID == "t1")
        #expect(event.etag == md5OfHello)
        #expect(event.metadata == nil)
        #expect(event.digests.map(\.source) == ["etag", "x-amz-checksum-crc32"])
    }

    @Test func `a copy that replaces metadata carries it`() {
        var script = Script()
        let fields = [source, ("x-amz-metadata-directive", "REPLACE"), ("content-type", "a/b"), ("x-amz-meta-x", "y")]
        script.play(Request("PUT", "/b/k", fields), Answer(200, [], result))
        #expect(script.sink.copied.first?.metadata?.headers == ["content-type": "a/b"])
        #expect(script.sink.copied.first?.metadata?.user == ["x": "y"])
    }

    @Test func `an error inside a success copies nothing`() {
        var script = Script()
        script.play(
            Request("PUT", "/b/k", [source]),
            Answer(200, [], "<?xml version=\"1.0\"?>\n<Error><Code>InternalError</Code></Error>"))
        #expect(script.sink.copied.isEmpty)
        #expect(script.sink.attempts.map(\.reason) == ["refused: InternalError, in an answer of status 200"])
        #expect(script.counters.errorsInSuccess == 1)
    }

    @Test func `an answer whose body was lost leaves the outcome open`() {
        var script = Script()
        let exchange = script.begin(Request("PUT", "/b/k", [source]))
        script.engine.response(exchange, ResponseHead(status: 200), .length(500), script.tick())
        script.engine.responseGap(exchange, at: 0, length: 500, cause: .notCaptured, script.tick())
        script.engine.finish(exchange, cause: nil, script.tick())
        #expect(script.sink.copied.isEmpty)
        #expect(script.sink.attempts.count == 1)
        #expect(script.counters.unreadableBodies == 1)
    }

    @Test func `an answer cut behind its first element is a success`() {
        var script = Script()
        let exchange = script.begin(Request("PUT", "/b/k", [source]))
        script.engine.response(exchange, ResponseHead(status: 200), .length(500), script.tick())
        let context = script.tick()
        script.engine.responseBody(exchange, Array(result.utf8.prefix(100)).span.bytes, at: 0, context)
        script.engine.finish(exchange, cause: .captureEnded, script.tick())
        #expect(script.sink.copied.count == 1)
    }
}
