import Exchanges
import Flows
import HTTPTypes
import Objects
import Testing

@Suite struct `Limits` {
    private func limits(_ change: (inout ExchangeLimits) -> Void) -> ExchangeLimits {
        var limits = ExchangeLimits()
        change(&limits)
        return limits
    }

    /// An exchange that reaches a limit, and one behind it that does not.
    private func play(_ request: String, _ response: String, _ limits: ExchangeLimits, runBytes: Int? = nil)
        -> Conversation.Outcome
    {
        Conversation.turns(
            "GET /first HTTP/1.1\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n", request, response,
            "GET /last HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast"
        ).play(.init(runBytes: runBytes), limits: limits)
    }

    private let ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

    @Test(arguments: [nil, 1, 50]) func `a head beyond the limit of bytes is unreadable`(runBytes: Int?) {
        let head = "GET /a HTTP/1.1\r\nX: \(String(repeating: "x", count: 200))\r\n\r\n"
        let over = play(head, ok, limits { $0.headerBytes = head.utf8.count - 1 }, runBytes: runBytes)
        #expect(over["/a"] == nil && over.counters.headerByteLimit == 1 && over.counters.unreadableHeads == 1)
        #expect(over["/last"]?.isWhole == true)
        let within = play(head, ok, limits { $0.headerBytes = head.utf8.count }, runBytes: runBytes)
        #expect(within["/a"]?.isWhole == true && within.counters.headerByteLimit == 0)
    }

    @Test func `a head beyond the limit of fields is unreadable`() {
        let head = "GET /a HTTP/1.1\r\n\(String(repeating: "X: 1\r\n", count: 9))\r\n"
        let over = play(head, ok, limits { $0.headerFields = 8 })
        #expect(over["/a"] == nil && over.counters.headerFieldLimit == 1)
        #expect(over["/last"]?.isWhole == true)
        #expect(play(head, ok, limits { $0.headerFields = 9 })["/a"]?.isWhole == true)
    }

    @Test(arguments: [nil, 1, 7]) func `a chunk line beyond its limit cuts the body`(runBytes: Int?) {
        let body = "2;\(String(repeating: "e", count: 60))\r\nok\r\n0\r\n\r\n"
        let response = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body
        let over = play("GET /a HTTP/1.1\r\n\r\n", response, limits { $0.chunkLineBytes = 63 }, runBytes: runBytes)
        #expect(over["/a"]?.response.end == .cut(.framingLost) && over.counters.chunkLineLimit == 1)
        #expect(over["/last"]?.isWhole == true)
        let within = play("GET /a HTTP/1.1\r\n\r\n", response, limits { $0.chunkLineBytes = 64 }, runBytes: runBytes)
        #expect(within["/a"]?.response.text == "ok" && within["/a"]?.isWhole == true)
    }

    @Test(arguments: [nil, 1, 7]) func `trailers beyond their limit are dropped, the body is whole`(runBytes: Int?) {
        let response =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Trailer: 0123456789\r\n\r\n"
        let over = play("GET /a HTTP/1.1\r\n\r\n", response, limits { $0.trailerBytes = 24 }, runBytes: runBytes)
        #expect(over["/a"]?.response.end == .framed && over["/a"]?.response.trailers == nil)
        #expect(over.counters.trailerLimit == 1 && over["/last"]?.isWhole == true)
        let within = play("GET /a HTTP/1.1\r\n\r\n", response, limits { $0.trailerBytes = 25 }, runBytes: runBytes)
        #expect(within["/a"]?.response.trailers?[.init("X-Trailer")!] == "0123456789")
    }

    @Test(arguments: [true, false]) func `too many open requests make the flow opaque`(inTotal: Bool) {
        var talk = Conversation()
        talk.client((0..<6).map { "GET /\($0) HTTP/1.1\r\n\r\n" }.joined())
        talk.server(String(repeating: "HTTP/1.1 204 No Content\r\n\r\n", count: 6))
        let few = limits { if inTotal { $0.openExchangesTotal = 5 } else { $0.openExchanges = 5 } }
        let over = talk.play(limits: few)
        #expect(over.exchanges.count == 5 && over.exchanges.allSatisfy { $0.isFinished && $0.cause == .limit })
        #expect(over.counters.openExchangeLimit == 1 && over.counters[opaque: .tooManyOpen].flows == 1)
        let enough = limits { if inTotal { $0.openExchangesTotal = 6 } else { $0.openExchanges = 6 } }
        #expect(talk.play(limits: enough).exchanges.filter { $0.isWhole }.count == 6)
    }

    @Test func `incomplete heads of all flows share one budget and give it back`() {
        var engine = HTTPEngine(limits: limits { $0.partialBytesTotal = 25 }, sink: Recorder())
        let part = Array("GET /a HTTP/1.1\r\n".utf8)
        let flows = (0..<2).map { FlowHandle(slot: $0, number: UInt64($0) + 1) }
        for flow in flows {
            engine.open(flow, .test(), .at(0, nil))
            engine.bytes(flow, .fromInitiator, part.span.bytes, at: 0, isSegmentStart: true, .at(1, 0))
        }
        #expect(engine.counters.partialByteLimit == 1 && engine.counters.unreadableHeads == 1)
        engine.close(flows[0], .at(2, nil))
        engine.close(flows[1], .at(2, nil))
        let flow = FlowHandle(slot: 1, number: 3)
        engine.open(flow, .test(), .at(3, nil))
        engine.bytes(flow, .fromInitiator, part.span.bytes, at: 0, isSegmentStart: true, .at(3, 0))
        let rest = Array("\r\n".utf8)
        engine.bytes(flow, .fromInitiator, rest.span.bytes, at: 17, isSegmentStart: true, .at(4, 0))
        #expect(engine.counters.partialByteLimit == 1 && engine.sink.all.map(\.path) == ["/a"])
    }

    @Test func `flows beyond the limit are passed over and counted`() {
        var engine = HTTPEngine(limits: limits { $0.flows = 1 }, sink: Recorder())
        let bytes = Array("GET /a HTTP/1.1\r\n\r\n".utf8)
        for slot in [Int32(0), 1, -1] {
            let flow = FlowHandle(slot: slot, number: UInt64(slot + 2))
            engine.open(flow, .test(), .at(0, nil))
            engine.bytes(flow, .fromInitiator, bytes.span.bytes, at: 0, isSegmentStart: true, .at(1, 0))
            engine.gap(flow, .fromInitiator, at: 19, length: 5, cause: .notCaptured, .at(1, 0))
            engine.end(flow, .fromInitiator, .finished, .at(2, nil))
            engine.close(flow, .at(3, nil))
        }
        #expect(engine.sink.order.count == 1 && engine.counters.flowLimit == 2)
        #expect(engine.counters[opaque: .overFlowLimit].flows == 2)
        #expect(engine.counters[opaque: .overFlowLimit].bytes == UInt64(2 * bytes.count))
    }
}
