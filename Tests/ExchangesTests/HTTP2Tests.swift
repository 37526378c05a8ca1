import Exchanges
import Flows
import HTTPTypes
import Objects
import Testing

@Suite struct `HTTP/2` {
    @Test func `a request and its response are an exchange like any other`() throws {
        var script = HTTP2Script()
        script.request(1, "PUT", "/bucket/key%20a?x=1&X-Amz-Signature=s", [("content-length", "5"), ("cookie", "c")])
        script.data(.fromInitiator, 1, Array("hello".utf8))
        script.response(1, "a", [("etag", "\"e\""), ("set-cookie", "secret")], ends: true)
        let outcome = script.talk.play()
        let exchange = try #require(outcome.exchanges.first)
        #expect(outcome.exchanges.count == 1 && exchange.isWhole)
        #expect(exchange.head.method == "PUT" && exchange.path == "/bucket/key%20a")
        #expect(exchange.head.authority == "h.example:80" && exchange.framing == .length(5))
        #expect(exchange.head.query == [QueryItem(name: "x", value: "1")])
        #expect(exchange.head.credentials == .awsSignatureV4 && exchange.head.fields[.cookie] == nil)
        #expect(exchange.request.text == "hello" && exchange.responseHead?.fields[.eTag] == "\"e\"")
        #expect(exchange.responseHead?.fields.count == 2 && exchange.responseFraming == BodyFraming.none)
        #expect(outcome.counters.http2.connections == 1 && outcome.counters[opaque: .http2].flows == 0)
        #expect(outcome.counters.completeExchanges == 1)
    }

    @Test func `streams interleave, with padding, priority, continuations, interim responses and trailers`() throws {
        let outcome = mixedScript().talk.play()
        #expect(outcome.exchanges.count == 5 && outcome.exchanges.allSatisfy(\.isWhole))
        #expect(outcome["/one"]?.request.bytes == pattern(40_000, 1))
        #expect(outcome["/two"]?.request.bytes == pattern(30_000, 2))
        #expect(outcome["/two"]?.request.trailers?.first?.value == "t")
        #expect(outcome["/three"]?.response.bytes == pattern(50_000, 3))
        #expect(outcome["/three"]?.responseFraming == .chunked)
        #expect(outcome["/head"]?.responseFraming == BodyFraming.none)
        #expect(outcome["/empty"]?.responseHead?.status == 204)
        #expect(outcome.counters.interimResponses == 1 && outcome.counters.http2.windowExcesses == 0)
        for exchange in outcome.exchanges { #expect(exchange.answers == exchange.path) }
    }

    @Test(arguments: [1, 2, 3, 5, 7, 8, 9, 10, 64, 1_000, 100_000])
    func `runs of any size give the same exchanges`(size: Int) {
        let talk = mixedScript().talk
        let whole = talk.play()
        let split = talk.play(.init(runBytes: size))
        #expect(split.exchanges == whole.exchanges && split.counters == whole.counters)
        #expect(talk.play(.init(runBytes: size, swapsHalves: true)).exchanges == whole.exchanges)
    }

    @Test func `an upgrade from HTTP 1.1 makes the request stream 1`() throws {
        var script = HTTP2Script(preface: false)
        script.talk.client(
            "GET /up HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                + "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n")
        script.talk.server("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        script.settings(.fromResponder)
        script.response(1, "/up", [("content-length", "3")])
        script.data(.fromResponder, 1, Array("one".utf8))
        script.talk.send(.fromInitiator, HTTP2Script.preface)
        script.settings(.fromInitiator)
        script.request(3, "GET", "/next", ends: true)
        script.response(3, "/next", ends: true)
        for size in [nil, 1, 7] {
            let outcome = script.talk.play(.init(runBytes: size))
            #expect(outcome.exchanges.map(\.path) == ["/up", "/next"] && outcome.exchanges.allSatisfy(\.isWhole))
            #expect(outcome["/up"]?.response.text == "one" && outcome.counters.interimResponses == 1)
            #expect(outcome.counters[opaque: .upgraded].flows == 0)
        }
    }

    @Test func `a body must have the length that its head states`() {
        for (sent, end) in [(4, BodyEnd.cut(.framingLost)), (5, .framed), (6, .cut(.framingLost))] {
            var script = HTTP2Script()
            script.request(1, "PUT", "/a", [("content-length", "5")])
            script.data(.fromInitiator, 1, pattern(sent, 0))
            script.response(1, "/a", ends: true)
            let outcome = script.talk.play()
            #expect(outcome["/a"]?.request.end == end && outcome["/a"]?.request.bytes.count == min(sent, 5))
            #expect(outcome.counters.http2.lengthMismatches == (sent == 5 ? 0 : 1))
        }
    }

    @Test func `a reset stream is cut, and the others go on`() {
        var script = HTTP2Script()
        script.request(1, "PUT", "/a")
        script.request(3, "PUT", "/b")
        script.data(.fromInitiator, 1, pattern(10, 0), ends: false)
        script.send(.fromInitiator, 3, 0, 1, [0, 0, 0, 8])
        script.data(.fromInitiator, 3, pattern(10, 0))
        script.response(3, "/b", ends: true)
        let outcome = script.talk.play()
        #expect(outcome["/a"]?.request.end == .cut(.connectionEnded) && outcome["/a"]?.isFinished == true)
        #expect(outcome["/b"]?.isWhole == true && outcome.counters.http2.resetStreams == 1)
    }

    @Test func `GOAWAY ends the streams that the server will not process`() {
        var script = HTTP2Script()
        script.request(1, "GET", "/a", ends: true)
        script.request(3, "GET", "/b", ends: true)
        script.send(.fromResponder, 7, 0, 0, [0, 0, 0, 1, 0, 0, 0, 0])
        script.response(1, "/a", ends: true)
        let outcome = script.talk.play(.init(end: nil))
        #expect(outcome["/a"]?.isWhole == true && outcome["/b"]?.cause == .connectionEnded)
    }

    @Test func `pushed streams are passed over, and their blocks keep the table right`() {
        var script = HTTP2Script()
        script.request(1, "GET", "/a", ends: true)
        let promised = script.block(
            .fromResponder, [(":method", "GET"), (":path", "/pushed"), (":scheme", "http"), ("x-new", "1")])
        script.send(.fromResponder, 5, 4, 1, [0, 0, 0, 2] + promised)
        script.response(2, "/pushed", [("x-new", "1")])
        script.data(.fromResponder, 2, pattern(100, 0))
        script.response(1, "/a", [("x-new", "1")], ends: true)
        let outcome = script.talk.play()
        #expect(outcome.exchanges.count == 1 && outcome["/a"]?.isWhole == true)
        #expect(outcome["/a"]?.responseHead?.fields.count == 2)
        #expect(outcome.counters.http2.pushedStreams == 1 && outcome.counters.http2.unnamedBytes == 100)
    }

    @Test func `malformed requests name nothing`() {
        let heads: [[(String, String)]] = [
            [(":method", "GET"), (":scheme", "http")],
            [(":method", "GET"), (":path", "/a b"), (":authority", "h")],
            [(":method", "GET"), (":path", "/a"), ("host", "h"), (":authority", "h")],
            [(":method", "GET"), (":path", "/a"), (":path", "/b")],
            [(":method", "GET"), (":path", "/a"), ("X-Upper", "h")],
            [(":method", "GET"), (":path", "/a"), ("x", "h\r\nhost: evil")],
            [(":method", "GET"), (":path", "/a"), ("transfer-encoding", "chunked")],
            [(":method", "GET"), (":path", "/a"), ("x y", "h")],
            [(":method", "GET"), (":path", "/a"), (":status", "200")],
            [(":method", "GET HTTP/1.1\r\nx: "), (":path", "/a")],
            [(":method", "GET"), (":path", "/a"), ("content-length", "1"), ("content-length", "2")],
        ]
        for head in heads {
            var script = HTTP2Script()
            script.headers(.fromInitiator, 1, head, ends: true)
            script.response(1, "/a", ends: true)
            script.request(3, "GET", "/b", ends: true)
            script.response(3, "/b", ends: true)
            let outcome = script.talk.play()
            #expect(outcome.exchanges.map(\.path) == ["/b"] && outcome.exchanges[0].isWhole, "\(head)")
            #expect(outcome.counters.http2.unnamedExchanges == 1 && outcome.counters.unreadableHeads == 1)
        }
    }

    @Test func `whatever ends the connection, every exchange is finished once`() {
        let script = mixedScript()
        for count in stride(from: 0, to: script.talk.segments.count, by: 3) {
            for end in [StreamEnd.finished, .reset, .idle, .evicted, .captureEnded, .replaced] {
                var talk = script.talk
                talk.segments.removeSubrange(count...)
                let outcome = talk.play(.init(end: end))
                let isFinished = outcome.exchanges.allSatisfy(\.isFinished)
                #expect(isFinished)
            }
        }
    }

    @Test func `a broken preface or first frame is not HTTP 2`() {
        for bytes in [
            Array("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n".utf8), HTTP2Script.preface + [0, 0, 4, 8, 0, 0, 0, 0, 0],
        ] {
            var talk = Conversation()
            talk.send(.fromInitiator, bytes + pattern(100, 0))
            let outcome = talk.play()
            #expect(outcome.exchanges.isEmpty && outcome.counters[opaque: .http2].flows == 1)
            #expect(outcome.counters[opaque: .http2].bytes == UInt64(bytes.count + 100))
        }
    }

    @Test func `DATA beyond the window is counted`() {
        var script = HTTP2Script()
        script.request(1, "PUT", "/a")
        script.data(.fromInitiator, 1, pattern(65_536, 0))
        script.response(1, "/a", ends: true)
        let outcome = script.talk.play()
        #expect(outcome["/a"]?.isWhole == true && outcome.counters.http2.windowExcesses == 1)
    }
}

/// Five exchanges with everything that frames may hold.
func mixedScript(segmentBytes: Int = 1_448) -> HTTP2Script {
    var script = HTTP2Script(segmentBytes: segmentBytes)
    script.settings(.fromResponder, [(1, 8_192)])
    script.settings(.fromInitiator, [(5, 32_768)])
    script.send(.fromInitiator, 4, 1, 0)
    script.send(.fromResponder, 8, 0, 0, [0, 1, 0, 0])
    script.send(.fromInitiator, 8, 0, 0, [0, 1, 0, 0])
    let (one, two) = (pattern(40_000, 1), pattern(30_000, 2))
    script.request(
        1, "PUT", "/one", [("content-length", "40000"), ("x-long", String(repeating: "y", count: 300))], by: 50)
    script.request(3, "POST", "/two")
    for part in 0..<10 {
        script.data(.fromInitiator, 1, Array(one[part * 4_000..<part * 4_000 + 4_000]), ends: part == 9)
        script.send(.fromInitiator, 2, 0, 3, [0, 0, 0, 0, 16])
        script.data(
            .fromInitiator, 3, Array(two[part * 3_000..<part * 3_000 + 3_000]), ends: false, by: 1_000, padding: part)
        script.send(.fromInitiator, 0x42, 0xFF, 77, [1, 2, 3])
    }
    script.headers(.fromInitiator, 3, [("x-trailer", "t"), ("authorization", "secret")], ends: true)
    let get = script.block(
        .fromInitiator, [(":method", "GET"), (":path", "/three"), (":scheme", "http"), (":authority", "h.example:80")])
    script.send(.fromInitiator, 1, 0x2D, 5, [3, 0, 0, 0, 1, 200] + get + [0, 0, 0])
    script.request(7, "HEAD", "/head", ends: true)
    script.request(9, "DELETE", "/empty", ends: true)
    script.headers(.fromResponder, 5, [(":status", "103"), ("link", "</x>")])
    script.response(5, "/three")
    script.response(7, "/head", [("content-length", "1000")], ends: true)
    script.data(.fromResponder, 5, pattern(50_000, 3), by: 20_000, padding: 255)
    script.response(9, "/empty", status: "204", ends: true)
    script.response(1, "/one", [("x-same", "1")], ends: true)
    script.response(3, "/two", [("x-same", "1"), ("content-length", "0")], ends: true)
    script.send(.fromInitiator, 6, 0, 0, [UInt8](repeating: 1, count: 8))
    return script
}
