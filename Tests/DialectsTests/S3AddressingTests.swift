import Exchanges
import Objects
import Testing

@testable import Dialects

@Suite struct AuthorityTests {
    @Test(arguments: [
        ("Example.COM", "example.com"), ("example.com:80", "example.com"), ("example.com:8443", "example.com:8443"),
        ("example.com.", "example.com"), ("10.0.0.1:9000", "10.0.0.1:9000"), ("[fd77::2]", "[fd77::2]"),
        ("[fd77::2]:9000", "[fd77::2]:9000"), ("example.com:", "example.com"), (" minio ", "minio"),
    ])
    func `a host is lower case and keeps an unusual port`(text: String, named: String) {
        #expect(Authority(text)?.text == named)
    }

    @Test(arguments: ["", " ", "a b", "a/b", "a:b", "a:99999", "a:0", "user@host", "fd77::2", "[::1", "a\u{0}b", ":80"])
    func `what is no host names nothing`(text: String) {
        #expect(Authority(text) == nil)
    }
}

@Suite struct S3HostTests {
    private func host(_ text: String, _ configured: [String] = [], style: AddressingStyle? = nil) throws -> S3Host {
        S3Host(try #require(Authority(text)), configured: configured.compactMap { Authority($0) }, style: style)
    }

    @Test(arguments: [
        ("s3.amazonaws.com", "s3.amazonaws.com"), ("s3.eu-west-1.amazonaws.com", "s3.eu-west-1.amazonaws.com"),
        ("s3-us-west-2.amazonaws.com", "s3-us-west-2.amazonaws.com"),
        ("s3.cn-north-1.amazonaws.com.cn", "s3.cn-north-1.amazonaws.com.cn"),
        ("s3.dualstack.us-east-1.amazonaws.com", "s3.dualstack.us-east-1.amazonaws.com"),
        ("10.0.0.9", "10.0.0.9"), ("[fd77::2]:9000", "[fd77::2]:9000"), ("localhost:9000", "localhost:9000"),
        ("minio", "minio"), ("s3.example.com", "s3.example.com"), ("storage.example.com", "storage.example.com"),
        ("s3-eu.example.com:8080", "s3-eu.example.com:8080"),
    ])
    func `the service takes buckets from the path`(text: String, endpoint: String) throws {
        #expect(try host(text) == .service(endpoint: endpoint))
    }

    @Test(arguments: [
        ("logs.s3.amazonaws.com", "logs", "s3.amazonaws.com"),
        ("logs.s3.us-east-1.amazonaws.com", "logs", "s3.us-east-1.amazonaws.com"),
        ("logs.s3-us-west-2.amazonaws.com", "logs", "s3-us-west-2.amazonaws.com"),
        ("my.dotted.bucket.s3.eu-central-1.amazonaws.com", "my.dotted.bucket", "s3.eu-central-1.amazonaws.com"),
        ("s3.s3.us-east-1.amazonaws.com", "s3", "s3.us-east-1.amazonaws.com"),
        ("logs.s3.dualstack.us-east-1.amazonaws.com", "logs", "s3.dualstack.us-east-1.amazonaws.com"),
        ("logs.s3-accelerate.amazonaws.com", "logs", "s3-accelerate.amazonaws.com"),
        ("logs.s3-accelerate.dualstack.amazonaws.com", "logs", "s3-accelerate.dualstack.amazonaws.com"),
        ("logs.s3.cn-north-1.amazonaws.com.cn", "logs", "s3.cn-north-1.amazonaws.com.cn"),
        (
            "fast--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com", "fast--use1-az4--x-s3",
            "s3express-use1-az4.us-east-1.amazonaws.com"
        ),
        ("logs.s3.example.com:9000", "logs", "s3.example.com:9000"),
        ("a.b.s3-eu.example.com", "a.b", "s3-eu.example.com"),
        (
            "point-123456789012.s3-accesspoint.us-east-1.amazonaws.com", "point-123456789012",
            "point-123456789012.s3-accesspoint.us-east-1.amazonaws.com"
        ),
        (
            "mfzwi23gnjvgw.mrap.accesspoint.s3-global.amazonaws.com", "mfzwi23gnjvgw.mrap.accesspoint",
            "mfzwi23gnjvgw.mrap.accesspoint.s3-global.amazonaws.com"
        ),
    ])
    func `a bucket's host names it`(text: String, bucket: String, endpoint: String) throws {
        #expect(try host(text) == .bucket(bucket, endpoint: endpoint))
    }

    @Test(arguments: [
        "site.s3-website-us-east-1.amazonaws.com", "site.s3-website.eu-central-1.amazonaws.com",
        "123456789012.s3-control.us-east-1.amazonaws.com", "dynamodb.us-east-1.amazonaws.com", "amazonaws.com",
        "s3-accesspoint.us-east-1.amazonaws.com",
    ])
    func `websites, the control plane and other services are foreign`(text: String) throws {
        #expect(try host(text) == .foreign)
    }

    @Test func `a configured endpoint makes the labels before it a bucket`() throws {
        let configured = ["storage.example.com:9000", "deep.storage.example.com:9000"]
        #expect(
            try host("a.b.storage.example.com:9000", configured) == .bucket("a.b", endpoint: "storage.example.com:9000")
        )
        #expect(
            try host("a.deep.storage.example.com:9000", configured)
                == .bucket("a", endpoint: "deep.storage.example.com:9000"))
        #expect(try host("storage.example.com:9000", configured) == .service(endpoint: "storage.example.com:9000"))
        #expect(try host("a.storage.example.com", configured) == .service(endpoint: "a.storage.example.com"))
    }

    @Test func `a learnt style overrides the guess, but not an address`() throws {
        #expect(
            try host("logs.example.com", style: .virtualHosted(bucket: nil)) == .bucket("logs", endpoint: "example.com")
        )
        #expect(
            try host("a.b.example.com:81", style: .virtualHosted(bucket: "a.b"))
                == .bucket("a.b", endpoint: "example.com:81"))
        #expect(try host("minio.s3.svc.local", style: .path) == .service(endpoint: "minio.s3.svc.local"))
        #expect(try host("10.0.0.9", style: .virtualHosted(bucket: nil)) == .service(endpoint: "10.0.0.9"))
    }
}

@Suite struct S3LocationTests {
    private func location(_ path: String, _ host: S3Host = .service(endpoint: "e")) -> S3Location? {
        S3Location(host, rawPath: Array(path.utf8))
    }

    @Test(arguments: [
        ("/b/plain.txt", "plain.txt"), ("/b/a/../b/../../etc/passwd", "a/../b/../../etc/passwd"),
        ("/b//slash", "/slash"), ("/b/./dot/./x", "./dot/./x"), ("/b/double//slash/", "double//slash/"),
        ("/b/plus+and%20space", "plus+and space"), ("/b/percent/100%2525-%252F", "percent/100%25-%2F"),
        ("/b/%2E%2E/x", "../x"), ("/b/bad%zz%4", "bad%zz%4"), ("/b/question%3Fhash%23", "question?hash#"),
    ])
    func `the key is decoded once and never normalised`(path: String, key: String) {
        #expect(location(path)?.bucket == "b")
        #expect(location(path)?.key == ObjectKey(key))
        #expect(location(String(path.dropFirst(2)), .bucket("b", endpoint: "e"))?.key == ObjectKey(key))
    }

    @Test func `a key may be any bytes`() {
        #expect(location("/b/%00%ff%0a")?.key?.bytes == [0, 0xFF, 0x0A])
    }

    @Test func `without a key the place is a bucket, without a bucket the service`() {
        #expect(location("/b")?.key == nil && location("/b")?.bucket == "b")
        #expect(location("/b/")?.key == nil)
        #expect(location("/")?.bucket == nil)
        #expect(location("/", .bucket("v", endpoint: "e"))?.bucket == "v")
    }

    @Test(arguments: ["/a%2Fb/key", "/%00/key", "//key", "/%ff/key", "/a%20b/key"])
    func `a bucket that could be mistaken for another is none`(path: String) {
        #expect(location(path) == nil)
    }

    @Test(
        arguments: [
            ("bucket/key", "bucket", "key", nil), ("/bucket/a/b", "bucket", "a/b", nil),
            ("bucket/k%20e%2By+?versionId=v1", "bucket", "k e+y+", "v1"), ("bucket%2Fkey", "bucket", "key", nil),
            ("bucket/a%3Fb", "bucket", "a?b", nil), ("bucket/a?b", "bucket", "a?b", nil),
            (
                "arn:aws:s3:us-east-1:123456789012:accesspoint/name/object/a/b",
                "arn:aws:s3:us-east-1:123456789012:accesspoint:name",
                "a/b", nil
            ),
        ] as [(String, String, String, String?)])
    func `a copy source names bucket, key and version`(text: String, bucket: String, key: String, version: String?)
        throws
    {
        let target = try #require(location("/b/k"))
        let source = try #require(S3CopySource(text, near: target))
        #expect(source.name == s3Name(bucket, key, endpoint: "e"))
        #expect(source.versionID == version)
    }

    @Test(arguments: ["", "/", "bucket", "bucket/", "arn:aws:s3:::x"])
    func `a copy source without a key is none`(text: String) throws {
        let target = try #require(location("/b/k"))
        #expect(S3CopySource(text, near: target) == nil)
    }
}

@Suite struct S3OperationTests {
    private func action(_ request: Request) throws -> S3Action {
        let location = try #require(S3Location(.service(endpoint: "e"), rawPath: request.head.rawPath))
        return S3Operation(RequestReading(request.head), at: location).action
    }

    @Test(arguments: [
        ("PUT", "/b/k", "PutObject"), ("PUT", "/b/k?x-id=PutObject", "PutObject"), ("GET", "/b/k", "GetObject"),
        ("GET", "/b/k?versionId=v&partNumber=2&response-content-type=a", "GetObject"), ("HEAD", "/b/k", "HeadObject"),
        ("DELETE", "/b/k?versionId=v", "DeleteObject"), ("POST", "/b/k?uploads", "CreateMultipartUpload"),
        ("POST", "/b/k?uploads=", "CreateMultipartUpload"), ("PUT", "/b/k?partNumber=1&uploadId=u", "UploadPart"),
        ("POST", "/b/k?uploadId=u", "CompleteMultipartUpload"), ("DELETE", "/b/k?uploadId=u", "AbortMultipartUpload"),
        ("GET", "/b/k?uploadId=u", "ListParts"), ("GET", "/b", "ListObjects"),
        ("GET", "/b/?prefix=x&delimiter=/", "ListObjects"),
        ("GET", "/b?list-type=2", "ListObjectsV2"), ("GET", "/b?versions", "ListObjectVersions"),
        ("POST", "/b?delete", "DeleteObjects"), ("PUT", "/b", "Bucket"), ("DELETE", "/b/", "Bucket"),
        ("HEAD", "/b", "Bucket"),
        ("GET", "/", "ListBuckets"), ("OPTIONS", "/b/k", "Preflight"), ("GET", "/b?location", "Subresource"),
        ("GET", "/b?uploads", "Subresource"), ("GET", "/b?policy", "Subresource"),
        ("PUT", "/b?versioning", "Subresource"),
        ("GET", "/b/k?acl", "Subresource"), ("PUT", "/b/k?tagging", "Subresource"),
        ("GET", "/b/k?attributes", "Subresource"),
        ("GET", "/b/k?legal-hold", "Subresource"), ("POST", "/b/k?restore", "Subresource"),
        ("GET", "/b/k?somethingNew", "Subresource"), ("GET", "/b/k?torrent", "GetObjectTorrent"),
        ("POST", "/b/k?select&select-type=2", "SelectObjectContent"), ("PUT", "/b/k?renameObject", "RenameObject"),
        ("POST", "/b/k", "Unknown"), ("PUT", "/b/k?partNumber=0&uploadId=u", "Unknown"),
        ("PUT", "/b/k?uploadId=u", "Unknown"),
        ("PUT", "/b/k?partNumber=10001&uploadId=u", "Unknown"), ("PATCH", "/b/k", "Unknown"),
        ("GET", "/b/k?x-id=GetObjectSomethingElse", "Unknown"), ("PUT", "/b/k?partNumber=1&uploadId=", "Unknown"),
    ])
    func `a request is what the API reference says`(method: String, target: String, expected: String) throws {
        #expect(try action(Request(method, target)).rawValue == expected)
    }

    @Test func `fields tell copies, appends and forms`() throws {
        let source = [("x-amz-copy-source", "b/k")]
        #expect(try action(Request("PUT", "/b/k", source)) == .copyObject)
        #expect(try action(Request("PUT", "/b/k?partNumber=1&uploadId=u", source)) == .uploadPartCopy)
        #expect(try action(Request("PUT", "/b/k", [("x-amz-write-offset-bytes", "5")])) == .appendObject)
        #expect(try action(Request("POST", "/b", [("content-type", "multipart/form-data; boundary=x")])) == .postObject)
    }
}

@Suite struct S3RecognitionTests {
    private func recognise(_ request: Request, known: Bool = false) -> Recognition {
        var knowledge = DialectKnowledge(DialectOptions(s3Endpoints: ["storage.example.com"]))
        if known, let authority = Authority("host.example.com") { knowledge.endpoints.learnSpeaksS3(authority) }
        let endpoint = knowledge.endpoints.endpoint(of: request.host)
        return S3Dialect.recognise(RequestReading(request.head), at: endpoint, &knowledge)
    }

    @Test func `signatures, Amazon's fields and hosts are certain`() {
        #expect(recognise(Request("GET", "/b/k", credentials: .awsSignatureV4)) == .certain)
        #expect(recognise(Request("GET", "/b/k", credentials: .awsSignatureV2)) == .certain)
        #expect(recognise(Request("GET", "/b/k", [("x-amz-date", "20260101T000000Z")], credentials: nil)) == .certain)
        #expect(recognise(Request("GET", "/b/k?X-Amz-Expires=60", credentials: nil)) == .certain)
        #expect(recognise(Request("GET", "/k", host: "b.s3.amazonaws.com", credentials: nil)) == .certain)
        #expect(recognise(Request("GET", "/k", host: "b.storage.example.com", credentials: nil)) == .certain)
        #expect(recognise(Request("GET", "/b/k", host: "host.example.com", credentials: nil), known: true) == .certain)
    }

    @Test func `an anonymous request at an unknown host waits for the answer`() {
        #expect(recognise(Request("GET", "/b/k", host: "host.example.com", credentials: nil)) == .possible)
        #expect(recognise(Request("PUT", "/b/k", host: "host.example.com", credentials: .bearer)) == .possible)
    }

    @Test func `Amazon's other services, websites and other clouds are not S3`() {
        #expect(recognise(Request("POST", "/", [("x-amz-target", "DynamoDB_20120810.GetItem")])) == .impossible)
        #expect(recognise(Request("POST", "/", [("content-type", "application/x-www-form-urlencoded")])) == .impossible)
        #expect(recognise(Request("GET", "/k", host: "b.s3-website-us-east-1.amazonaws.com")) == .impossible)
        #expect(recognise(Request("GET", "/", host: "sqs.us-east-1.amazonaws.com")) == .impossible)
        #expect(recognise(Request("PUT", "/b/k", credentials: .azureSharedKey)) == .impossible)
        #expect(recognise(Request("GET", "/b/k", [("x-amz-cf-id", "abc")], credentials: nil)) == .possible)
    }

    @Test func `answers prove S3 by its own fields, unless they came through CloudFront`() {
        func spoken(_ fields: [(String, String)]) -> Bool {
            S3Dialect.isSpoken(by: AnswerReading(ResponseHead(status: 200, fields: makeFields(fields))))
        }
        #expect(spoken([("x-amz-request-id", "1")]))
        #expect(spoken([("x-amz-id-2", "1")]))
        #expect(spoken([("Server", "AmazonS3")]))
        #expect(!spoken([("Server", "nginx"), ("x-amzn-requestid", "1")]))
        #expect(!spoken([("Server", "AmazonS3"), ("x-amz-request-id", "1"), ("X-Amz-Cf-Id", "1")]))
    }

    @Test func `an anonymous upload is named by the answer's dialect`() {
        var script = Script(DialectOptions(dialects: [.s3, .http]))
        let request = Request("PUT", "/bucket/key", host: "files.example.com", [], "hello", credentials: nil)
        script.play(request, Answer(200, [("x-amz-request-id", "1"), ("etag", "\"e1\"")]))
        script.play(Request("PUT", "/bucket/key", host: "web.example.com", [], "hello", credentials: nil), Answer(201))
        #expect(
            script.sink.stored.map(\.name) == [
                s3Name("bucket", "key", endpoint: "files.example.com"), httpName("web.example.com", "bucket/key"),
            ])
        // The first endpoint is known now: its plain GET is S3's at once.
        script.play(
            Request("GET", "/bucket/key", host: "files.example.com", credentials: nil), Answer(200, [], "hello"))
        #expect(script.sink.reads.map(\.name) == [s3Name("bucket", "key", endpoint: "files.example.com")])
        #expect(script.sink.breaches.isEmpty)
    }

    @Test func `with S3 alone an anonymous upload elsewhere is discarded`() {
        var script = Script()
        script.play(Request("PUT", "/bucket/key", host: "web.example.com", [], "hello", credentials: nil), Answer(201))
        #expect(script.sink.stored.isEmpty)
        #expect(script.sink.discarded == [TransferID(1)])
        #expect(script.counters.notWanted == 1)
    }

    @Test func `an anonymous GET opens nothing until the answer says whose it is`() {
        var script = Script()
        let exchange = script.begin(Request("GET", "/bucket/key", host: "files.example.com", credentials: nil))
        #expect(script.sink.transfers.isEmpty)
        script.answer(exchange, Answer(200, [("x-amz-request-id", "1")], "hello"))
        script.engine.finish(exchange, cause: nil, script.tick())
        #expect(script.sink.reads.map(\.name) == [s3Name("bucket", "key", endpoint: "files.example.com")])
        script.play(Request("GET", "/bucket/key", host: "web.example.com", credentials: nil), Answer(200, [], "hello"))
        #expect(script.sink.reads.count == 1)
        #expect(script.counters.notWanted == 1)
    }

    @Test func `S3 traffic is never plain HTTP`() {
        var script = Script(DialectOptions(dialects: [.http]))
        script.play(Request("PUT", "/bucket/key", [], "hello"), Answer(200))
        script.play(Request("GET", "/bucket/key"), Answer(200, [], "hello"))
        #expect(script.sink.events.isEmpty && script.sink.transfers.isEmpty)
        #expect(script.counters.notWanted == 2)
    }

    @Test func `bucket operations at the root prove that the host names the bucket`() {
        var script = Script()
        script.play(Request("PUT", "/before", host: "logs.example.com", [], "x"), Answer(200))
        script.play(Request("GET", "/?list-type=2", host: "logs.example.com"), Answer(200, [], "<ListBucketResult/>"))
        script.play(Request("PUT", "/a/b", host: "logs.example.com", [], "x"), Answer(200))
        #expect(script.sink.stored.map(\.name) == [s3Name("logs", "a/b", endpoint: "example.com")])
    }

    @Test func `a bucket query at one segment proves that the path names the bucket`() {
        var script = Script()
        script.play(Request("PUT", "/data/k", host: "minio.s3.svc.local", [], "x"), Answer(200))
        script.play(
            Request("GET", "/data?list-type=2", host: "minio.s3.svc.local"), Answer(200, [], "<ListBucketResult/>"))
        script.play(Request("PUT", "/data/k", host: "minio.s3.svc.local", [], "x"), Answer(200))
        #expect(
            script.sink.stored.map(\.name) == [
                s3Name("minio", "data/k", endpoint: "s3.svc.local"),
                s3Name("data", "k", endpoint: "minio.s3.svc.local"),
            ])
    }

    @Test(arguments: [
        Request("POST", "/c?uploads", host: "logs.lab.local"),
        Request("PUT", "/c?uploadId=u&partNumber=1", host: "logs.lab.local"),
        Request("PUT", "/c", host: "logs.lab.local", [("x-amz-copy-source", "b/k")]),
        Request("PUT", "/c?x-id=PutObject", host: "logs.lab.local"),
        Request("PUT", "/c", host: "logs.lab.local", [("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")]),
    ])
    func `object operations at one segment prove that the host names the bucket`(request: Request) {
        #expect(S3Addressing.proof(in: RequestReading(request.head)) == .virtualHosted(bucket: nil))
        var script = Script()
        script.play(request, Answer(200))
        script.play(Request("GET", "/c", host: "logs.lab.local"), Answer(200, [("etag", "\"e\"")], "x"))
        #expect(script.sink.reads.map(\.name) == [s3Name("logs", "c", endpoint: "lab.local")])
    }

    @Test func `a listing with an ETag is an object of a host that names the bucket`() {
        var script = Script()
        let answer = Answer(200, [("etag", "\"e\""), ("content-type", "application/octet-stream")], "hello")
        script.play(Request("GET", "/k", host: "logs.lab.local"), answer)
        #expect(script.sink.reads.map(\.name) == [s3Name("logs", "k", endpoint: "lab.local")])
        #expect(script.sink.transfer(script.sink.reads.first?.transfer)?.text == "hello")
        // An address has no label to give: such an answer is nothing that could be named.
        script.play(Request("GET", "/k"), answer)
        #expect(script.sink.reads.count == 1)
    }

    @Test func `an object found by its answer is judged by the name it then has`() throws {
        var script = Script(DialectOptions(scope: try Scope(["deny bucket=logs"])))
        script.play(Request("GET", "/k", host: "logs.lab.local"), Answer(200, [("etag", "\"e\"")], "hello"))
        #expect(script.sink.transfers.isEmpty && script.sink.events.isEmpty)
        #expect(script.counters.outOfScope == 1)
    }

    @Test func `an answer that states bucket and key corrects the name`() {
        var script = Script()
        let answer =
            "<InitiateMultipartUploadResult><Bucket>my.logs</Bucket><Key>a/b</Key><UploadId>u</UploadId></InitiateMultipartUploadResult>"
        script.play(Request("POST", "/a/b?uploads", host: "my.logs.example.com"), Answer(200, [], answer))
        script.play(Request("PUT", "/c", host: "my.logs.example.com", [], "x"), Answer(200))
        #expect(script.sink.created.map(\.name) == [s3Name("my.logs", "a/b", endpoint: "example.com")])
        #expect(script.sink.stored.map(\.name) == [s3Name("my.logs", "c", endpoint: "example.com")])
    }

    @Test(arguments: [nil, "a b", "x/y"] as [String?]) func `without a host nothing is named`(host: String?) {
        var script = Script(DialectOptions(dialects: [.s3, .http]))
        script.play(Request("PUT", "/b/k", host: host, [], "x"), Answer(200))
        script.play(Request("PUT", "/b/k", host: host, [], "x", credentials: nil), Answer(200))
        #expect(script.sink.events.isEmpty)
        #expect(script.counters.unnamed == 2)
    }
}
