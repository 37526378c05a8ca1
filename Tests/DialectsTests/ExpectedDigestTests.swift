import Exchanges
import Objects
import Testing

@testable import Dialects

private let md5 = "5d41402abc4b2a76b9719d911017c592"

/// Which transfers are worth an MD5 as they come.
@Suite struct ExpectedDigestTests {
    @Test(
        arguments: [
            ("\"\(md5)\"", true), ("\"\(md5)-2\"", false), ("W/\"\(md5)\"", false), ("\"opaque\"", false), (nil, false),
        ] as [(String?, Bool)])
    func `of S3's answers those whose ETag may be the MD5 of all bytes`(tag: String?, mayHaveMD5: Bool) throws {
        let fields = tag.map { [("etag", $0)] } ?? []
        for (range, isWhole) in [(nil, true), ("bytes 0-4/5", true), ("bytes 0-4/6", false), ("bytes 1-5/6", false)] {
            var script = Script()
            let place = range.map { [("content-range", $0)] } ?? []
            script.play(Request("GET", "/b/k"), Answer(range == nil ? 200 : 206, fields + place, "hello"))
            let event = try #require(script.sink.reads.first)
            let plan = try #require(script.sink.transfer(event.transfer)?.plan)
            #expect(plan.mayHaveMD5 == (mayHaveMD5 && isWhole), "\(tag ?? "no ETag"), \(range ?? "whole")")
        }
    }

    @Test func `of S3's uploads each, since the answer is yet to come`() throws {
        var script = Script()
        script.play(Request("PUT", "/b/k", [], "hello"), Answer(200, [("etag", "\"\(md5)\"")]))
        let event = try #require(script.sink.stored.first)
        #expect(script.sink.transfer(event.transfer)?.plan.mayHaveMD5 == true)
    }

    @Test(arguments: [
        ("content-md5", "XUFAKrxLKna5cZ2REBfFkg==", true), ("repr-digest", "md5=:XUFAKrxLKna5cZ2REBfFkg==:", true),
        ("etag", "\"\(md5)\"", false),
    ])
    func `of plain HTTP those that state it in their head`(field: String, value: String, mayHaveMD5: Bool) throws {
        func request(_ method: String, _ fields: [(String, String)] = [], _ body: String = "") -> Request {
            Request(method, "/k", host: "files.example.com", fields, body, credentials: nil)
        }
        var script = Script(DialectOptions(dialects: [.http]))
        script.play(request("PUT", [(field, value)], "hello"), Answer(201))
        script.play(request("GET"), Answer(200, [(field, value)], "hello"))
        let stored = try #require(script.sink.stored.first)
        let read = try #require(script.sink.reads.first)
        #expect(script.sink.transfer(stored.transfer)?.plan.mayHaveMD5 == mayHaveMD5)
        #expect(script.sink.transfer(read.transfer)?.plan.mayHaveMD5 == mayHaveMD5)
    }
}
