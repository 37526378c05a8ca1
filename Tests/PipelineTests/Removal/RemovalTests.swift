import TestSupport
import Testing

/// Packets left out of real captures of TLS 1.2 and 1.3 with HTTP/1.1 and HTTP/2, and of HTTP/2 without TLS: exactly the exchanges that
/// they carried are marked, and all others are whole.
@Suite struct `Packets removed from a capture` {
    private static let captures = [
        "d20-tls13-boto3", "d21-tls12-aes128gcm", "d22-tls12-chacha20", "d23-tls13-chacha20", "d26-h2-tls",
        "d27-h2c-prior",
    ]

    @Test(arguments: captures)
    func `of all that carry payload, one by one, cost what they carried`(_ name: String) throws {
        let capture = try CapturedPlay(name)
        let truth = RemovalTruth(capture)
        #expect(truth.exchanges.count { $0.isWhole } >= 5)
        #expect(truth.harm([]).allSatisfy { $0 == .none })
        // A prime number of steps apart, so that all kinds of packets come.
        for packet in stride(from: 0, to: truth.loaded.count, by: max(1, truth.loaded.count / 30)) {
            check(capture, truth, [truth.loaded[packet]])
        }
    }

    @Test(arguments: captures)
    func `one in a hundred, cost what they carried`(_ name: String) throws {
        let capture = try CapturedPlay(name)
        let truth = RemovalTruth(capture)
        var touched = 0
        for seed in 0..<UInt64(10) {
            var generator = SeededGenerator(seed: seed)
            let lost = Set(
                capture.packets.map(\.number).filter { _ in Int.random(in: 0..<100, using: &generator) == 0 })
            check(capture, truth, lost)
            touched += truth.harm(lost).count { $0 == .touched }
        }
        #expect(touched > 5)
    }

    /// Trailers and interim responses may come on any stream there, so a lost frame leaves the header tables in doubt, and
    /// padding may be lost without harm: what is lost beside what was touched cannot be said for certain.
    @Test func `leave nothing that is called whole and is not, whatever they were`() throws {
        let capture = try CapturedPlay("d29-h2c-interleaved")
        let truth = capture.play().exchanges.filter(\.isWhole)
        #expect(truth.count > 15)
        let known = Dictionary(truth.map { ($0.meaning, 1) }, uniquingKeysWith: +)
        var whole = 0
        for seed in 0..<UInt64(20) {
            var generator = SeededGenerator(seed: seed)
            let lost = Set(
                capture.packets.map(\.number).filter { _ in Int.random(in: 0..<400, using: &generator) == 0 })
            let left = capture.play(without: lost).exchanges.filter(\.isWhole)
            whole += left.count
            for (meaning, count) in Dictionary(left.map { ($0.meaning, 1) }, uniquingKeysWith: +) {
                #expect(count <= known[meaning, default: 0], "\(meaning.head.text) without \(lost.sorted())")
            }
        }
        #expect(whole > 40)
    }

    /// Plays what is left: as many exchanges of each meaning are whole as were not touched.
    private func check(_ capture: CapturedPlay, _ truth: RemovalTruth, _ lost: Set<UInt64>) {
        let note = Comment(rawValue: "\(capture.name) without \(lost.sorted())")
        let harms = truth.harm(lost)
        var least: [HeardExchanges.Meaning: Int] = [:]
        var most: [HeardExchanges.Meaning: Int] = [:]
        for (exchange, harm) in zip(truth.exchanges, harms) {
            if harm == .none, exchange.isWhole { least[exchange.meaning, default: 0] += 1 }
            if harm < .touched, exchange.isWhole { most[exchange.meaning, default: 0] += 1 }
        }
        var whole: [HeardExchanges.Meaning: Int] = [:]
        let played = capture.play(without: lost)
        for exchange in played.exchanges {
            if exchange.isWhole {
                whole[exchange.meaning, default: 0] += 1
            } else {
                #expect(truth.exchanges.contains { agrees(exchange, with: $0) }, "\(exchange.head.text): \(note)")
            }
        }
        for (meaning, count) in whole where count > most[meaning, default: 0] {
            Issue.record("\(meaning.head.text) is called whole and is not: \(note)")
        }
        for (meaning, count) in least where count > whole[meaning, default: 0] {
            let found = played.exchanges.filter { $0.head == meaning.head && !$0.isWhole }.map {
                "\($0.status ?? 0) request \($0.request.bytes.count) less \($0.request.missing), "
                    + "response \($0.response.bytes.count) less \($0.response.missing)"
            }
            Issue.record(
                """
                \(meaning.head.text) was not touched and is not whole: \(note). It had \(meaning.request.count) and \
                \(meaning.response.count) bytes; found \(found)
                """)
        }
    }

    /// True when all that is there of an exchange is what the other one says at the same place.
    private func agrees(_ exchange: HeardExchanges.Exchange, with other: HeardExchanges.Exchange) -> Bool {
        func agrees(_ body: HeardExchanges.Body, _ other: HeardExchanges.Body) -> Bool {
            guard body.bytes.count <= other.bytes.count else { return false }
            var place = 0
            for gap in body.missing {
                guard gap.lowerBound <= body.bytes.count, place <= gap.lowerBound,
                    body.bytes[place..<gap.lowerBound] == other.bytes[place..<gap.lowerBound]
                else { return false }
                if gap.upperBound == .max { return true }
                place = gap.upperBound
            }
            return body.bytes[place...] == other.bytes[place..<body.bytes.count]
        }
        // What the client gave up itself may have come to less than it did without the loss, or to more.
        return exchange.head == other.head
            && (!other.isWhole
                || agrees(exchange.request, other.request)
                    && agrees(exchange.response, other.response))
    }
}
