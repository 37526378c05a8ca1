import Exchanges
import Flows
import HTTPTypes
import Objects
import TestSupport
import Testing

@Suite struct `Engine` {
    private let bytes = Array("PUT /a HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc".utf8)

    @Test func `a slot that is used again begins anew`() {
        var engine = HTTPEngine(sink: Recorder())
        for number in 1...2 as ClosedRange<UInt64> {
            let flow = FlowHandle(slot: 5, number: number)
            engine.open(flow, .test(), .at(0, nil))
            engine.bytes(flow, .fromInitiator, bytes.span.bytes, at: 0, isSegmentStart: true, .at(1, 0))
            engine.end(flow, .fromInitiator, .reset, .at(2, nil))
            engine.end(flow, .fromResponder, .reset, .at(2, nil))
            engine.close(flow, .at(2, nil))
        }
        #expect(engine.sink.all.map(\.request.end) == [.cut(.connectionEnded), .cut(.connectionEnded)])
        #expect(engine.sink.all.allSatisfy { $0.isFinished && $0.cause == .connectionEnded })
    }

    @Test func `a flow that opens in a slot still in use ends the old one`() {
        var engine = HTTPEngine(sink: Recorder())
        let flow = FlowHandle(slot: 0, number: 1)
        engine.open(flow, .test(), .at(0, nil))
        engine.bytes(flow, .fromInitiator, bytes.span.bytes, at: 0, isSegmentStart: true, .at(1, 0))
        engine.open(FlowHandle(slot: 0, number: 2), .test(), .at(3, nil))
        #expect(engine.sink.all.map(\.isFinished) == [true])
        engine.bytes(flow, .fromInitiator, bytes.span.bytes, at: 41, isSegmentStart: true, .at(4, 0))
        engine.close(flow, .at(5, nil))
        #expect(engine.sink.order.count == 1, "calls for the old flow are not for the new one")
    }

    @Test func `holes and overlaps against the assembler's promise harm only what they touch`() {
        var engine = HTTPEngine(sink: Recorder())
        let flow = FlowHandle(slot: 0, number: 1)
        engine.open(flow, .test(), .at(0, nil))
        engine.bytes(flow, .fromInitiator, bytes.span.bytes, at: 0, isSegmentStart: true, .at(1, 0))
        engine.bytes(flow, .fromInitiator, Array("bcd".utf8).span.bytes, at: 39, isSegmentStart: true, .at(1, 0))
        engine.bytes(flow, .fromInitiator, Array("hi".utf8).span.bytes, at: 45, isSegmentStart: true, .at(1, 0))
        engine.end(flow, .fromInitiator, .finished, .at(2, nil))
        engine.end(flow, .fromResponder, .finished, .at(2, nil))
        engine.close(flow, .at(2, nil))
        let found = engine.sink.all[0]
        #expect(found.request.missing == [.init(offset: 4, length: 3, cause: .notCaptured)])
        #expect(found.request.text == "abcd\0\0\0hi" && found.request.end == .framed)
    }

    @Test func `random bytes after any beginning crash nothing and hang nothing`() {
        var random = SeededGenerator(seed: 11)
        let beginnings = [
            "", "GET /a HTTP/1.1\r\n", "PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "PUT /a HTTP/1.1\r\nContent-Length: 9000\r\n\r\n",
        ]
        let letters = Array("GETPU /:HTTP/1.1\r\n\r\n0123456789abcdef;,=?&%\0\u{7f}".utf8)
        for round in 0..<3_000 {
            var talk = Conversation(segmentBytes: Int.random(in: 1...80, using: &random))
            talk.client(beginnings[round % beginnings.count])
            for _ in 0..<4 {
                let noise = (0..<Int.random(in: 1...150, using: &random)).map { _ in
                    Bool.random(using: &random)
                        ? letters[Int.random(in: 0..<letters.count, using: &random)]
                        : UInt8.random(in: 0...255, using: &random)
                }
                talk.send(Bool.random(using: &random) ? .fromInitiator : .fromResponder, noise)
                if Bool.random(using: &random) { talk.server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") }
            }
            let start = UInt64.random(in: 0..<100, using: &random)
            let outcome = talk.play(
                .init(lost: round.isMultiple(of: 3) ? [(.fromInitiator, start..<start + 20)] : [], end: .reset))
            #expect(outcome.exchanges.allSatisfy { $0.isFinished })
        }
    }

    @Test func `counters and outcomes add up`() {
        let outcome = mixedConversation().play(.init(lost: [(.fromResponder, 300..<420), (.fromInitiator, 500..<520)]))
        let counters = outcome.counters
        #expect(counters.requests == UInt64(outcome.exchanges.count))
        #expect(counters.responses == UInt64(outcome.exchanges.filter { $0.responseHead != nil }.count))
        let ended = counters.completeExchanges + counters.cutExchanges + counters.unansweredExchanges
        #expect(ended == counters.requests)
        #expect(counters.unreadableBytes > 0)
    }
}
