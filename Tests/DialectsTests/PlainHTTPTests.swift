import Exchanges
import Objects
import Testing

@testable import Dialects

@Suite struct PlainHTTPTests {
    private let host = "Files.Example.com:8080"
    private func options() -> DialectOptions { DialectOptions(dialects: [.http]) }
    private func request(_ method: String, _ target: String, _ fields: [(String, String)] = [], _ body: String = "")
        -> Request
    {
        Request(method, target, host: host, fields, body, credentials: nil)
    }
    private func name(_ key: String) -> ObjectName { httpName("files.example.com:8080", key) }

    @Test(arguments: [200, 201, 204]) func `an accepted PUT stores`(status: Int) {
        var script = Script(options())
        let fields = [
            ("content-type", "a/b"), ("content-encoding", "gzip"), ("content-md5", "XUFAKrxLKna5cZ2REBfFkg=="),
        ]
        script.play(
            request("PUT", "/up/a%20b?token=1", fields, "hello"), Answer(status, [("etag", "W/\"x\"")]), slices: 2)
        let event = script.sink.stored.first
        #expect(event?.name == name("up/a b"))
        #expect(event?.size == 5 && event?.etag == "x")
        #expect(event?.metadata.headers == ["content-type": "a/b", "content-encoding": "gzip"])
        #expect(event?.digests.map(\.source) == ["content-md5"])
        #expect(script.sink.transfer(event?.transfer)?.text == "hello")
        #expect(script.sink.breaches.isEmpty)
    }

    @Test(arguments: [202, 207, 301, 401, 403, 404, 409, 500]) func `another answer to a PUT stores nothing`(
        status: Int
    ) {
        var script = Script(options())
        script.play(request("PUT", "/k", [], "hello"), Answer(status))
        #expect(script.sink.stored.isEmpty)
        #expect(script.sink.attempts.map(\.status) == [status])
        #expect(script.sink.discarded.count == 1)
    }

    @Test func `a GET reads, whole or in ranges, and its query is not the name`() {
        var script = Script(options())
        script.play(request("GET", "/k?i=1"), Answer(200, [("etag", "\"5d41402abc4b2a76b9719d911017c592\"")], "hello"))
        script.play(request("GET", "/k"), Answer(206, [("content-range", "bytes 5-9/20")], "hello"))
        script.play(request("GET", "/"), Answer(200, [], "index"))
        let reads = script.sink.reads
        #expect(reads.map(\.name) == [name("k"), name("k"), name("")])
        #expect(reads.map(\.offset) == [0, 5, 0])
        #expect(reads.map(\.objectSize) == [5, 20, 5])
        // Any server may put anything into an ETag: no digest.
        #expect(reads.allSatisfy { $0.digests.isEmpty })
    }

    @Test func `a coding made on the fly is not the object`() {
        let fields: [[(String, String)]] = [
            [("content-encoding", "gzip"), ("etag", "W/\"e\"")],
            [("content-encoding", "br"), ("vary", "Origin, Accept-Encoding")],
            [("content-encoding", "gzip"), ("vary", "*")],
        ]
        var script = Script(options())
        for fields in fields { script.play(request("GET", "/k"), Answer(200, fields, "zip")) }
        #expect(script.sink.reads.isEmpty && script.sink.transfers.isEmpty)
        #expect(script.sink.described.count == 3)
        #expect(script.counters.codedRepresentations == 3)
        script.play(request("GET", "/k"), Answer(200, [("content-encoding", "gzip"), ("etag", "\"e\"")], "zip"))
        script.play(request("GET", "/k"), Answer(200, [("vary", "Accept-Encoding")], "plain"))
        script.play(
            request("GET", "/k"), Answer(200, [("content-encoding", "identity"), ("etag", "W/\"e\"")], "plain"))
        #expect(script.sink.reads.count == 3)
    }

    @Test(arguments: [
        ("repr-digest", "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:, md5=:XUFAKrxLKna5cZ2REBfFkg==:", 2, 2),
        ("content-digest", "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:", 1, 0),
        ("digest", "SHA-256=LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=,unixsum=30637", 1, 1),
        ("content-md5", "XUFAKrxLKna5cZ2REBfFkg==", 1, 0), ("repr-digest", "sha-512=:AAAA:, sha-256=broken", 0, 0),
    ])
    func `digest fields count where they are of the whole`(field: String, value: String, whole: Int, part: Int) {
        var script = Script(options())
        script.play(request("GET", "/k"), Answer(200, [(field, value)], "hello"))
        script.play(request("GET", "/k"), Answer(206, [(field, value), ("content-range", "bytes 0-4/9")], "hello"))
        script.play(request("PUT", "/k", [(field, value)], "hello"), Answer(201))
        #expect(script.sink.reads.map(\.digests.count) == [whole, part])
        #expect(script.sink.stored.map(\.digests.count) == [whole])
    }

    @Test func `a digest in a trailer counts`() {
        var script = Script(options())
        var answer = Answer(200, [], "hello", framing: .chunked)
        answer.trailers = [("Repr-Digest", "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:"), ("X-Other", "1")]
        script.play(request("GET", "/k"), answer)
        #expect(script.sink.reads.first?.digests.map(\.algorithm) == [.sha256])
    }

    @Test func `HEAD describes, DELETE deletes, absence is told`() {
        var script = Script(options())
        script.play(request("HEAD", "/k"), Answer(200, [("content-length", "9")], framing: BodyFraming.none))
        script.play(
            request("HEAD", "/k"),
            Answer(
                200, [("content-length", "9"), ("content-encoding", "gzip"), ("etag", "W/\"e\"")],
                framing: BodyFraming.none))
        script.play(request("GET", "/gone"), Answer(410))
        script.play(request("DELETE", "/k"), Answer(204, framing: BodyFraming.none))
        script.play(request("DELETE", "/k"), Answer(404))
        #expect(script.sink.described.map(\.size) == [9, nil, nil])
        #expect(script.sink.described.map(\.isAbsent) == [false, false, true])
        #expect(script.sink.deleted.map(\.name) == [name("k")])
        #expect(script.sink.attempts.map(\.operation) == ["DELETE"])
    }

    @Test func `copies and moves follow the destination`() {
        var script = Script(options())
        script.play(request("COPY", "/a", [("destination", "http://files.example.com:8080/b%20c?x")]), Answer(201))
        script.play(request("MOVE", "/a", [("destination", "/d")]), Answer(204))
        script.play(request("MOVE", "/a", [("destination", "https://other.example.com:443/e")]), Answer(201))
        script.play(request("MOVE", "/a", [("destination", "/f")]), Answer(412))
        #expect(script.sink.copied.map(\.source) == [name("a"), name("a"), name("a")])
        #expect(script.sink.copied.map(\.target) == [name("b c"), name("d"), httpName("other.example.com", "e")])
        #expect(script.sink.deleted.map(\.name) == [name("a"), name("a")])
        #expect(script.sink.attempts.map(\.reason) == ["precondition failed"])
    }

    @Test func `collections, pieces and other methods are counted`() {
        var script = Script(options())
        script.play(request("DELETE", "/dir/"), Answer(204))
        script.play(request("MOVE", "/dir/", [("destination", "/dir2/")]), Answer(201))
        script.play(request("MOVE", "/a"), Answer(201))
        script.play(request("PUT", "/k", [("content-range", "bytes 0-4/10")], "hello"), Answer(204))
        script.play(request("PATCH", "/k", [], "x"), Answer(204))
        script.play(request("POST", "/k", [], "x"), Answer(200, [], "y"))
        script.play(request("PROPFIND", "/k"), Answer(207, [], "<x/>"))
        script.play(request("DELETE", "/k"), Answer(207, [], "<x/>"))
        #expect(script.counters.unsupported == ["http.Collection": 3, "http.PartialPut": 1, "http.PATCH": 1])
        #expect(script.counters.operations["http.OTHER"] == 2)
        #expect(script.sink.transfers.isEmpty && script.sink.deleted.isEmpty && script.sink.stored.isEmpty)
    }

    @Test func `traffic of clouds that are not spoken is no plain HTTP`() {
        var script = Script(DialectOptions(dialects: [.s3, .http]))
        script.play(
            Request(
                "PUT", "/c/b", host: "acct.blob.core.windows.net", [("x-ms-version", "1")], "x",
                credentials: .azureSharedKey), Answer(201))
        script.play(
            Request("GET", "/c/b?sv=1", host: "acct.blob.core.windows.net", credentials: nil), Answer(200, [], "x"))
        script.play(Request("PUT", "/v1/AUTH_a/c/o", host: "swift.lab", [], "x", credentials: .swiftToken), Answer(201))
        script.play(Request("GET", "/v1/AUTH_a/c/o", host: "swift.lab", credentials: nil), Answer(200, [], "x"))
        script.play(
            Request("POST", "/upload/storage/v1/b/x/o", host: "emulator", [], "x", credentials: .bearer), Answer(200))
        script.play(Request("GET", "/b/o", host: "storage.googleapis.com", credentials: nil), Answer(200, [], "x"))
        #expect(script.sink.events.isEmpty && script.sink.transfers.isEmpty)
        #expect(script.counters.otherClouds == [.azure: 2, .swift: 2, .gcs: 2])
    }

    @Test func `S3's websites are plain HTTP`() {
        var script = Script(DialectOptions(dialects: [.s3, .http]))
        let host = "site.s3-website-us-east-1.amazonaws.com"
        script.play(
            Request("GET", "/index.html", host: host, credentials: nil), Answer(200, [("x-amz-request-id", "1")], "x"))
        #expect(script.sink.reads.map(\.name) == [httpName(host, "index.html")])
    }
}
