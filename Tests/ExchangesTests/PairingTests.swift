import Exchanges
import Flows
import HTTPTypes
import Objects
import Testing

@Suite struct `Pairing` {
    private func get(_ path: String) -> String { "GET \(path) HTTP/1.1\r\nHost: h\r\n\r\n" }
    private func answer(_ body: String) -> String {
        "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    @Test func `pipelined responses belong to their requests in order`() {
        var talk = Conversation(segmentBytes: 100)
        talk.client((0..<20).map { get("/\($0)") }.joined())
        talk.server((0..<20).map { answer("to /\($0)") }.joined())
        let outcome = talk.play()
        #expect(outcome.exchanges.map(\.path) == (0..<20).map { "/\($0)" })
        #expect(outcome.exchanges.map(\.response.text) == (0..<20).map { "to /\($0)" })
        #expect(outcome.exchanges.allSatisfy { $0.isWhole })
    }

    @Test func `a gap inside a body does not disturb pipelined requests`() {
        var talk = Conversation()
        talk.client(get("/a") + get("/b"))
        talk.server(answer("0123456789") + answer("b"))
        let outcome = talk.play(.init(lost: [(.fromResponder, 42..<45)]))
        #expect(outcome["/a"]?.response.missing == [.init(offset: 3, length: 3, cause: .notCaptured)])
        #expect(outcome["/b"]?.response.text == "b" && outcome["/b"]?.isWhole == true)
    }

    @Test func `pipelined requests whose responses lost sync pair with nothing`() {
        var talk = Conversation()
        talk.client(get("/a") + get("/b") + get("/c"))
        talk.server(answer("a") + answer("b") + answer("c"))
        talk.client(get("/d"))
        talk.server(answer("d"))
        let outcome = talk.play(.init(lost: [(.fromResponder, 5..<8)]))
        #expect(outcome.exchanges.map(\.path) == ["/a", "/b", "/c"])
        #expect(outcome.exchanges.allSatisfy { $0.responseHead == nil && $0.isFinished && $0.cause != nil })
        #expect(outcome.counters[opaque: .pipelinedAfterLoss].flows == 1)
        #expect(outcome.counters[opaque: .pipelinedAfterLoss].bytes > 0)
    }

    @Test func `a response whose sender knew of later requests is not paired after a loss`() {
        var talk = Conversation()
        talk.client(get("/a") + get("/b") + get("/c"))
        talk.server(answer("a") + answer("b") + answer("c"))
        talk.client(get("/d"))
        talk.server(answer("d"))
        let outcome = talk.play(.init(lost: [(.fromInitiator, 40..<45)]))
        #expect(outcome["/a"]?.responseHead == nil && outcome["/a"]?.isFinished == true)
        #expect(outcome["/d"]?.response.text == "d" && outcome["/d"]?.isWhole == true)
        #expect(outcome.exchanges.count == 2)
    }

    @Test func `a client that begins to pipeline after a loss is not followed`() {
        var talk = Conversation()
        talk.client(get("/a"))
        talk.server(answer("a"))
        talk.client(get("/b"))
        talk.client(get("/c"))
        talk.server(answer("b"))
        talk.server(answer("c"))
        let head = UInt64(get("/a").utf8.count)
        let outcome = talk.play(.init(lost: [(.fromInitiator, 2..<head)]))
        #expect(outcome.exchanges.allSatisfy { $0.responseHead == nil })
        #expect(outcome.counters[opaque: .pipelinedAfterLoss].flows == 1)
    }

    @Test func `interim responses are swallowed`() throws {
        let found = try #require(
            Conversation.read(
                response: "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" + answer("ok"))
        )
        #expect(found.responseHead?.status == 200 && found.response.text == "ok" && found.isWhole)
    }

    @Test func `a response may begin and end before its request has ended`() throws {
        var talk = Conversation()
        talk.client("PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n01234")
        talk.server("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
        talk.client("56789")
        talk.client(get("/b"))
        talk.server(answer("b"))
        let outcome = talk.play()
        #expect(outcome["/a"]?.request.text == "0123456789" && outcome["/a"]?.response.text == "no")
        #expect(outcome["/a"]?.isWhole == true && outcome["/b"]?.response.text == "b")
    }

    @Test func `a second response to one request is unpaired`() {
        let outcome = Conversation.turns(get("/a"), answer("a") + answer("again"), get("/b"), answer("b")).play()
        #expect(outcome["/a"]?.response.text == "a")
        #expect(outcome["/b"]?.response.text == "b" && outcome["/b"]?.isWhole == true)
        #expect(outcome.counters.unpairedResponses == 1 && outcome.counters.responses == 2)
    }

    @Test func `requests without an answer are finished when the flow ends`() {
        for (end, cause) in [(StreamEnd.finished, GapCause.connectionEnded), (.captureEnded, .captureEnded)] {
            let outcome = Conversation.turns(get("/a"), answer("a"), get("/b")).play(.init(end: end))
            #expect(outcome["/b"]?.isFinished == true && outcome["/b"]?.cause == cause)
            #expect(outcome.counters.unansweredExchanges == 1 && outcome.counters.completeExchanges == 1)
        }
    }

    @Test func `a lost response head leaves its request without an answer`() {
        let talk = Conversation.turns(get("/a"), answer("a"), get("/b"), answer("b"))
        let outcome = talk.play(.init(lost: [(.fromResponder, 3..<9)], cause: .snapped))
        #expect(outcome["/a"]?.responseHead == nil && outcome["/a"]?.cause == .snapped)
        #expect(outcome["/b"]?.isWhole == true)
        #expect(outcome.counters.lostHeads == 1 && outcome.counters.resynchronisations == 1)
    }

    @Test func `a client that pipelined before a loss is not followed behind it`() {
        // Two requests are always under way, so /e acknowledges what stands before the response to /d.
        var talk = Conversation()
        talk.client(get("/a") + get("/b"))
        talk.server(answer("a") + answer("b"))
        let lost = talk.sent(by: .fromInitiator)
        talk.client(get("/c"))
        talk.client(get("/d"))
        talk.server(answer("c"))
        talk.client(get("/e"))
        talk.server(answer("d"))
        talk.server(answer("e"))
        let outcome = talk.play(.init(lost: [(.fromInitiator, lost..<lost + 5)]))
        #expect(outcome.exchanges.map(\.path) == ["/a", "/b"])
        #expect(outcome.exchanges.allSatisfy { $0.isWhole })
        #expect(outcome.counters[opaque: .pipelinedAfterLoss].flows == 1)
    }

    @Test func `a response sent before the request came is not its answer`() {
        // The server closes an idle connection with 408 while the client sends.
        let timeout = Array("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n".utf8)
        var talk = Conversation.turns(get("/a"), answer("a"))
        let received = talk.sent(by: .fromInitiator)
        talk.client(get("/b"))
        talk.send(.fromResponder, timeout, acknowledged: received)
        for delivery in [
            Conversation.Delivery(lost: [(.fromResponder, 3..<9)]), .init(firstSegment: 1), .init(firstSegment: 2),
        ] {
            let outcome = talk.play(delivery)
            #expect(outcome.exchanges.allSatisfy { $0.responseHead == nil })
            // Seen first, the request was only on probation.
            #expect(delivery.firstSegment < 2 || outcome.exchanges.isEmpty)
        }
    }

    @Test func `a request sent again does not take the middle of its response for the beginning`() {
        // The first copy of /b was not captured; the second acknowledges a part of its own response, behind which the
        // body goes on with what looks like a response.
        var engine = HTTPEngine(sink: Recorder())
        let flow = FlowHandle(slot: 0, number: 1)
        func send(_ half: HalfConnection, _ text: String, at offset: UInt64, _ acknowledged: UInt64) {
            let bytes = Array(text.utf8)
            engine.bytes(flow, half, bytes.span.bytes, at: offset, isSegmentStart: true, .at(1, acknowledged))
        }
        let size = UInt64(get("/a").utf8.count)
        engine.open(flow, .test(), .at(0, nil))
        send(.fromInitiator, get("/a"), at: 0, 0)
        engine.gap(flow, .fromResponder, at: 0, length: 40, cause: .notCaptured, .at(1, size))
        send(.fromResponder, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", at: 40, 2 * size)
        send(.fromInitiator, get("/b"), at: size, 79)
        send(.fromResponder, answer("fake"), at: 79, 2 * size)
        engine.close(flow, .at(2, nil))
        #expect(engine.sink.all.map(\.path) == ["/a", "/b"])
        #expect(engine.sink.all.allSatisfy { $0.responseHead == nil && $0.isFinished })
    }

    @Test func `after an exchange proven by its place pipelining is followed again`() {
        var talk = Conversation.turns(get("/a"), answer("a"), get("/b"), answer("b"))
        talk.client(get("/c") + get("/d"))
        talk.server(answer("c") + answer("d"))
        let outcome = talk.play(.init(lost: [(.fromResponder, 3..<9)]))
        #expect(outcome["/c"]?.response.text == "c" && outcome["/d"]?.response.text == "d")
    }

    // MARK: Expect

    private let put = "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-Continue\r\n\r\n"

    @Test func `an accepted expectation is followed by the body`() {
        let talk = Conversation.turns(put, "HTTP/1.1 100 Continue\r\n\r\n", "hello", answer("stored"))
        let outcome = talk.play()
        #expect(outcome["/a"]?.request.text == "hello" && outcome["/a"]?.isWhole == true)
        #expect(outcome.counters.interimResponses == 1)
    }

    @Test func `a client need not wait for the interim response`() {
        let talk = Conversation.turns(put + "hello", "HTTP/1.1 100 Continue\r\n\r\n" + answer("stored"))
        #expect(talk.play()["/a"]?.isWhole == true)
    }

    @Test func `a refused body that is kept back is not taken from the next request`() {
        let refusal = "HTTP/1.1 417 No\r\nContent-Length: 2\r\n\r\nno"
        let outcome = Conversation.turns(put, refusal, get("/b"), answer("b")).play()
        #expect(outcome["/a"]?.request.bytes.isEmpty == true)
        #expect(outcome["/a"]?.request.end == .cut(.connectionEnded) && outcome["/a"]?.responseHead?.status == 417)
        #expect(outcome["/b"]?.response.text == "b" && outcome["/b"]?.isWhole == true)
        #expect(outcome.counters.withheldBodies == 1)
    }

    @Test func `a refused body that is sent all the same is the body`() {
        let refusal = "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno"
        let outcome = Conversation.turns(put, refusal, "hello" + get("/b"), answer("b")).play()
        #expect(outcome["/a"]?.request.text == "hello" && outcome["/a"]?.isWhole == true)
        #expect(outcome["/b"]?.isWhole == true)
    }

    @Test func `a body that looks like a request and was sent before the refusal came is the body`() {
        let body = "GET /fake HTTP/1.1\r\n\r\n"
        var talk = Conversation()
        talk.client("PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: \(body.utf8.count)\r\nExpect: 100-continue\r\n\r\n")
        talk.server("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno")
        talk.send(.fromInitiator, Array(body.utf8), acknowledged: 0)
        talk.client(get("/b"))
        talk.server(answer("b"))
        let outcome = talk.play()
        #expect(outcome.exchanges.map(\.path) == ["/a", "/b"])
        #expect(outcome["/a"]?.request.text == body && outcome["/b"]?.isWhole == true)
    }

    @Test func `a connection that closes after a refusal keeps the refusal`() {
        let outcome = Conversation.turns(put, "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno").play()
        #expect(outcome["/a"]?.response.text == "no" && outcome["/a"]?.cause == .connectionEnded)
    }

    // MARK: Changes of protocol

    @Test func `an upgraded flow is passed over`() {
        var talk = Conversation.turns(
            "GET /chat HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\n\r\n\u{1}\u{2}")
        talk.client(get("/not-http"))
        let outcome = talk.play()
        #expect(outcome.exchanges.count == 1 && outcome["/chat"]?.responseHead?.status == 101)
        #expect(outcome["/chat"]?.isWhole == true)
        #expect(outcome.counters[opaque: .upgraded].flows == 1)
        #expect(outcome.counters[opaque: .upgraded].bytes == UInt64(2 + get("/not-http").utf8.count))
    }

    @Test func `a tunnel is passed over, a refused one is not`() {
        let connect = "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n"
        let tunnel = Conversation.turns(connect, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", get("/in")).play()
        #expect(tunnel.exchanges.map(\.head.method) == ["CONNECT"] && tunnel.exchanges.first?.isWhole == true)
        #expect(tunnel.exchanges.first?.head.authority == "h:443")
        #expect(tunnel.counters[opaque: .tunnelled].flows == 1)
        let refused = Conversation.turns(
            connect, "HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno", get("/b"), answer("b"))
        #expect(refused.play()["/b"]?.isWhole == true)
    }
}
