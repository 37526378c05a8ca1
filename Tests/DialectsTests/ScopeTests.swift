import Objects
import Testing

@testable import Dialects

@Suite struct ScopeTests {
    private let flow = ScopeConnection(
        host: "logs.s3.example.com", addresses: (NetworkAddress("10.1.2.3"), NetworkAddress("fd77::2")))
    private func keeps(_ rules: [String], _ bucket: String = "logs", _ key: String = "a/b") throws -> Bool {
        try Scope(rules).keeps(s3Name(bucket, key, endpoint: "s3.example.com:9000"), on: flow)
    }

    @Test func `without rules everything is kept`() throws {
        #expect(try keeps([]))
    }

    @Test func `the first rule that applies decides`() throws {
        #expect(try keeps(["deny bucket=other", "allow bucket=logs", "deny all"]))
        #expect(try !keeps(["deny prefix=a/", "allow bucket=logs"]))
        #expect(try keeps(["allow prefix=a/b", "deny prefix=a/"]))
    }

    @Test func `what no rule names is kept only if no rule allows`() throws {
        #expect(try keeps(["deny bucket=other"]))
        #expect(try !keeps(["allow bucket=other"]))
        #expect(try keeps(["allow bucket=other", "allow all"]))
    }

    @Test(arguments: [
        "cidr=10.0.0.0/8", "cidr=10.1.2.3", "cidr=fd00::/8", "cidr=fd77::2/128", "cidr=0.0.0.0/0", "cidr=::/0",
        "host=*.example.com", "host=LOGS.s3.example.com", "host=s3.example.com", "host=logs.s?.*", "bucket=l*s",
        "bucket=logs prefix=a/", "prefix=%61/b", "cidr=10.0.0.0/8 host=* bucket=* prefix=a",
    ])
    func `a rule applies when all its conditions hold`(conditions: String) throws {
        #expect(try !keeps(["deny \(conditions)"]))
        #expect(try keeps(["allow \(conditions)"]))
    }

    @Test(arguments: [
        "cidr=11.0.0.0/8", "cidr=10.1.2.4", "cidr=fe80::/10", "host=example.com", "host=*.example.org", "bucket=log",
        "bucket=LOGS", "prefix=b", "prefix=a/b/c", "bucket=logs prefix=x", "cidr=11.0.0.0/8 bucket=logs",
    ])
    func `a rule does not apply when one condition fails`(conditions: String) throws {
        #expect(try keeps(["deny \(conditions)"]))
    }

    @Test func `a rule that cannot be read stops, and says why`() {
        #expect(throws: ScopeError.noVerdict(rule: "keep bucket=a")) { try Scope(["keep bucket=a"]) }
        #expect(throws: ScopeError.noCondition(rule: "allow")) { try Scope(["allow"]) }
        #expect(throws: ScopeError.noVerdict(rule: "")) { try Scope([""]) }
        #expect(throws: ScopeError.unknownCondition("key=a", rule: "allow key=a")) { try Scope(["allow key=a"]) }
        #expect(throws: ScopeError.unknownCondition("bucket=", rule: "allow bucket=")) { try Scope(["allow bucket="]) }
        #expect(throws: ScopeError.repeatedCondition("bucket", rule: "allow bucket=a bucket=b")) {
            try Scope(["allow bucket=a bucket=b"])
        }
        for network in ["10.0.0.0/33", "10.0.0/8", "x", "::/129", "10.0.0.0/8/8", "10.0.0.0/-1"] {
            #expect(throws: ScopeError.badNetwork(network, rule: "deny cidr=\(network)")) {
                try Scope(["deny cidr=\(network)"])
            }
        }
        #expect(ScopeError.badNetwork("x", rule: "deny cidr=x").description.contains("10.0.0.0/8"))
    }

    @Test func `patterns match as people mean them`() {
        for (pattern, text) in [
            ("*", ""), ("a*b*c", "axxbyyc"), ("a*b", "ab"), ("?", "x"), ("*b", "abab"), ("**a", "a"),
        ] {
            #expect(Glob.matches(pattern, text))
        }
        for (pattern, text) in [("", "a"), ("a", ""), ("?", ""), ("a*b", "abc"), ("*ab", "aba"), ("a?c", "ac")] {
            #expect(!Glob.matches(pattern, text))
        }
        // A pattern of many stars must not take exponential time.
        #expect(!Glob.matches(String(repeating: "*a", count: 50) + "b", String(repeating: "a", count: 2_000)))
    }

    @Test func `out of scope nothing is stored and nothing is named`() throws {
        var script = Script(
            DialectOptions(dialects: [.s3, .http], scope: try Scope(["deny bucket=secret", "deny host=hidden.*"])))
        script.play(Request("PUT", "/secret/k", [], "hello"), Answer(200))
        script.play(Request("GET", "/secret/k"), Answer(200, [], "hello"))
        script.play(Request("PUT", "/secret/k", [], "hello"), Answer(403))
        script.play(Request("PUT", "/k", host: "hidden.example.com", [], "hello", credentials: nil), Answer(200))
        #expect(script.sink.events.isEmpty && script.sink.transfers.isEmpty)
        #expect(script.counters.outOfScope == 4)
        #expect(script.counters.outOfScopeBytes == 20)
    }

    @Test func `an upload of undecided dialect must be in scope under every name`() throws {
        var script = Script(DialectOptions(dialects: [.s3, .http], scope: try Scope(["deny bucket=secret"])))
        let request = Request("PUT", "/secret/k", host: "files.example.com", [], "hello", credentials: nil)
        script.play(request, Answer(200, [("x-amz-request-id", "1")]))
        #expect(script.sink.transfers.isEmpty && script.sink.events.isEmpty)
        #expect(script.counters.outOfScope == 1)
    }

    @Test func `rows out of scope are left out of listings and deletes`() throws {
        var script = Script(DialectOptions(scope: try Scope(["deny prefix=private/"])))
        let rows = "<Contents><Key>private/a</Key></Contents><Contents><Key>b</Key></Contents>"
        script.play(Request("GET", "/b"), Answer(200, [], "<ListBucketResult>\(rows)</ListBucketResult>"))
        let deleted = "<Deleted><Key>private/a</Key></Deleted><Deleted><Key>b</Key></Deleted>"
        script.play(Request("POST", "/b?delete"), Answer(200, [], "<DeleteResult>\(deleted)</DeleteResult>"))
        #expect(script.sink.listed.first?.entries.map(\.name.key) == [ObjectKey("b")])
        #expect(script.sink.deleted.map(\.name.key) == [ObjectKey("b")])
        #expect(script.counters.outOfScopeRows == 2)
    }

    @Test func `a copy from out of scope does not name its source`() throws {
        var script = Script(DialectOptions(dialects: [.s3, .http], scope: try Scope(["deny prefix=private/"])))
        let source = [("x-amz-copy-source", "b/private/a")]
        script.play(
            Request("PUT", "/b/k", source), Answer(200, [], "<CopyObjectResult><ETag>e</ETag></CopyObjectResult>"))
        script.play(Request("PUT", "/b/k?partNumber=1&uploadId=u", source), Answer(200, [], "<CopyPartResult/>"))
        let move = [("destination", "/public")]
        script.play(Request("MOVE", "/private/x", host: "dav.lab", move, credentials: nil), Answer(201))
        script.play(Request("MOVE", "/private/x", host: "dav.lab", move, credentials: nil), Answer(403))
        #expect(script.sink.copied.isEmpty && script.sink.copiedParts.isEmpty && script.sink.deleted.isEmpty)
        #expect(script.sink.described.map(\.name) == [s3Name("b", "k"), httpName("dav.lab", "public")])
        #expect(!"\(script.sink.events)".contains("private"))
    }

    @Test func `addresses of the connection are judged`() throws {
        for (rule, count) in [("deny cidr=10.0.0.0/30", 0), ("deny cidr=10.0.0.9/32", 0), ("deny cidr=10.0.0.4/30", 1)]
        {
            var script = Script(DialectOptions(scope: try Scope([rule])))
            script.play(Request("PUT", "/b/k", [], "hello"), Answer(200))
            #expect(script.sink.stored.count == count)
        }
    }
}
