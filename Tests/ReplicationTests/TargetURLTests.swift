import Objects
@testable import S3
import Testing

@testable import Replication

@Suite struct TargetURLTests {
    @Test func `an S3 target with all its settings`() throws {
        let url = try TargetURL(
            "s3://bucket/some/prefix?endpoint=http://host.example:9000&region=eu-1&path-style=false")
        #expect(
            url.kind
                == .s3(
                    endpoint: TargetURL.Endpoint("http://host.example:9000"), region: "eu-1", usesPathStyle: false))
        #expect(url.bucketTemplate == "bucket" && url.prefixTemplate == "some/prefix/")
    }

    @Test(
        arguments: [
            ("http://h", false, "h", nil), ("https://H.Example/", true, "h.example", nil),
            ("http://127.0.0.1:17530", false, "127.0.0.1", 17_530), ("https://[::1]:443", true, "::1", 443),
            ("http://[fe80::1]", false, "fe80::1", nil),
        ] as [(String, Bool, String, Int?)])
    func `endpoints are read`(text: String, isSecure: Bool, host: String, port: Int?) throws {
        let endpoint = try #require(TargetURL.Endpoint(text))
        #expect(endpoint.isSecure == isSecure && endpoint.host == host && endpoint.port == port)
    }

    @Test(arguments: [
        "h", "ftp://h", "http://", "http://h:0", "http://h:99999", "http://u:p@h", "http://h/path", "http://h?x",
    ])
    func `what is no endpoint is refused`(text: String) {
        #expect(TargetURL.Endpoint(text) == nil)
    }

    @Test(arguments: [
        ("file:/a/b", "/a/b"), ("file:rel/dir", "rel/dir"), ("file:///a b?c#d", "/a b?c#d"),
        ("file://localhost/a", "/a"), ("FILE:x", "x"),
    ])
    func `folders are read literally`(text: String, path: String) throws {
        let url = try TargetURL(text)
        #expect(url.kind == .file(path: path))
        #expect(url.bucketTemplate == "{bucket}")
    }

    @Test(arguments: [
        "", "bucket", "s3:bucket", "s3://", "s3:///key", "file:", "file://host/a", "gs://b", "az://b", "ftp://x",
        "s3://b?endpoint=nonsense", "s3://b?path-style=maybe", "s3://b?region=", "s3://b?region=a%20b",
        "s3://b?unknown=1",
    ])
    func `anything else is refused with what to write`(text: String) {
        let error = #expect(throws: ReplicationError.self) { try TargetURL(text) }
        #expect(
            error?.description.contains("Use s3:") == true || error?.description.contains("Write s3://") == true
                || error?.description.contains("refused in a URL") == true)
    }

    @Test(arguments: [
        "s3://CANARYID:CANARYSECRET@bucket", "s3://bucket?access-key=CANARYID&secret=CANARYSECRET",
        "s3://bucket?CANARYSECRET", "s3://b?endpoint=http://CANARYID:CANARYSECRET@host",
        "https://CANARYID:CANARYSECRET@host/b",
    ])
    func `keys in a URL are refused and not repeated`(text: String) {
        let error = #expect(throws: ReplicationError.self) { try TargetURL(text) }
        #expect(error?.description.contains("CANARY") == false)
    }

    @Test func `addresses follow the style, and buckets with dots stay in the path over TLS`() {
        let key = ObjectKey("a b/ü")
        let path = S3Endpoint(isSecure: false, host: "h", port: 80, region: "r", addressing: .path)
        #expect(path.address(bucket: "bkt", key: key).url == "http://h/bkt/a%20b/%C3%BC")
        #expect(path.address(bucket: "bkt", key: nil).path == "/bkt")
        let hosted = S3Endpoint.amazon(region: "eu-west-1")
        #expect(hosted.address(bucket: "bkt", key: key).url == "https://bkt.s3.eu-west-1.amazonaws.com/a%20b/%C3%BC")
        #expect(hosted.address(bucket: "bkt", key: nil).path == "/")
        #expect(hosted.address(bucket: "a.b", key: nil).url == "https://s3.eu-west-1.amazonaws.com/a.b")
        #expect(S3Endpoint.amazon(region: "cn-north-1").host == "s3.cn-north-1.amazonaws.com.cn")
        let v6 = S3Endpoint(isSecure: false, host: "::1", port: 9_000, region: "r", addressing: .path)
        #expect(v6.address(bucket: "b", key: nil).host == "[::1]:9000")
    }
}

@Suite struct BucketMappingTests {
    private let one = SourceBucket(cloud: .s3, endpoint: "e", bucket: "one")
    private let two = SourceBucket(cloud: .s3, endpoint: "e", bucket: "two")
    private let twoElsewhere = SourceBucket(cloud: .s3, endpoint: "f", bucket: "two")

    private func path(
        _ template: String, rules: [String] = [], _ buckets: [SourceBucket], of bucket: SourceBucket
    ) throws -> String? {
        let mapping = try BucketMapping(template: try TargetURL(template), rules: rules).resolve(buckets)
        let name = ObjectName(
            cloud: bucket.cloud, endpoint: bucket.endpoint, bucket: bucket.bucket, key: ObjectKey("k"))
        return mapping.location(of: name)?.path
    }

    @Test func `one bucket goes straight into the target's`() throws {
        #expect(try path("s3://dst", [one], of: one) == "dst/k")
        #expect(try path("s3://dst/pre/fix", [one], of: one) == "dst/pre/fix/k")
        #expect(try path("s3://dst", [one], of: two) == nil)
    }

    @Test func `placeholders keep several apart`() throws {
        #expect(try path("s3://{bucket}", [one, two], of: two) == "two/k")
        #expect(try path("s3://dst/{bucket}", [one, two], of: one) == "dst/one/k")
        #expect(
            try path("s3://x-{bucket}/{endpoint}/{y}", [one, twoElsewhere], of: twoElsewhere) == "x-two/f/%7By%7D/k")
        #expect(try path("file:/out", [one, two], of: one) == "one/k")
    }

    @Test func `rules go before the template`() throws {
        #expect(try path("s3://dst", rules: ["one=first/p"], [one, two], of: one) == "first/p/k")
        #expect(try path("s3://dst", rules: ["one=first/p"], [one, two], of: two) == "dst/k")
        #expect(try path("s3://dst", rules: ["e/two=x", "f/two=y"], [two, twoElsewhere], of: twoElsewhere) == "y/k")
        #expect(try path("s3://dst", rules: ["s3://e/one=x"], [one], of: one) == "x/k")
    }

    @Test(
        arguments: [
            ("s3://dst", []), ("s3://dst", ["one=x", "two=x"]), ("s3://dst", ["three=x", "one=y"]),
            ("s3://dst", ["one=x", "e/one=y"]), ("s3://dst", ["one"]), ("s3://dst", ["=x"]), ("s3://dst", ["one="]),
        ] as [(String, [String])])
    func `what would run together or fits nothing is refused with what to do`(template: String, rules: [String]) {
        let error = #expect(throws: ReplicationError.self) { try path(template, rules: rules, [one, two], of: one) }
        #expect(error?.description.contains("bucket mapping") == true)
    }

    @Test func `equal bucket names of two clouds are told apart`() {
        #expect(throws: ReplicationError.self) { try path("s3://{bucket}", [two, twoElsewhere], of: two) }
    }
}

@Suite struct S3XMLTests {
    @Test func `blanks before the declaration, namespaces and entities are read`() throws {
        let text = "  \n<?xml version=\"1.0\"?>\n<a:Error xmlns:a=\"urn:x\"><a:Code>No&amp;Such</a:Code><B/></a:Error>"
        let xml = try #require(S3XML.parse(Array(text.utf8)))
        #expect(xml.name == "Error" && xml.value("Code") == "No&Such")
        #expect(xml.value("B") == nil && xml.value("C") == nil)
    }

    @Test(arguments: [
        "", "  ", "x", "<a>", "<a></b>", String(repeating: "<a>", count: 20) + String(repeating: "</a>", count: 20),
        "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/hostname\">]><a>&x;",
    ])
    func `what is not well-formed or too deep is none`(text: String) { #expect(S3XML.parse(Array(text.utf8)) == nil) }

    @Test func `external entities are not fetched`() {
        let text = "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a><b>&x;</b></a>"
        #expect(S3XML.parse(Array(text.utf8))?.value("b")?.contains("root") != true)
    }

    @Test func `escaped text comes back`() {
        let text = "a<b>&\"'ü"
        #expect(S3XML.parse(Array("<r><t>\(S3XML.escape(text))</t></r>".utf8))?.value("t") == text)
    }
}
