import Exchanges
import Flows
import HTTPTypes
import Objects
import Testing

@Suite struct `Splits` {
    /// Everything that a message may consist of, in one pair of streams.
    private static let talk: Conversation = {
        var talk = mixedConversation(segmentBytes: 4_096)
        talk.client("PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        talk.server("HTTP/1.1 417 No\r\nX-Answers: /x\r\nContent-Length: 2\r\n\r\nno")
        talk.client("\r\nGET /y HTTP/1.1\r\nFold: a\r\n b\r\nHost: h\r\n\r\n")
        talk.server("HTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nX-Answers: /y\r\n\r\nuntil close")
        return talk
    }()

    @Test(arguments: [1, 2, 3, 5, 7, 64, 1_000]) func `runs of any size give the same exchanges`(size: Int) {
        let whole = Self.talk.play()
        #expect(whole.exchanges.count == 12 && whole.counters.unpairedResponses == 0)
        let split = Self.talk.play(.init(runBytes: size))
        #expect(split.exchanges == whole.exchanges)
        #expect(split.counters == whole.counters)
    }

    @Test func `a segment cut in two at any place gives the same exchanges`() {
        let whole = Self.talk.play()
        for (index, segment) in Self.talk.segments.enumerated() {
            for place in 1..<segment.bytes.count {
                var talk = Self.talk
                let head = Conversation.Segment(
                    half: segment.half, offset: segment.offset, bytes: Array(segment.bytes[..<place]),
                    acknowledged: segment.acknowledged)
                let tail = Conversation.Segment(
                    half: segment.half, offset: segment.offset + UInt64(place), bytes: Array(segment.bytes[place...]),
                    acknowledged: segment.acknowledged)
                talk.segments.replaceSubrange(index...index, with: [head, tail])
                #expect(talk.play().exchanges == whole.exchanges, "segment \(index) cut at \(place)")
            }
        }
    }

    @Test func `a resynchronised flow is read the same in small runs`() {
        let lost: [(half: HalfConnection, range: Range<UInt64>)] = [
            (.fromInitiator, 3..<9), (.fromResponder, 230..<260),
        ]
        let whole = Self.talk.play(.init(lost: lost))
        #expect(whole.counters.resynchronisations >= 2)
        #expect(Self.talk.play(.init(lost: lost, runBytes: 16)).exchanges == whole.exchanges)
    }

    @Test func `bodies are handed on as slices of what came`() {
        let body = [UInt8](repeating: 7, count: 14_480)
        var talk = Conversation()
        talk.exchange("PUT", "/a", sending: body)
        talk.exchange("GET", "/b", answering: body, codedAnswer: chunked(body, by: 2_896))
        var engine = HTTPEngine(sink: SliceWatcher())
        let flow = FlowHandle(slot: 0, number: 1)
        engine.open(flow, .test(), .at(0, nil))
        for segment in talk.segments {
            segment.bytes.withUnsafeBytes { buffer in
                engine.sink.current = buffer
                engine.bytes(
                    flow, segment.half, buffer.bytes, at: segment.offset, isSegmentStart: true,
                    .at(1, segment.acknowledged))
            }
        }
        #expect(engine.sink.strangers == 0)
        #expect(engine.sink.payload == 2 * body.count)
        // One call per segment of the plain body; in the chunked one also one more per chunk that begins inside.
        #expect(engine.sink.calls <= 10 + 11 + 5)
    }
}

/// Sees to it that payload lies in the buffer that came.
private struct SliceWatcher: ExchangeSink, ~Copyable {
    var current: UnsafeRawBufferPointer?
    var strangers = 0
    var payload = 0
    var calls = 0

    private mutating func watch(_ bytes: RawSpan) {
        calls += 1
        payload += bytes.byteCount
        let isInside = bytes.withUnsafeBytes { slice in
            guard let current, let outer = current.baseAddress, let inner = slice.baseAddress else { return false }
            return inner >= outer && inner + slice.count <= outer + current.count
        }
        strangers += isInside ? 0 : 1
    }

    mutating func requestBody(_ exchange: ExchangeID, _ bytes: RawSpan, at: UInt64, _ context: SegmentContext) {
        watch(bytes)
    }
    mutating func responseBody(_ exchange: ExchangeID, _ bytes: RawSpan, at: UInt64, _ context: SegmentContext) {
        watch(bytes)
    }
    mutating func request(
        _ exchange: ExchangeID, _ flow: FlowHandle, _ head: RequestHead, _ framing: BodyFraming,
        _ context: SegmentContext
    ) {}
    mutating func requestGap(
        _ exchange: ExchangeID, at: UInt64, length: UInt64?, cause: GapCause, _ context: SegmentContext
    ) {}
    mutating func requestEnd(
        _ exchange: ExchangeID, _ end: BodyEnd, trailers: HTTPFields?, _ context: SegmentContext
    ) {}
    mutating func response(
        _ exchange: ExchangeID, _ head: ResponseHead, _ framing: BodyFraming, _ context: SegmentContext
    ) {}
    mutating func responseGap(
        _ exchange: ExchangeID, at: UInt64, length: UInt64?, cause: GapCause, _ context: SegmentContext
    ) {}
    mutating func responseEnd(
        _ exchange: ExchangeID, _ end: BodyEnd, trailers: HTTPFields?, _ context: SegmentContext
    ) {}
    mutating func finish(_ exchange: ExchangeID, cause: GapCause?, _ context: SegmentContext) {}
}
