import Exchanges
import Flows
import Objects
import TestSupport
import Testing

/// A keep-alive conversation of every kind of exchange, each message naming its request.
func mixedConversation(segmentBytes: Int = 90) -> Conversation {
    var talk = Conversation(segmentBytes: segmentBytes)
    let body = Array("the body of the upload, which is a little longer than one segment is, so it takes two".utf8)
    talk.exchange("GET", "/0", answering: Array("answer to /0".utf8))
    talk.exchange("PUT", "/1", sending: body)
    talk.exchange("HEAD", "/2", status: "404 Not Found", responseFields: "Content-Length: 900\r\n")
    talk.exchange("PUT", "/3", sending: body, expecting: true, answering: Array("stored /3".utf8))
    talk.exchange("GET", "/4", answering: body + Array("/4".utf8))
    talk.exchange("PUT", "/5", sending: body, coded: chunked(body, by: 20, trailers: "X-Sum: 5\r\n"))
    talk.exchange("GET", "/6", answering: body, codedAnswer: chunked(body, by: 30))
    talk.exchange("DELETE", "/7", status: "204 No Content", responseFields: "")
    talk.exchange("GET", "/8", status: "304 Not Modified", responseFields: "ETag: \"8\"\r\n")
    talk.exchange("GET", "/9", answering: Array("answer to /9".utf8))
    return talk
}

@Suite struct `Resynchronisation` {
    @Test func `a conversation without loss is read whole`() {
        let talk = mixedConversation()
        let outcome = talk.play()
        #expect(outcome.exchanges.map(\.path) == talk.truths.map(\.path))
        for truth in talk.truths { expectWhole(truth, in: outcome) }
        #expect(outcome.counters.completeExchanges == 10)
        #expect(outcome.counters.framingLosses == 0 && outcome.counters.unpairedResponses == 0)
        #expect(outcome.counters.interimResponses == 1)
    }

    @Test(arguments: [HalfConnection.fromInitiator, .fromResponder], [1, 2, 3, 25, 90, 181, 700])
    func `a gap at any place harms only what it touches`(half: HalfConnection, length: Int) {
        let talk = mixedConversation()
        let total = Int(talk.sent(by: half))
        for start in 0..<total {
            let gap = UInt64(start)..<UInt64(min(start + length, total))
            let outcome = talk.play(.init(lost: [(half, gap)]))
            expectInvariants(talk, outcome, lost: [(half, gap)])
        }
    }

    @Test func `gaps in both halves harm only what they touch`() {
        let talk = mixedConversation()
        var random = SeededGenerator(seed: 7)
        for _ in 0..<1_500 {
            let lost = [HalfConnection.fromInitiator, .fromResponder].map { half in
                let total = talk.sent(by: half)
                let start = UInt64.random(in: 0..<total, using: &random)
                return (half: half, range: start..<min(total, start + UInt64.random(in: 1...200, using: &random)))
            }
            // With loss on both sides at once a turn may stay unproven, so completeness is not demanded here.
            expectInvariants(talk, talk.play(.init(lost: lost)), lost: lost, untouchedAreWhole: false)
        }
    }

    @Test(arguments: [40, 90, 1_448]) func `a capture may begin at any segment`(segmentBytes: Int) {
        let talk = mixedConversation(segmentBytes: segmentBytes)
        for first in 1..<talk.segments.count {
            let outcome = talk.play(.init(firstSegment: first))
            var begun: [HalfConnection: UInt64] = [:]
            for half in [HalfConnection.fromInitiator, .fromResponder] {
                let heard = talk.segments[first...].first { $0.half == half }
                begun[half] = heard?.offset ?? talk.sent(by: half)
            }
            let lost = begun.map { (half: $0.key, range: 0..<$0.value) }
            // A request at the very start is believed only when one segment holds it whole: here a PUT takes two.
            expectInvariants(talk, outcome, lost: lost, spared: 1)
        }
    }

    @Test func `an upload whose 100 Continue was lost is whole`() throws {
        var talk = Conversation(segmentBytes: 90)
        let body = Array(repeating: UInt8(ascii: "b"), count: 400)
        talk.exchange("GET", "/0", answering: Array("answer to /0".utf8))
        talk.exchange("PUT", "/1", sending: body, expecting: true, answering: Array("stored /1".utf8))
        talk.exchange("GET", "/2", answering: Array("answer to /2".utf8))
        let upload = talk.truths[1]
        let interim = upload.response.lowerBound..<upload.response.lowerBound + 25
        let outcome = talk.play(.init(lost: [(.fromResponder, interim)]))
        for truth in talk.truths { expectWhole(truth, in: outcome) }
    }

    /// The exchange is there with all it has.
    private func expectWhole(_ truth: Conversation.Truth, in outcome: Conversation.Outcome) {
        let found = outcome[truth.path]
        #expect(found?.isWhole == true, "\(truth.path) is not whole")
        #expect(found?.request.bytes == truth.requestBody)
        #expect(found?.response.bytes == truth.responseBody)
    }

    /// Nothing invented, nothing mispaired, no wrong byte, no silent loss, and what was not touched is whole.
    private func expectInvariants(
        _ talk: Conversation, _ outcome: Conversation.Outcome, lost: [(half: HalfConnection, range: Range<UInt64>)],
        untouchedAreWhole: Bool = true, spared: Int = 0
    ) {
        func isTouched(_ range: Range<UInt64>, _ half: HalfConnection) -> Bool {
            lost.contains { $0.half == half && $0.range.overlaps(range) }
        }
        let paths = outcome.exchanges.map(\.path)
        #expect(Set(paths).count == paths.count, "an exchange was reported twice")
        var forgiven = spared
        for truth in talk.truths where untouchedAreWhole {
            guard !isTouched(truth.request, .fromInitiator), !isTouched(truth.response, .fromResponder) else {
                continue
            }
            if outcome[truth.path] == nil, forgiven > 0 {
                forgiven -= 1
                continue
            }
            guard outcome[truth.path]?.isWhole == true else {
                Issue.record("\(truth.path) was not touched by \(lost), but is not whole")
                continue
            }
        }
        for found in outcome.exchanges {
            guard let truth = talk.truths.first(where: { $0.path == found.path }), found.head.method == truth.method
            else {
                Issue.record("\(found.head.method) \(found.path) was invented; lost \(lost)")
                continue
            }
            #expect(found.isFinished)
            #expect(!isTouched(truth.requestHead, .fromInitiator), "a head with a hole was read; lost \(lost)")
            expect(found.request, isPartOf: truth.requestBody, lost)
            if found.responseHead != nil {
                #expect(found.answers == truth.path, "mispaired; lost \(lost)")
                #expect(!isTouched(truth.responseHead, .fromResponder), "a head with a hole was read; lost \(lost)")
                expect(found.response, isPartOf: truth.responseBody, lost)
            }
        }
    }

    /// Every byte is right; a body that ended framed accounts for every byte.
    private func expect(
        _ body: RecordedBody, isPartOf truth: [UInt8], _ lost: [(half: HalfConnection, range: Range<UInt64>)]
    ) {
        var wanted = Array(truth.prefix(body.bytes.count))
        for hole in body.missing {
            guard let length = hole.length else { continue }
            guard Int(hole.offset + length) <= wanted.count else {
                Issue.record("a gap beyond the body's end; lost \(lost)")
                return
            }
            for index in Int(hole.offset)..<Int(hole.offset + length) { wanted[index] = 0 }
        }
        #expect(body.bytes == wanted, "wrong bytes; lost \(lost)")
        if body.end == .framed { #expect(body.bytes.count == truth.count, "silent loss; lost \(lost)") }
    }
}
