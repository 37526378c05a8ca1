import Exchanges
import Flows
import HTTPTypes
import Objects
import TestSupport
import Testing

/// Bodies that consist of messages, each at the start of a segment, as an uploaded or downloaded HTTP log would have.
@Suite struct `Bodies that look like messages` {
    private static let segmentBytes = 200

    /// A message of exactly one segment.
    private func padded(_ head: String, by pad: String = "X-Pad: ") -> [UInt8] {
        let fill = Self.segmentBytes - head.utf8.count - pad.utf8.count - 4
        return Array((head + pad + String(repeating: "p", count: fill) + "\r\n\r\n").utf8)
    }

    private func fakeRequests(_ count: Int) -> [UInt8] {
        (0..<count).flatMap { padded("GET /fake\($0) HTTP/1.1\r\nHost: evil\r\n") }
    }

    /// Uploads of which each, from wherever it is seen, reaches exactly to the end of the body.
    private func fakeUploads(_ count: Int) -> [UInt8] {
        (0..<count).flatMap { number in
            let rest = (count - number - 1) * Self.segmentBytes
            return padded("PUT /fake\(number) HTTP/1.1\r\nHost: evil\r\nContent-Length: \(rest)\r\n")
        }
    }

    private func fakeResponses(_ count: Int) -> [UInt8] {
        (0..<count).flatMap { padded("HTTP/1.1 200 OK\r\nX-Answers: /fake\($0)\r\nContent-Length: 0\r\n") }
    }

    private func conversation(_ body: [UInt8], expecting: Bool, status: String = "200 OK") -> Conversation {
        var talk = Conversation(segmentBytes: Self.segmentBytes)
        talk.exchange("GET", "/1", answering: Array("one".utf8))
        talk.exchange("PUT", "/2", sending: body, expecting: expecting, status: status)
        talk.exchange("GET", "/3", answering: body)
        talk.exchange("PUT", "/4", sending: body, coded: chunked(body, by: body.count), expecting: expecting)
        talk.exchange("GET", "/5", answering: body, codedAnswer: chunked(body, by: Self.segmentBytes))
        talk.exchange("GET", "/6", answering: Array("six".utf8))
        return talk
    }

    private func expectNothingInvented(
        _ talk: Conversation, _ outcome: Conversation.Outcome, _ note: @autoclosure () -> String
    ) {
        for found in outcome.exchanges {
            guard let truth = talk.truths.first(where: { $0.path == found.path && $0.method == found.head.method })
            else {
                Issue.record("\(found.head.method) \(found.path) was invented: \(note())")
                continue
            }
            guard found.responseHead != nil else { continue }
            #expect(found.answers == truth.path, "mispaired: \(note())")
            if found.isWhole {
                #expect(found.request.bytes == truth.requestBody, "wrong body: \(note())")
                #expect(found.response.bytes == truth.responseBody, "wrong body: \(note())")
            }
        }
    }

    private var bodies: [[UInt8]] { [fakeRequests(6), fakeUploads(6), fakeResponses(6)] }

    @Test(arguments: [true, false], ["200 OK", "403 Forbidden", "503 Slow Down", "404 Not Found"])
    func `no gap makes them messages`(expecting: Bool, status: String) {
        for body in bodies {
            let talk = conversation(body, expecting: expecting, status: status)
            for half in [HalfConnection.fromInitiator, .fromResponder] {
                for (first, length) in talk.runsOfSegments(of: half, upTo: 4) {
                    let outcome = talk.play(.init(lost: [(half, first..<first + length)]))
                    expectNothingInvented(talk, outcome, "lost \(length) at \(first) of \(half)")
                    #expect(outcome["/6"]?.isWhole == true || first + length >= talk.truths[5].start(in: half))
                }
            }
        }
    }

    @Test(arguments: [true, false]) func `no pair of gaps makes them messages`(expecting: Bool) {
        for body in bodies {
            let talk = conversation(body, expecting: expecting)
            for (first, length) in talk.runsOfSegments(of: .fromInitiator, upTo: 2) {
                for (second, other) in talk.runsOfSegments(of: .fromResponder, upTo: 2) {
                    let outcome = talk.play(
                        .init(lost: [
                            (.fromInitiator, first..<first + length), (.fromResponder, second..<second + other),
                        ]))
                    expectNothingInvented(talk, outcome, "lost \(length) at \(first) and \(other) at \(second)")
                }
            }
        }
    }

    @Test(arguments: [true, false]) func `no start in their middle makes them messages`(expecting: Bool) {
        for body in bodies.dropLast() + [fakeResponses(6)] {
            let talk = conversation(body, expecting: expecting)
            // The last segment of an upload, seen first and alone, cannot be told from a request; see the README.
            let lasts = talk.truths.filter { !$0.requestBody.isEmpty }.map { $0.request.upperBound }
            for first in 1..<talk.segments.count {
                let segment = talk.segments[first]
                if segment.half == .fromInitiator, lasts.contains(segment.range.upperBound) { continue }
                expectNothingInvented(talk, talk.play(.init(firstSegment: first)), "begins at segment \(first)")
            }
        }
    }

    @Test func `a client that goes on with a body after an early refusal sends no requests`() {
        // The head is lost, the server refuses early, and the client, slow, goes on exactly where the server stood, after
        // it received the whole refusal. Only what the refusal says gives it away.
        for body in [fakeRequests(6), fakeUploads(6)] {
            var talk = Conversation(segmentBytes: Self.segmentBytes)
            talk.exchange("GET", "/1", answering: Array("one".utf8))
            let head = talk.sent(by: .fromInitiator)
            talk.client("PUT /2 HTTP/1.1\r\nHost: h\r\nContent-Length: \(body.count)\r\n\r\n")
            let lost = head..<talk.sent(by: .fromInitiator)
            talk.send(.fromInitiator, Array(body[..<400]))
            talk.server("HTTP/1.1 503 Slow Down\r\nX-Answers: /2\r\nContent-Length: 0\r\n\r\n")
            talk.send(.fromInitiator, Array(body[400...]))
            talk.exchange("GET", "/3", answering: Array("three".utf8))
            talk.exchange("GET", "/4", answering: Array("four".utf8))
            let outcome = talk.play(.init(lost: [(.fromInitiator, lost)]))
            expectNothingInvented(talk, outcome, "\(outcome.exchanges.map(\.path))")
            #expect(outcome["/4"]?.isWhole == true)
        }
    }

    @Test func `a request at the very start is not paired with the middle of its response`() {
        var talk = Conversation(segmentBytes: Self.segmentBytes)
        talk.exchange("GET", "/1", answering: Array("one".utf8))
        let start = talk.sent(by: .fromResponder)
        talk.send(.fromInitiator, Array("GET /2 HTTP/1.1\r\nHost: h\r\n\r\n".utf8))
        let head = "HTTP/1.1 200 OK\r\nX-Answers: /2\r\nContent-Length: \(6 * Self.segmentBytes)\r\n\r\n"
        talk.server(head)
        let lost = start..<talk.sent(by: .fromResponder)
        talk.send(.fromResponder, fakeResponses(6))
        let outcome = talk.play(.init(lost: [(.fromResponder, lost)], firstSegment: 2))
        #expect(outcome.exchanges.isEmpty && outcome.counters.refusedRequests == 1)
        #expect(talk.play(.init(firstSegment: 2)).exchanges.map(\.answers) == ["/2"])
    }

    @Test func `a start in the middle is never paired across what was missed`() {
        let talk = conversation(fakeResponses(6), expecting: false)
        var random = SeededGenerator(seed: 3)
        for _ in 0..<1_000 {
            let first = Int.random(in: 1..<talk.segments.count, using: &random)
            let half: HalfConnection = Bool.random(using: &random) ? .fromInitiator : .fromResponder
            let start = UInt64.random(in: 0..<talk.sent(by: half), using: &random)
            let lost = [(half: half, range: start..<start + UInt64.random(in: 1...400, using: &random))]
            expectNothingInvented(talk, talk.play(.init(lost: lost, firstSegment: first)), "\(first), lost \(lost)")
        }
    }
}

extension Conversation {
    /// Every run of up to `count` whole segments of one half, as offset and length.
    fileprivate func runsOfSegments(of half: HalfConnection, upTo count: Int) -> [(UInt64, UInt64)] {
        let own = segments.filter { $0.half == half }
        return own.indices.flatMap { index in
            (1...count).compactMap { length -> (UInt64, UInt64)? in
                guard index + length <= own.count else { return nil }
                return (own[index].offset, own[index + length - 1].range.upperBound - own[index].offset)
            }
        }
    }
}

extension Conversation.Truth {
    fileprivate func start(in half: HalfConnection) -> UInt64 {
        half == .fromInitiator ? request.lowerBound : response.lowerBound
    }
}
