import Exchanges
import Objects
import Testing

@testable import Dialects

@Suite struct S3MultipartUploadTests {
    private static let completion = """
        <CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Part><PartNumber>2</PartNumber>\
        <ETag>"aa"</ETag></Part><Part><ETag>&#34;bb&#34;</ETag><PartNumber>7</PartNumber>\
        <ChecksumCRC32>kCb4FA==</ChecksumCRC32></Part><Part><PartNumber>9</PartNumber></Part></CompleteMultipartUpload>
        """
    private static let completed = """
        <?xml version="1.0" encoding="UTF-8"?>
        <CompleteMultipartUploadResult><Location>http://x/</Location><Bucket>b</Bucket><Key>k</Key>\
        <ETag>&quot;9e107d9d372bb6826bd81d3542a419d6-3&quot;</ETag></CompleteMultipartUploadResult>
        """
    private static let created =
        "<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><UploadId>u1</UploadId></InitiateMultipartUploadResult>"

    @Test func `an upload begins with the id that the answer gives`() {
        var script = Script()
        let fields = [("content-type", "a/b"), ("x-amz-meta-x", "y")]
        script.play(Request("POST", "/b/k?uploads", fields), Answer(200, [], Self.created), slices: 5)
        let event = script.sink.created.first
        #expect(event?.uploadID == "u1")
        #expect(event?.name == s3Name("b", "k"))
        #expect(event?.metadata.user == ["x": "y"])
    }

    @Test func `an upload whose answer was lost is only an attempt`() {
        var script = Script()
        script.play(
            Request("POST", "/b/k?uploads"), Answer(200, [], "<InitiateMultipartUploadResult><Bucket>b</Bucket>"))
        script.play(Request("POST", "/b/k?uploads"), Answer(403))
        #expect(script.sink.created.isEmpty)
        #expect(script.sink.attempts.map(\.status) == [200, 403])
    }

    @Test func `a part is stored under its upload and number`() throws {
        var script = Script()
        let fields = [("content-md5", "XUFAKrxLKna5cZ2REBfFkg==")]
        script.play(Request("PUT", "/b/k?partNumber=3&uploadId=u1", fields, "hello"), Answer(200, [("etag", "\"aa\"")]))
        let event = try #require(script.sink.parts.first)
        #expect(event.uploadID == "u1" && event.partNumber == 3)
        #expect(event.size == 5 && event.etag == "aa")
        #expect(event.digests.map(\.source) == ["content-md5"])
        #expect(script.sink.transfer(event.transfer)?.text == "hello")
        #expect(script.sink.breaches.isEmpty)
    }

    @Test func `a refused part is discarded`() {
        var script = Script()
        script.play(Request("PUT", "/b/k?partNumber=3&uploadId=u1", [], "hello"), Answer(404))
        #expect(script.sink.parts.isEmpty)
        #expect(script.sink.attempts.map(\.operation) == ["UploadPart"])
        #expect(script.sink.discarded.count == 1)
    }

    @Test func `parts are placed by the size of the lowest part seen`() {
        var script = Script()
        func put(_ number: Int, _ size: Int, upload: String = "u1") {
            script.play(
                Request("PUT", "/b/k?partNumber=\(number)&uploadId=\(upload)").with(
                    bytes: [UInt8](repeating: 1, count: size)),
                Answer(200))
        }
        put(5, 30)  // The last, shorter part came first: its own size is all there is.
        put(2, 100)  // Placed by part 5, the only one known.
        put(3, 100)
        put(1, 100)
        put(4, 100)
        put(2, 70, upload: "other")
        let offsets = (1...6).map { script.sink.transfers[TransferID($0)]?.plan.objectOffset }
        #expect(offsets == [120, 30, 200, 0, 300, 70])
    }

    @Test func `a copied part names its source and range`() {
        var script = Script()
        let fields = [("x-amz-copy-source", "src/k%2B1"), ("x-amz-copy-source-range", "bytes=5-9")]
        let answer = "<CopyPartResult><ETag>\"cc\"</ETag></CopyPartResult>"
        script.play(Request("PUT", "/b/k?partNumber=1&uploadId=u", fields), Answer(200, [], answer))
        script.play(Request("PUT", "/b/k?partNumber=2&uploadId=u", [fields[0]]), Answer(200, [], answer))
        script.play(
            Request("PUT", "/b/k?partNumber=3&uploadId=u", fields),
            Answer(200, [], "<Error><Code>SlowDown</Code></Error>"))
        script.play(
            Request("PUT", "/b/k?partNumber=4&uploadId=u", [fields[0], ("x-amz-copy-source-range", "bytes=9-5")]),
            Answer(200, [], answer))
        let copied = script.sink.copiedParts
        #expect(copied.map(\.partNumber) == [1, 2])
        #expect(copied.map(\.sourceRange) == [5..<10, nil])
        #expect(copied.first?.source == s3Name("src", "k+1") && copied.first?.etag == "cc")
        #expect(
            script.sink.attempts.map(\.reason) == [
                "refused: SlowDown, in an answer of status 200", "the copied range cannot be read",
            ])
    }

    @Test(arguments: [1, 9, 100_000]) func `completion fixes the parts in the request's order`(slices: Int) throws {
        var script = Script()
        script.play(
            Request("POST", "/b/k?uploadId=u1", [], Self.completion),
            Answer(200, [("x-amz-version-id", "v")], Self.completed),
            slices: slices)
        let event = try #require(script.sink.completed.first)
        #expect(event.parts?.map(\.number) == [2, 7, 9])
        #expect(event.parts?.map(\.etag) == ["aa", "bb", nil])
        #expect(event.etag == "9e107d9d372bb6826bd81d3542a419d6-3")
        #expect(event.versionID == "v" && event.uploadID == "u1")
        #expect(event.digests.map(\.scope) == [.composite(parts: 3)])
    }

    @Test func `white space that keeps the connection alive is no answer and no error`() {
        for padding in [String(repeating: " ", count: 300), "\n\r\n  "] {
            var script = Script()
            script.play(
                Request("POST", "/b/k?uploadId=u1", [], Self.completion),
                Answer(200, [], padding + Self.completed, framing: .chunked))
            #expect(script.sink.completed.count == 1)
        }
        // The declaration may come at once and the result minutes later.
        var script = Script()
        let late = Self.completed.replacing("?>\n<", with: "?>\n      \n      <")
        script.play(Request("POST", "/b/k?uploadId=u1", [], Self.completion), Answer(200, [], late))
        #expect(script.sink.completed.count == 1)
    }

    @Test func `an error inside a success completes nothing`() {
        var script = Script()
        let answer = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\n<Error><Code>InternalError</Code></Error>"
        script.play(Request("POST", "/b/k?uploadId=u1", [], Self.completion), Answer(200, [], answer))
        #expect(script.sink.completed.isEmpty)
        #expect(script.sink.attempts.map(\.reason) == ["refused: InternalError, in an answer of status 200"])
    }

    @Test func `a completion without its request's body has no parts`() {
        var script = Script()
        let exchange = script.begin(
            Request("POST", "/b/k?uploadId=u1", framing: .length(UInt64(Self.completion.utf8.count))))
        script.send(exchange, Array(Self.completion.utf8.prefix(90)), at: 0)
        script.engine.requestGap(exchange, at: 90, length: 10, cause: .notCaptured, script.tick())
        script.send(exchange, Array(Self.completion.utf8.dropFirst(100)), at: 100)
        script.engine.requestEnd(exchange, .framed, trailers: nil, script.tick())
        script.answer(exchange, Answer(200, [], Self.completed))
        script.engine.finish(exchange, cause: nil, script.tick())
        #expect(script.sink.completed.count == 1)
        #expect(script.sink.completed.first?.parts == nil)
        #expect(script.counters.unreadableBodies == 1)
    }

    @Test(arguments: ["Result", "Response"])
    func `an upload is completed by the answer of either interface`(_ end: String) {
        var script = Script()
        let answer = Self.completed.replacing("UploadResult>", with: "Upload\(end)>")
        script.play(Request("POST", "/b/k?uploadId=u1", [], Self.completion), Answer(200, [], answer))
        #expect(script.sink.completed.map(\.etag) == ["9e107d9d372bb6826bd81d3542a419d6-3"])
        #expect(script.sink.attempts.isEmpty)
    }

    @Test func `checksums of a completed object are typed`() throws {
        let base = Self.completed.replacing("</CompleteMultipartUploadResult>", with: "")
        func digests(_ elements: String, _ fields: [(String, String)] = []) -> [StatedDigest] {
            var script = Script()
            let answer = base + elements + "</CompleteMultipartUploadResult>"
            script.play(Request("POST", "/b/k?uploadId=u1", fields, Self.completion), Answer(200, [], answer))
            return script.sink.completed.first?.digests.filter { $0.source != "etag" } ?? []
        }
        #expect(digests("<ChecksumCRC32>kCb4FA==-3</ChecksumCRC32>").map(\.scope) == [.composite(parts: 3)])
        #expect(
            digests("<ChecksumCRC32>kCb4FA==</ChecksumCRC32><ChecksumType>FULL_OBJECT</ChecksumType>").map(\.scope) == [
                .whole
            ])
        #expect(
            digests("<ChecksumCRC32>kCb4FA==</ChecksumCRC32><ChecksumType>COMPOSITE</ChecksumType>").map(\.scope) == [
                .composite(parts: 3)
            ])
        #expect(digests("<ChecksumCRC32>kCb4FA==</ChecksumCRC32>").isEmpty)
        #expect(digests("<ChecksumCRC64NVME>EjRWeJCrze8=</ChecksumCRC64NVME>").map(\.algorithm) == [.crc64nvme])
        #expect(
            digests("", [("x-amz-checksum-crc32", "kCb4FA=="), ("x-amz-checksum-type", "FULL_OBJECT")]).map(\.scope)
                == [.whole])
    }

    @Test func `an abort ends the upload, a refused one does not`() {
        var script = Script()
        script.play(Request("DELETE", "/b/k?uploadId=u1"), Answer(204, framing: BodyFraming.none))
        script.play(Request("DELETE", "/b/k?uploadId=u2"), Answer(404))
        #expect(script.sink.aborted.map(\.uploadID) == ["u1"])
        #expect(script.sink.attempts.map(\.operation) == ["AbortMultipartUpload"])
    }

    @Test func `ten thousand parts are read`() {
        var script = Script()
        let parts = (1...10_000).map {
            "<Part><PartNumber>\($0)</PartNumber><ETag>\"9e107d9d372bb6826bd81d3542a419d6\"</ETag><ChecksumSHA256>47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=</ChecksumSHA256></Part>"
        }
        let body = "<CompleteMultipartUpload>\(parts.joined())</CompleteMultipartUpload>"
        script.play(Request("POST", "/b/k?uploadId=u1", [], body), Answer(200, [], Self.completed))
        #expect(script.sink.completed.first?.parts?.count == 10_000)
    }
}

@Suite struct S3DeleteObjectsTests {
    private let asked = """
        <Delete><Object><Key>a</Key></Object><Object><Key>b &amp; c</Key><VersionId>v1</VersionId></Object>\
        <Object><Key>d</Key></Object>QUIET</Delete>
        """

    @Test func `the answer lists what was deleted`() {
        var script = Script()
        let answer = """
            <DeleteResult><Deleted><Key>a</Key><DeleteMarker>true</DeleteMarker>\
            <DeleteMarkerVersionId>m1</DeleteMarkerVersionId></Deleted>\
            <Deleted><Key>b &amp; c</Key><VersionId>v1</VersionId><DeleteMarker>true</DeleteMarker></Deleted>\
            <Error><Key>d</Key><Code>AccessDenied</Code><Message>m</Message></Error></DeleteResult>
            """
        script.play(Request("POST", "/b?delete", [], asked), Answer(200, [], answer), slices: 11)
        let deleted = script.sink.deleted
        #expect(deleted.map(\.name) == [s3Name("b", "a"), s3Name("b", "b & c")])
        #expect(deleted.map(\.versionID) == [nil, "v1"])
        #expect(deleted.map(\.markerVersionID) == ["m1", nil])
        #expect(deleted.map(\.removedMarker) == [false, true])
        #expect(script.sink.attempts.map(\.name) == [s3Name("b", "d")])
        #expect(script.sink.attempts.map(\.reason) == ["refused: AccessDenied"])
    }

    @Test func `in quiet mode silence is success`() {
        var script = Script()
        let quiet = asked.replacing("QUIET", with: "<Quiet>true</Quiet>")
        let answer = "<DeleteResult><Error><Key>d</Key><Code>InternalError</Code></Error></DeleteResult>"
        script.play(Request("POST", "/b?delete", [], quiet), Answer(200, [], answer))
        #expect(script.sink.deleted.map(\.name.key) == [ObjectKey("a"), ObjectKey("b & c")])
        #expect(script.sink.attempts.map(\.name.key) == [ObjectKey("d")])
    }

    @Test func `in quiet mode a cut answer proves nothing`() {
        var script = Script()
        let quiet = asked.replacing("QUIET", with: "<Quiet>true</Quiet>")
        let exchange = script.begin(Request("POST", "/b?delete", [], quiet))
        script.send(exchange, Array(quiet.utf8), at: 0)
        script.engine.requestEnd(exchange, .framed, trailers: nil, script.tick())
        script.engine.response(exchange, ResponseHead(status: 200), .length(100), script.tick())
        let context = script.tick()
        script.engine.responseBody(exchange, Array("<DeleteResult>".utf8).span.bytes, at: 0, context)
        script.engine.finish(exchange, cause: .connectionEnded, script.tick())
        #expect(script.sink.deleted.isEmpty)
        #expect(script.counters.unreadableBodies == 1)
    }

    @Test func `a refused delete is an attempt for every key`() {
        var script = Script()
        script.play(Request("POST", "/b?delete", [], asked), Answer(403))
        script.play(Request("POST", "/b?delete", [], asked), nil)
        #expect(script.sink.deleted.isEmpty)
        #expect(script.sink.attempts.count == 6)
    }
}

@Suite struct S3ListingTests {
    private func listing(_ contents: String, _ rest: String = "") -> String {
        "<?xml version=\"1.0\"?><ListBucketResult><Name>b</Name>\(rest)\(contents)</ListBucketResult>"
    }

    @Test(arguments: ["/b?list-type=2", "/b", "/b/?prefix=x"]) func `rows are evidence of keys`(target: String) throws {
        var script = Script()
        let row = """
            <Contents><Key>a%2Bb c</Key><LastModified>2026-11-21T03:08:36.000Z</LastModified><ETag>&quot;e&quot;</ETag>\
            <Size>12</Size></Contents><Contents><Key>second</Key></Contents><CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes>
            """
        script.play(Request("GET", target), Answer(200, [], listing(row)), slices: 13)
        let entries = try #require(script.sink.listed.first?.entries)
        #expect(entries.map(\.name) == [s3Name("b", "a%2Bb c"), s3Name("b", "second")])
        #expect(entries.first?.size == 12 && entries.first?.etag == "e" && entries.first?.lastModified == 1_795_230_516)
        #expect(entries.last?.size == nil)
    }

    @Test func `an encoded listing is decoded once more`() {
        var script = Script()
        let row = "<Contents><Key>a%2Bb+c%252F/%C3%BC%00</Key></Contents>"
        script.play(
            Request("GET", "/b?list-type=2&encoding-type=url"),
            Answer(200, [], listing(row, "<EncodingType>url</EncodingType>")))
        #expect(script.sink.listed.first?.entries.map(\.name.key) == [ObjectKey("a+b c%2F/ü\u{0}")])
    }

    @Test func `versions carry their ids, and delete markers are no objects`() {
        var script = Script()
        let body = """
            <ListVersionsResult><Name>b</Name><Version><Key>k</Key><VersionId>v2</VersionId><IsLatest>true</IsLatest>\
            </Version><Version><Key>k</Key><VersionId>v1</VersionId><IsLatest>false</IsLatest></Version>\
            <DeleteMarker><Key>gone</Key><VersionId>m</VersionId></DeleteMarker></ListVersionsResult>
            """
        script.play(Request("GET", "/b?versions"), Answer(200, [], body))
        let entries = script.sink.listed.first?.entries ?? []
        #expect(entries.map(\.versionID) == ["v2", "v1"])
        #expect(entries.map(\.isLatest) == [true, false])
    }

    @Test func `a cut listing still proves the rows before the cut`() {
        var script = Script()
        let body = listing("<Contents><Key>one</Key></Contents><Contents><Key>two</Key></Contents>")
        let exchange = script.begin(Request("GET", "/b"))
        script.engine.response(exchange, ResponseHead(status: 200), .length(UInt64(body.utf8.count)), script.tick())
        let context = script.tick()
        script.engine.responseBody(exchange, Array(body.utf8.dropLast(40)).span.bytes, at: 0, context)
        script.engine.responseGap(
            exchange, at: UInt64(body.utf8.count - 40), length: 40, cause: .snapped, script.tick())
        script.engine.finish(exchange, cause: nil, script.tick())
        #expect(script.sink.listed.first?.entries.map(\.name.key) == [ObjectKey("one")])
    }

    @Test func `an empty or refused listing says nothing`() {
        var script = Script()
        script.play(Request("GET", "/b"), Answer(200, [], listing("")))
        script.play(Request("GET", "/b"), Answer(403, [], "<Error><Code>AccessDenied</Code></Error>"))
        script.play(Request("GET", "/"), Answer(200, [], "<ListAllMyBucketsResult/>"))
        #expect(script.sink.events.isEmpty)
    }
}
