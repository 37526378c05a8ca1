import Exchanges
import Flows
import Objects
import TestSupport
import Testing

/// A conversation as clients of object stores have it, with what each exchange is in truth.
struct StoreTalk: CustomTestStringConvertible {
    var testDescription: String
    var script: HTTP2Script
    /// Bodies by path, and the stream of each.
    var truths: [String: (stream: UInt32, request: [UInt8], response: [UInt8])] = [:]

    /// Uploads and downloads one after the other, a stream each.
    static func serial(segmentBytes: Int, frameBytes: Int) -> StoreTalk {
        var talk = StoreTalk(testDescription: "serial \(segmentBytes) \(frameBytes)", segmentBytes)
        for index in 0..<5 {
            talk.upload("/up\(index)", 5_000 + index * 4_000, by: frameBytes)
            talk.download("/down\(index)", 3_000 + index * 5_000, by: frameBytes)
            talk.download("/small\(index)", 100, by: frameBytes)
        }
        return talk
    }

    /// Three downloads, then three uploads, side by side.
    static func interleaved(segmentBytes: Int, frameBytes: Int) -> StoreTalk {
        var talk = StoreTalk(testDescription: "interleaved \(segmentBytes) \(frameBytes)", segmentBytes)
        talk.download("/first", 700, by: frameBytes)
        let gets = (0..<3).map { talk.get("/get\($0)", 12_000 + 1_000 * $0) }
        for (path, stream, _) in gets { talk.answer(path, stream, "\(talk.truths[path]?.response.count ?? 0)") }
        talk.mix(.fromResponder, gets.map { ($0.1, $0.2) }, by: frameBytes)
        let puts = (0..<3).map { talk.put("/put\($0)", 9_000 + 1_000 * $0) }
        talk.mix(.fromInitiator, puts.map { ($0.1, $0.2) }, by: frameBytes)
        for (path, stream, _) in puts { talk.script.response(stream, path, [("etag", path)], ends: true) }
        for index in 0..<6 { talk.download("/last\(index)", 900, by: frameBytes) }
        return talk
    }

    private var lastStream: UInt32 = 0

    private init(testDescription: String, _ segmentBytes: Int) {
        self.testDescription = testDescription
        script = HTTP2Script(segmentBytes: segmentBytes)
        script.settings(.fromInitiator, [(2, 0), (3, 100)])
        script.send(.fromInitiator, 4, 1, 0)
        script.send(.fromInitiator, 8, 0, 0, [0, 0xF0, 0, 0])
        script.send(.fromResponder, 4, 1, 0)
    }

    private mutating func get(_ path: String, _ count: Int) -> (String, UInt32, [UInt8]) {
        lastStream = lastStream == 0 ? 1 : lastStream + 2
        let body = pattern(count, Int(lastStream))
        truths[path] = (lastStream, [], body)
        script.request(lastStream, "GET", path, [("user-agent", "store"), ("accept", "*/*")], ends: true)
        return (path, lastStream, body)
    }

    private mutating func put(_ path: String, _ count: Int) -> (String, UInt32, [UInt8]) {
        lastStream = lastStream == 0 ? 1 : lastStream + 2
        let body = pattern(count, Int(lastStream))
        truths[path] = (lastStream, body, [])
        script.request(
            lastStream, "PUT", path, [("user-agent", "store"), ("accept", "*/*"), ("content-length", "\(count)")])
        return (path, lastStream, body)
    }

    private mutating func answer(_ path: String, _ stream: UInt32, _ length: String) {
        script.response(stream, path, [("server", "store"), ("etag", path), ("content-length", length)])
    }

    private mutating func upload(_ path: String, _ count: Int, by size: Int) {
        let (_, stream, body) = put(path, count)
        script.data(.fromInitiator, stream, body, by: size)
        script.response(stream, path, [("server", "store"), ("etag", path)], ends: true)
    }

    private mutating func download(_ path: String, _ count: Int, by size: Int) {
        let (_, stream, body) = get(path, count)
        answer(path, stream, "\(count)")
        var rest = body[...]
        while !rest.isEmpty {
            let part = rest.prefix(size)
            rest = rest.dropFirst(size)
            script.data(.fromResponder, stream, Array(part), ends: rest.isEmpty)
            script.send(.fromInitiator, 8, 0, 0, [0, 0, 0x10, 0])
        }
    }

    /// The bodies of several streams in turn.
    private mutating func mix(_ half: HalfConnection, _ bodies: [(UInt32, [UInt8])], by size: Int) {
        var rest = bodies.map { ($0.0, $0.1[...]) }
        while rest.contains(where: { !$0.1.isEmpty }) {
            for index in rest.indices where !rest[index].1.isEmpty {
                let part = Array(rest[index].1.prefix(size))
                rest[index].1 = rest[index].1.dropFirst(size)
                script.data(half, rest[index].0, part, ends: rest[index].1.isEmpty)
            }
        }
    }
}

@Suite struct `A lost segment of HTTP/2 costs only the exchanges it touches` {
    private static let talks = [
        StoreTalk.serial(segmentBytes: 1_448, frameBytes: 16_384), .serial(segmentBytes: 1_448, frameBytes: 1_200),
        .serial(segmentBytes: 17_000, frameBytes: 2_000), .interleaved(segmentBytes: 1_448, frameBytes: 4_000),
        .interleaved(segmentBytes: 17_000, frameBytes: 1_000),
    ]

    @Test(arguments: talks, [false, true])
    func `whichever it is`(_ talk: StoreTalk, _ hidesLengths: Bool) {
        for segment in talk.script.talk.segments.dropFirst(2) {
            let outcome = talk.script.talk.play(
                .init(lost: [(segment.half, segment.range)], hidesLengths: hidesLengths))
            check(talk, outcome, [(segment.half, segment.range)])
        }
    }

    @Test(arguments: talks, 0..<20)
    func `one in a hundred, at random`(_ talk: StoreTalk, _ seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let lost = talk.script.talk.segments.dropFirst(3)
            .filter { _ in Int.random(in: 0..<100, using: &generator) == 0 }.map { ($0.half, $0.range) }
        check(talk, talk.script.talk.play(.init(lost: lost)), lost)
    }

    /// What is whole is right, what is harmed is not called whole, and what is not harmed is whole, unless a header block
    /// was lost that later ones refer to, or one half lost more than once: then a body may be given up that was not touched.
    private func check(
        _ talk: StoreTalk, _ outcome: Conversation.Outcome, _ lost: [(half: HalfConnection, range: Range<UInt64>)]
    ) {
        let note = Comment(rawValue: "\(talk.testDescription) \(lost)")
        let harmed = talk.script.frames.filter { frame in
            lost.contains { $0.half == frame.half && $0.range.overlaps(frame.range) }
        }
        let lacksHeaders = harmed.contains { $0.type == 1 }
        for exchange in outcome.exchanges {
            #expect(exchange.isFinished, note)
            guard let truth = talk.truths[exchange.path] else {
                Issue.record("\(exchange.path) never was: \(note)")
                continue
            }
            if let answers = exchange.answers { #expect(answers == exchange.path, note) }
            for (body, bytes) in [(exchange.request, truth.request), (exchange.response, truth.response)] {
                let isRight = zip(body.bytes, bytes).allSatisfy { $0 == $1 || $0 == 0 }
                #expect(isRight && body.bytes.count <= bytes.count, note)
                if body.missing.isEmpty, body.end == .framed, body == exchange.request || exchange.responseHead != nil {
                    #expect(body.bytes == bytes, note)
                }
            }
        }
        let isRepeated = Dictionary(grouping: lost, by: \.half).values.contains { $0.count > 1 }
        for (path, truth) in talk.truths {
            let isHarmed = harmed.contains { $0.stream == truth.stream && ($0.type < 2 || $0.type == 9) }
            let isWhole = outcome[path]?.isWhole ?? false
            if isHarmed { #expect(!isWhole, "\(path) \(note)") }
            if !isHarmed, !lacksHeaders, !isRepeated { #expect(isWhole, "\(path) \(note)") }
        }
    }
}
