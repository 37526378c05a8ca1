import Exchanges
import Flows
import HTTPTypes
import Objects
import Testing

@Suite struct `Request heads` {
    @Test func `a request is read with method, path, query, authority and fields`() throws {
        let found = try #require(
            Conversation.read(
                request: "PUT /bucket/a%2Fb%20c?uploadId=x%2By&partNumber=2&flag&=v&empty= HTTP/1.1\r\n"
                    + "Host: S3.Example.com:9000\r\nContent-Type:text/plain \r\nX-One: 1\r\nx-one:\t2\r\n\r\n"))
        #expect(found.head.method == "PUT")
        #expect(found.path == "/bucket/a%2Fb%20c")
        #expect(found.head.authority == "s3.example.com:9000")
        #expect(
            found.head.query == [
                QueryItem(name: "uploadId", value: "x+y"), QueryItem(name: "partNumber", value: "2"),
                QueryItem(name: "flag", value: nil), QueryItem(name: "", value: "v"),
                QueryItem(name: "empty", value: ""),
            ])
        #expect(found.head.fields.map(\.name.rawName) == ["Host", "Content-Type", "X-One", "x-one"])
        #expect(found.head.fields[values: .init("X-One")!] == ["1", "2"])
        #expect(found.head.fields[.contentType] == "text/plain")
        #expect(found.head.credentials == nil && !found.head.hasCustomerKey)
        #expect(found.isWhole)
    }

    @Test(arguments: [
        ("GET /a?b HTTP/1.1", "/a", "h"),
        ("GET http://Other.example:81/a?b HTTP/1.1", "/a", "other.example:81"),
        ("GET http://user:secret@other.example/a HTTP/1.1", "/a", "other.example"),
        ("GET http://other.example?b HTTP/1.1", "", "other.example"),
        ("OPTIONS * HTTP/1.1", "*", "h"),
        ("GET /a#part HTTP/1.1", "/a", "h"),
        ("GET /caf\u{e9} HTTP/1.0", "/caf\u{e9}", "h"),
        ("M-SEARCH!x /a HTTP/1.1", "/a", "h"),
    ])
    func `every form of target is understood`(line: String, path: String, authority: String) throws {
        let found = try #require(Conversation.read(request: "\(line)\r\nHost: h\r\n\r\n"))
        #expect(found.path == path)
        #expect(found.head.authority == authority)
        #expect(found.isWhole)
    }

    @Test func `lines may end with a bare line feed and be preceded by empty lines`() throws {
        let found = try #require(Conversation.read(request: "\r\n\n\r\nGET /a HTTP/1.1\nHost: h\nX: 1\n\n"))
        #expect(found.isWhole && found.head.fields[.init("X")!] == "1")
    }

    @Test func `a folded value becomes one line`() throws {
        let found = try #require(
            Conversation.read(request: "GET /a HTTP/1.1\r\nHost: h\r\nX: one\r\n  two\r\n\tthree \r\nY: 1\r\n\r\n"))
        #expect(found.head.fields[.init("X")!] == "one two three")
        #expect(found.head.fields[.init("Y")!] == "1")
    }

    @Test func `bytes that are not UTF-8 survive in values`() throws {
        var talk = Conversation()
        talk.send(.fromInitiator, Array("GET /a HTTP/1.1\r\nX: a".utf8) + [0xE9, 0x01, 0xFF] + Array("b\r\n\r\n".utf8))
        talk.server("HTTP/1.1 204 No Content\r\n\r\n")
        let found = try #require(talk.play().exchanges.first)
        let field = try #require(found.head.fields.first)
        let bytes = field.withUnsafeBytesOfValue { Array($0) }
        #expect(bytes == [0x61, 0xE9, 0x01, 0xFF, 0x62])
    }

    @Test func `names of any length and number keep their case`() throws {
        let names = (1...60).map { String(repeating: $0.isMultiple(of: 2) ? "n" : "N", count: $0) }
        let lines = names.map { "\($0): v\($0.count)\r\n" }.joined()
        for _ in 0..<2 {
            let found = try #require(Conversation.read(request: "GET /a HTTP/1.1\r\n\(lines)\r\n"))
            #expect(found.head.fields.map(\.name.rawName) == names)
            #expect(found.head.fields.map(\.value) == names.map { "v\($0.count)" })
        }
    }

    @Test(arguments: [
        "GET /a HTTP/1.1\r\nHost : h\r\n\r\n", "GET /a HTTP/1.1\r\n Host: h\r\n\r\n", "GET /a HTTP/1.1\r\nHost\r\n\r\n",
        "GET /a HTTP/1.1\r\nX: a\0b\r\n\r\n", "GET /a HTTP/1.1\r\nX: a\rb\r\n\r\n", "GET /a HTTP/1.1\r\n: v\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET /a HTTP/1.1\r\nX\u{e9}: 1\r\n\r\n",
        "GET /a HTTP/1.1\r\nX: 1\r\r\n\r\n",
    ])
    func `a head that breaks the grammar is unreadable and counted`(request: String) {
        let outcome = Conversation.turns(request, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").play()
        #expect(outcome.exchanges.isEmpty)
        #expect(outcome.counters.unreadableHeads == 1)
        #expect(outcome.counters.unpairedResponses == 1)
    }

    @Test(arguments: [
        "GET  /a HTTP/1.1\r\nHost: h\r\n\r\n", "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /a HTTP/1.2\r\nHost: h\r\n\r\n", "G\u{e9}T /a HTTP/1.1\r\nHost: h\r\n\r\n", " GET /a HTTP/1.1\r\n\r\n",
        "GET /a HTTP/1.1 \r\nHost: h\r\n\r\n", "GET HTTP/1.1\r\nHost: h\r\n\r\n",
    ])
    func `a start-line that breaks the grammar is not read`(request: String) {
        let outcome = Conversation.turns(request, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").play()
        #expect(outcome.exchanges.isEmpty)
        #expect(outcome.counters.unreadableHeads + outcome.counters[opaque: .unrecognised].flows >= 1)
    }

    @Test func `after an unreadable head the next exchange is read`() {
        let outcome = Conversation.turns(
            "GET /a HTTP/1.1\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n",
            "GET /b HTTP/1.1\r\nbroken\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb",
            "GET /c HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nc"
        ).play()
        #expect(outcome.exchanges.map(\.path) == ["/a", "/c"])
        #expect(outcome["/c"]?.response.text == "c" && outcome["/c"]?.isWhole == true)
        #expect(outcome.counters.unpairedResponses == 1)
    }
}

@Suite struct `Response heads` {
    @Test(arguments: ["HTTP/1.1 200 OK", "HTTP/1.1 200 ", "HTTP/1.1 200", "HTTP/1.0 200 Very \u{e9} fine"])
    func `a reason is optional`(line: String) throws {
        let found = try #require(Conversation.read(response: "\(line)\r\nContent-Length: 2\r\nETag: \"x\"\r\n\r\nok"))
        #expect(found.responseHead?.status == 200 && found.response.text == "ok" && found.isWhole)
        #expect(found.responseHead?.fields[.eTag] == "\"x\"")
    }

    @Test(arguments: ["HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "HTTP/2 200 OK", "HTTP/1.1  200 OK", "HTTP/1.1 999 No"])
    func `a status line that breaks the grammar is unreadable`(line: String) throws {
        let found = try #require(Conversation.read(response: "\(line)\r\nContent-Length: 2\r\n\r\nok"))
        #expect(found.responseHead == nil && found.isFinished && found.cause == .framingLost)
    }
}
