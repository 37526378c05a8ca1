import Exchanges
import Flows
import Objects
import Testing

@Suite struct `A gap of unknown length` {
    private func conversation(chunked isChunked: Bool) -> Conversation {
        var talk = Conversation(segmentBytes: 50)
        for index in 0..<4 {
            let body = (0..<200).map { UInt8(truncatingIfNeeded: $0 * 7 + index) }
            talk.exchange(
                "PUT", "/\(index)", sending: body, answering: body,
                codedAnswer: isChunked ? chunked(body, by: 64) : nil)
        }
        return talk
    }

    @Test(arguments: [false, true], [HalfConnection.fromInitiator, .fromResponder])
    func `ends the body it falls into, and later exchanges are read`(_ isChunked: Bool, _ half: HalfConnection) {
        let talk = conversation(chunked: isChunked)
        let message = half == .fromInitiator ? talk.truths[1].request : talk.truths[1].response
        for start in stride(from: message.lowerBound, to: message.upperBound - 30, by: 3) {
            let outcome = talk.play(.init(lost: [(half, start..<start + 20)], hidesLengths: true))
            for truth in [talk.truths[0], talk.truths[3]] {
                let exchange = outcome[truth.path]
                #expect(exchange?.isWhole == true, "\(truth.path), gap at \(start)")
                #expect(exchange?.response.bytes == truth.responseBody, "\(truth.path), gap at \(start)")
            }
            // What is reported of the harmed exchange stands where it belongs: a beginning, never something behind.
            guard let harmed = outcome["/1"] else { continue }
            #expect(!harmed.isWhole, "gap at \(start)")
            let (received, all) =
                half == .fromInitiator
                ? (harmed.request.bytes, talk.truths[1].requestBody)
                : (harmed.response.bytes, talk.truths[1].responseBody)
            #expect(all.starts(with: received), "gap at \(start)")
        }
    }
}
