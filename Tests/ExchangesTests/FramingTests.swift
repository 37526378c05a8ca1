import Exchanges
import Flows
import HTTPTypes
import Objects
import Testing

@Suite struct `Body framing` {
    @Test(arguments: [
        ("Content-Length: 5\r\n", "hello"), ("Content-Length: 5, 5\r\n", "hello"),
        ("Content-Length: 005\r\nContent-Length: 5\r\n", "hello"), ("Content-Length: 0\r\n", ""), ("", ""),
    ])
    func `a stated length frames the request`(fields: String, body: String) throws {
        let found = try #require(Conversation.read(request: "PUT /a HTTP/1.1\r\nHost: h\r\n\(fields)\r\n\(body)"))
        #expect(found.request.text == body && found.isWhole)
        #expect(found.framing == (fields.isEmpty ? BodyFraming.none : .length(UInt64(body.utf8.count))))
    }

    @Test(arguments: [
        "Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length: 5, 6\r\n", "Content-Length: -5\r\n",
        "Content-Length: +5\r\n", "Content-Length: 5;\r\n", "Content-Length: \r\n", "Content-Length: 5,\r\n",
        "Content-Length: 0x5\r\n", "Content-Length: 18446744073709551621\r\n",
        "Content-Length: 9223372036854775808\r\n",
        "Content-Length:\r\n 5\r\n", "Transfer-Encoding: gzip\r\n", "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity\r\nContent-Length: 5\r\n", "Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
    ])
    func `framing that contradicts itself is not believed`(fields: String) throws {
        let request = "PUT /a HTTP/1.1\r\nHost: h\r\n\(fields)\r\n5\r\nhello\r\n0\r\n\r\n"
        let outcome = Conversation.turns(request, "HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n").play()
        #expect(outcome.exchanges.isEmpty && outcome.counters.unreadableHeads == 1)
        let found = try #require(Conversation.read(response: "HTTP/1.1 200 OK\r\n\(fields)\r\n5\r\nhello\r\n0\r\n\r\n"))
        #expect(found.responseHead == nil && found.cause == .framingLost)
    }

    @Test func `transfer coding wins over length, and the place behind it is not relied on`() {
        let outcome = Conversation.turns(
            "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
                + "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            "GET /b HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb"
        ).play()
        #expect(outcome["/a"]?.request.text == "x" && outcome["/a"]?.framing == .chunked)
        #expect(outcome["/smuggled"] == nil)
        #expect(outcome["/b"]?.response.text == "b" && outcome["/b"]?.isWhole == true)
    }

    @Test func `transfer coding in HTTP 1.0 is not believed`() {
        #expect(Conversation.read(request: "PUT /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") == nil)
    }

    @Test func `chunks, extensions and trailers are taken off`() throws {
        let body =
            "5;a=b\r\nhello\r\n1 ; x=\"y;z\"\r\n \r\n000A\r\n0123456789\r\n00;last\r\nX-Sum: 7\r\nCookie: c\r\n\r\n"
        let request = "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n\(body)"
        let found = try #require(Conversation.read(request: request))
        #expect(found.request.text == "hello 0123456789")
        #expect(found.request.trailers?.map(\.name.rawName) == ["X-Sum"])
        #expect(found.isWhole && found.framing == .chunked)
    }

    @Test(arguments: [
        "5\nhello\r\n", "5 5\r\nhello\r\n", "g\r\nhello\r\n", "\r\nhello\r\n", "-5\r\nhello\r\n", "5\r\nhelloX\r\n",
        "5\r\nhello\n", "5;\r;\r\nhello\r\n", "10000000000000000\r\nhello\r\n", "fffffffffffffffff\r\nhello\r\n",
        ";a\r\n",
        "5;a\0b\r\nhello\r\n",
    ])
    func `broken chunks cut the body and lose no later exchange`(chunk: String) throws {
        let outcome = Conversation.turns(
            "GET /a HTTP/1.1\r\nHost: h\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n\(chunk)0\r\n\r\n",
            "GET /b HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb"
        ).play()
        let found = try #require(outcome["/a"])
        #expect(found.response.text.hasPrefix("ok"))
        #expect(found.response.end == .cut(.framingLost) && found.cause == .framingLost)
        #expect(found.response.missing.last?.length == nil)
        #expect(outcome["/b"]?.isWhole == true)
    }

    @Test func `a huge chunk size is no promise of memory`() throws {
        let found = try #require(
            Conversation.read(
                response: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\nhello"))
        #expect(found.response.text == "hello" && found.response.end == .cut(.connectionEnded))
    }

    @Test(arguments: ["HEAD", "GET"], ["204 No Content", "304 Not Modified"])
    func `responses without a body have none, whatever their fields say`(method: String, status: String) {
        let first = method == "HEAD" ? "200 OK" : status
        let outcome = Conversation.turns(
            "\(method) /a HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 \(first)\r\nContent-Length: 99\r\n\r\n",
            "GET /b HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb"
        ).play()
        #expect(outcome["/a"]?.isWhole == true && outcome["/a"]?.responseFraming == BodyFraming.none)
        #expect(outcome["/b"]?.response.text == "b")
    }

    @Test func `a response without length ends with the connection`() throws {
        let found = try #require(Conversation.read(response: "HTTP/1.1 200 OK\r\n\r\nall of it"))
        #expect(found.response.text == "all of it" && found.responseFraming == .untilClose && found.isWhole)
    }

    @Test(arguments: [
        (StreamEnd.reset, GapCause.connectionEnded), (.idle, .flowEvicted), (.evicted, .flowEvicted),
        (.captureEnded, .captureEnded), (.replaced, .connectionEnded),
    ])
    func `a response without length is whole only when the server closed`(end: StreamEnd, cause: GapCause) throws {
        let found = try #require(Conversation.read(response: "HTTP/1.1 200 OK\r\n\r\nall of it", end: end))
        #expect(found.response.end == .cut(cause) && found.cause == cause)
    }

    @Test func `a gap in a response without length is a gap of known place`() throws {
        let talk = Conversation.turns("GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nall of it")
        let found = try #require(talk.play(.init(lost: [(.fromResponder, 21..<24)])).exchanges.first)
        #expect(found.response.missing == [.init(offset: 2, length: 3, cause: .notCaptured)])
        #expect(found.response.end == .framed && found.response.bytes.count == 9)
    }

    @Test(arguments: [StreamEnd.finished, .captureEnded])
    func `a body that stops short is cut`(end: StreamEnd) throws {
        let cause: GapCause = end == .finished ? .connectionEnded : .captureEnded
        let found = try #require(
            Conversation.read(response: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", end: end))
        #expect(found.response.text == "short" && found.response.end == .cut(cause) && found.cause == cause)
    }

    @Test func `a body is complete when its last chunk came, even without the end of its trailers`() throws {
        let found = try #require(
            Conversation.read(response: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: 1\r\n")
        )
        #expect(found.response.end == .framed && found.response.trailers == nil)
    }

    @Test func `a gap beyond the end of a body costs its tail and the next head`() throws {
        let talk = Conversation.turns(
            "GET /a HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd",
            "GET /b HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nefgh",
            "GET /c HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nijkl")
        let outcome = talk.play(.init(lost: [(.fromResponder, 40..<50)], cause: .kernelDrop))
        let found = try #require(outcome["/a"])
        #expect(found.response.missing == [.init(offset: 2, length: 2, cause: .kernelDrop)])
        #expect(found.response.end == .framed && found.cause == nil)
        #expect(outcome["/b"]?.responseHead == nil && outcome["/b"]?.cause == .kernelDrop)
        #expect(outcome["/c"]?.response.text == "ijkl" && outcome["/c"]?.isWhole == true)
    }
}
