import Exchanges
import Flows
import HTTPTypes
import Objects

/// A scripted conversation over one connection: who says what, in segments with the positions TCP would have sent.
struct Conversation {
    /// A segment on the wire, in the order of capture.
    struct Segment {
        var half: HalfConnection
        var offset: UInt64
        var bytes: [UInt8]
        var acknowledged: UInt64

        var range: Range<UInt64> { offset..<offset + UInt64(bytes.count) }
    }

    /// What one exchange is in truth.
    struct Truth {
        var path: String
        var method: String
        var request: Range<UInt64>
        var requestHead: Range<UInt64>
        var requestBody: [UInt8]
        /// From the first interim response to the end.
        var response: Range<UInt64>
        var responseHead: Range<UInt64>
        var responseBody: [UInt8]
    }

    var segmentBytes: Int
    var segments: [Segment] = []
    var truths: [Truth] = []
    private var sent: [UInt64] = [0, 0]

    init(segmentBytes: Int = 1_448) { self.segmentBytes = segmentBytes }

    /// Bytes that this half has sent so far.
    func sent(by half: HalfConnection) -> UInt64 { sent[Int(half.rawValue)] }

    /// Sends bytes in segments; the sender has received everything the other side sent so far, or `acknowledged`.
    mutating func send(_ half: HalfConnection, _ bytes: [UInt8], acknowledged: UInt64? = nil) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = Array(rest.prefix(segmentBytes))
            rest = rest.dropFirst(part.count)
            segments.append(
                Segment(
                    half: half, offset: sent(by: half), bytes: part,
                    acknowledged: acknowledged ?? sent(by: half.opposite)))
            sent[Int(half.rawValue)] += UInt64(part.count)
        }
    }

    mutating func client(_ text: String) { send(.fromInitiator, Array(text.utf8)) }
    mutating func server(_ text: String) { send(.fromResponder, Array(text.utf8)) }

    /// One exchange in turn: request head, `100 Continue` when it is expected, request body; response.
    mutating func exchange(
        _ method: String, _ path: String, fields: String = "", sending body: [UInt8] = [], coded wire: [UInt8]? = nil,
        expecting: Bool = false, status: String = "200 OK", responseFields: String? = nil,
        answering answer: [UInt8] = [], codedAnswer: [UInt8]? = nil
    ) {
        var head = "\(method) \(path) HTTP/1.1\r\nHost: h\r\n\(fields)"
        if expecting { head += "Expect: 100-continue\r\n" }
        if wire != nil {
            head += "Transfer-Encoding: chunked\r\n"
        } else if !body.isEmpty {
            head += "Content-Length: \(body.count)\r\n"
        }
        head += "\r\n"
        let requestStart = sent(by: .fromInitiator)
        let responseStart = sent(by: .fromResponder)
        send(.fromInitiator, Array(head.utf8))
        let requestHead = requestStart..<sent(by: .fromInitiator)
        if expecting { server("HTTP/1.1 100 Continue\r\n\r\n") }
        send(.fromInitiator, wire ?? body)
        let length = codedAnswer == nil ? "Content-Length: \(answer.count)\r\n" : "Transfer-Encoding: chunked\r\n"
        let answerHead = "HTTP/1.1 \(status)\r\nX-Answers: \(path)\r\n\(responseFields ?? length)\r\n"
        let headStart = sent(by: .fromResponder)
        let hasBody = method != "HEAD" && !status.hasPrefix("304") && !status.hasPrefix("204")
        let answerBytes = hasBody ? codedAnswer ?? answer : []
        // Servers write head and body together when the body is short.
        send(.fromResponder, Array(answerHead.utf8) + answerBytes)
        truths.append(
            Truth(
                path: path, method: method, request: requestStart..<sent(by: .fromInitiator), requestHead: requestHead,
                requestBody: body, response: responseStart..<sent(by: .fromResponder),
                responseHead: headStart..<headStart + UInt64(answerHead.utf8.count), responseBody: hasBody ? answer : []
            ))
    }

    // MARK: Replay

    /// How to deliver it.
    struct Delivery {
        var lost: [(half: HalfConnection, range: Range<UInt64>)] = []
        var cause = GapCause.notCaptured
        /// Gaps come without their length.
        var hidesLengths = false
        /// Segments before this one passed before the capture began.
        var firstSegment = 0
        /// Deliver in runs of at most so many bytes, each a segment of its own.
        var runBytes: Int?
        /// How both halves end; nil: they stay open.
        var end: StreamEnd? = .finished
        var swapsHalves = false
        var knowsAcknowledged = true
    }

    /// What came of it.
    struct Outcome {
        var exchanges: [RecordedExchange]
        var counters: ExchangeCounters
        var bodyCalls: Int

        subscript(_ path: String) -> RecordedExchange? { exchanges.first { $0.path == path } }
    }

    /// Plays the conversation into an engine as an assembler would: ordered, and causal across the halves.
    func play(_ delivery: Delivery = Delivery(), limits: ExchangeLimits = ExchangeLimits()) -> Outcome {
        var engine = HTTPEngine(limits: limits, sink: Recorder())
        let flow = FlowHandle(slot: 0, number: 1)
        engine.open(flow, .test(midStream: delivery.firstSegment > 0), .at(0, nil))
        play(delivery, flow, into: &engine)
        if let end = delivery.end {
            engine.end(flow, .fromInitiator, end, .at(999, nil))
            engine.end(flow, .fromResponder, end, .at(999, nil))
            engine.close(flow, .at(999, nil))
        }
        return Outcome(exchanges: engine.sink.all, counters: engine.counters, bodyCalls: engine.sink.calls)
    }

    /// Plays the segments into an engine in which the flow is open.
    func play(_ delivery: Delivery, _ flow: FlowHandle, into engine: inout HTTPEngine<Recorder>) {
        var assembler = ScriptedAssembler(flow: flow, delivery: delivery)
        for (index, segment) in segments.enumerated() where index >= delivery.firstSegment {
            assembler.take(segment, packet: UInt64(index + 1), into: &engine)
        }
        assembler.declare(upTo: sent(by: .fromInitiator), .fromInitiator, .at(998, nil), into: &engine)
        assembler.declare(upTo: sent(by: .fromResponder), .fromResponder, .at(998, nil), into: &engine)
    }
}

extension Conversation {
    /// A conversation of these texts, the client first, each waiting for the one before.
    static func turns(_ texts: String...) -> Conversation {
        var talk = Conversation()
        for (index, text) in texts.enumerated() {
            if index.isMultiple(of: 2) { talk.client(text) } else { talk.server(text) }
        }
        return talk
    }

    /// What one request, answered by an empty 200, is read as; nil when it is not.
    static func read(request: String, limits: ExchangeLimits = ExchangeLimits()) -> RecordedExchange? {
        turns(request, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").play(limits: limits).exchanges.first
    }

    /// What one response to `GET /` is read as.
    static func read(
        response: String, method: String = "GET", end: StreamEnd = .finished
    ) -> RecordedExchange? {
        let talk = turns("\(method) / HTTP/1.1\r\nHost: h\r\n\r\n", response)
        return talk.play(.init(end: end)).exchanges.first
    }
}

/// Orders a script's segments as the layer below does.
private struct ScriptedAssembler {
    let flow: FlowHandle
    let delivery: Conversation.Delivery
    private var next: [UInt64?]

    init(flow: FlowHandle, delivery: Conversation.Delivery) {
        self.flow = flow
        self.delivery = delivery
        next = delivery.firstSegment == 0 ? [0, 0] : [nil, nil]
    }

    mutating func take(_ segment: Conversation.Segment, packet: UInt64, into engine: inout HTTPEngine<Recorder>) {
        let context = SegmentContext.at(packet, delivery.knowsAcknowledged ? segment.acknowledged : nil)
        var position = segment.range.lowerBound
        let lost = delivery.lost.filter { $0.half == segment.half && $0.range.overlaps(segment.range) }
            .sorted { $0.range.lowerBound < $1.range.lowerBound }
        for hole in lost {
            if hole.range.lowerBound > position {
                deliver(segment, position..<hole.range.lowerBound, context, into: &engine)
            }
            position = max(position, min(hole.range.upperBound, segment.range.upperBound))
        }
        if position < segment.range.upperBound {
            deliver(segment, position..<segment.range.upperBound, context, into: &engine)
        }
    }

    private mutating func deliver(
        _ segment: Conversation.Segment, _ range: Range<UInt64>, _ context: SegmentContext,
        into engine: inout HTTPEngine<Recorder>
    ) {
        declare(upTo: segment.acknowledged, segment.half.opposite, context, into: &engine)
        declare(upTo: range.lowerBound, segment.half, context, into: &engine)
        var start = range.lowerBound
        while start < range.upperBound {
            let end = delivery.runBytes.map { min(range.upperBound, start + UInt64($0)) } ?? range.upperBound
            let bytes = Array(segment.bytes[Int(start - segment.offset)..<Int(end - segment.offset)])
            engine.bytes(
                flow, wire(segment.half), bytes.span.bytes, at: start,
                isSegmentStart: start == segment.offset || (delivery.runBytes != nil && start > range.lowerBound),
                context)
            start = end
        }
        next[Int(segment.half.rawValue)] = range.upperBound
    }

    /// Declares what is missing below an offset. Of a half that was not heard yet nothing can be missing.
    mutating func declare(
        upTo offset: UInt64, _ half: HalfConnection, _ context: SegmentContext,
        into engine: inout HTTPEngine<Recorder>
    ) {
        guard let due = next[Int(half.rawValue)], offset > due else { return }
        if delivery.hidesLengths {
            engine.gapOfUnknownLength(flow, wire(half), at: due, next: offset, cause: delivery.cause, context)
        } else {
            engine.gap(flow, wire(half), at: due, length: offset - due, cause: delivery.cause, context)
        }
        next[Int(half.rawValue)] = offset
    }

    private func wire(_ half: HalfConnection) -> HalfConnection { delivery.swapsHalves ? half.opposite : half }
}

extension SegmentContext {
    static func at(_ packet: UInt64, _ acknowledged: UInt64?) -> SegmentContext {
        SegmentContext(time: 1_000 + packet, packet: packet, acknowledged: acknowledged)
    }
}

extension FlowDescription {
    static func test(midStream: Bool = false) -> FlowDescription {
        FlowDescription(
            text: "10.0.0.1:40000 > 10.0.0.2:80", initiatorAddress: "10.0.0.1", responderAddress: "10.0.0.2",
            initiatorPort: 40_000, responderPort: 80, startedMidStream: midStream)
    }
}

/// `text` in chunks of `size` bytes, with an extension on every other one.
func chunked(_ bytes: [UInt8], by size: Int, trailers: String = "") -> [UInt8] {
    var coded: [UInt8] = []
    var rest = bytes[...]
    var number = 0
    while !rest.isEmpty {
        let part = rest.prefix(size)
        rest = rest.dropFirst(part.count)
        let note = number.isMultiple(of: 2) ? "" : ";note=\"\(number)\""
        coded += Array("\(String(part.count, radix: 16))\(note)\r\n".utf8) + part + Array("\r\n".utf8)
        number += 1
    }
    return coded + Array("0\r\n\(trailers)\r\n".utf8)
}
