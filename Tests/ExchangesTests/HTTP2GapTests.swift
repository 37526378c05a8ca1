import Exchanges
import Flows
import Objects
import TestSupport
import Testing

@Suite struct `Gaps in HTTP/2` {
    private static let bodies: [String: (request: [UInt8], response: [UInt8])] = [
        "/one": (pattern(40_000, 1), []), "/two": (pattern(30_000, 2), []), "/three": ([], pattern(50_000, 3)),
        "/head": ([], []), "/empty": ([], []),
    ]

    /// No byte is at a wrong place, what is called whole is, and all is finished.
    private static func check(_ outcome: Conversation.Outcome, _ note: String) {
        for exchange in outcome.exchanges {
            #expect(exchange.isFinished, "\(note)")
            guard let truth = bodies[exchange.path] else {
                Issue.record("\(exchange.path) never was: \(note)")
                continue
            }
            for (body, bytes) in [(exchange.request, truth.request), (exchange.response, truth.response)] {
                // Missing bytes are zero, and the truth has none.
                let isRight = zip(body.bytes, bytes).allSatisfy { $0 == $1 || $0 == 0 }
                #expect(isRight && body.bytes.count <= bytes.count, "\(exchange.path): \(note)")
                if body.end == .framed { #expect(body.bytes.count == bytes.count, "\(exchange.path): \(note)") }
                if body.missing.isEmpty, body.end == .framed { #expect(body.bytes == bytes, "\(note)") }
            }
            if let answers = exchange.answers { #expect(answers == exchange.path, "\(note)") }
        }
    }

    @Test func `a gap inside DATA costs only those bytes`() {
        let script = mixedScript()
        let whole = script.talk.play().exchanges
        for half in [HalfConnection.fromInitiator, .fromResponder] {
            for stream: UInt32 in [1, 3, 5] {
                for frame in script.frames(half, stream, 0) {
                    let range = frame.range.lowerBound + 30..<frame.range.upperBound - 300
                    guard frame.range.count > 400 else { continue }
                    let outcome = script.talk.play(.init(lost: [(half, range)]))
                    let path = [1: "/one", 3: "/two", 5: "/three"][stream]
                    #expect(outcome.exchanges.filter { $0.path != path } == whole.filter { $0.path != path })
                    let harmed = outcome.exchanges.first { $0.path == path }
                    let body = half == .fromInitiator ? harmed?.request : harmed?.response
                    #expect(body?.missing.map(\.length) == [UInt64(range.count)] && body?.end == .framed)
                    #expect(harmed?.cause == nil && outcome.counters.http2.frameLosses == 0)
                    Self.check(outcome, "\(range)")
                }
            }
        }
    }

    @Test func `a gap anywhere leaves no wrong byte`() {
        let talk = mixedScript().talk
        for half in [HalfConnection.fromInitiator, .fromResponder] {
            for length: UInt64 in [1, 9, 1_448, 20_000] {
                for start in stride(from: UInt64(0), to: talk.sent(by: half), by: 2_711) {
                    let end = min(start + length, talk.sent(by: half))
                    Self.check(talk.play(.init(lost: [(half, start..<end)])), "\(half) \(start)..<\(end)")
                }
            }
        }
    }

    @Test func `a gap of unknown length leaves no wrong byte, and a body in which it lies is not whole`() {
        let script = mixedScript()
        for half in [HalfConnection.fromInitiator, .fromResponder] {
            for length: UInt64 in [1, 1_448, 20_000] {
                for start in stride(from: UInt64(0), to: script.talk.sent(by: half), by: 3_001) {
                    let end = min(start + length, script.talk.sent(by: half))
                    let outcome = script.talk.play(.init(lost: [(half, start..<end)], hidesLengths: true))
                    Self.check(outcome, "\(half) \(start)..<\(end)")
                }
            }
            for frame in script.frames(half, half == .fromInitiator ? 1 : 5, 0) where frame.range.count > 400 {
                let lost = frame.range.lowerBound + 30..<frame.range.upperBound - 300
                let outcome = script.talk.play(.init(lost: [(half, lost)], hidesLengths: true))
                let harmed = outcome.exchanges.first { $0.path == (half == .fromInitiator ? "/one" : "/three") }
                let body = half == .fromInitiator ? harmed?.request : harmed?.response
                #expect(body?.missing.isEmpty == false || body?.end != .framed, "\(half) \(lost)")
                #expect(outcome.counters.http2.frameLosses == 1, "\(half) \(lost)")
            }
        }
    }

    @Test(arguments: 0..<60) func `many gaps leave no wrong byte, however runs are cut`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let talk = mixedScript().talk
        var lost: [(half: HalfConnection, range: Range<UInt64>)] = []
        for half in [HalfConnection.fromInitiator, .fromResponder] {
            for _ in 0..<Int.random(in: 0...4, using: &generator) {
                let start = UInt64.random(in: 0..<talk.sent(by: half), using: &generator)
                let length = UInt64.random(in: 1...3_000, using: &generator)
                lost.append((half, start..<min(start + length, talk.sent(by: half))))
            }
        }
        let outcome = talk.play(.init(lost: lost, runBytes: [nil, 13, 700][Int(seed % 3)]))
        Self.check(outcome, "\(lost)")
    }

    @Test func `a gap over a frame's header costs that frame, and later requests are read again`() {
        var script = HTTP2Script()
        script.request(1, "PUT", "/cut", [("content-length", "60000")])
        script.data(.fromInitiator, 1, pattern(60_000, 1), by: 4_096)
        script.response(1, "/cut", ends: true)
        let hole = script.frames(.fromInitiator, 1, 0)[2].range.lowerBound
        for stream: UInt32 in [3, 5, 7, 9, 11] {
            // Literals without indexing: nothing refers to what was lost.
            let path = "/after\(stream)"
            script.send(
                .fromInitiator, 1, 5, stream,
                [0x83, 0x86, 4, UInt8(path.utf8.count)] + Array(path.utf8) + [1, 1, UInt8(ascii: "h")])
            script.response(stream, path, ends: true)
        }
        let outcome = script.talk.play(.init(lost: [(.fromInitiator, hole - 20..<hole + 40)]))
        let cut = outcome["/cut"]
        #expect(
            cut?.request.missing == [
                .init(offset: 8_172, length: 20, cause: .notCaptured),
                .init(offset: 8_192, length: 4_096, cause: .notCaptured),
            ])
        #expect(cut?.request.end == .framed && cut?.responseHead?.status == 200)
        #expect(outcome["/after11"]?.isWhole == true && outcome["/after9"]?.isWhole == true)
        #expect(outcome.counters.http2.frameLosses == 1 && outcome.counters.http2.resynchronisations == 1)
    }

    @Test func `a connection that is older than the capture is read from a later frame on`() {
        var script = HTTP2Script()
        script.request(1, "GET", "/old", ends: true)
        script.response(1, "/old", ends: false)
        script.data(.fromResponder, 1, pattern(100_000, 1), by: 4_000)
        let first = script.talk.segments.count - 40
        for _ in 0..<3 { script.send(.fromInitiator, 8, 0, 0, [0, 1, 0, 0]) }
        // No table was used yet by the other side but for what these two name again.
        script.request(3, "GET", "/new", [("x-new", "1")], ends: true)
        script.response(3, "/new", [("content-length", "50000")])
        script.data(.fromResponder, 3, pattern(50_000, 2))
        let outcome = script.talk.play(.init(firstSegment: first))
        for exchange in outcome.exchanges { #expect(exchange.path == "/new" && exchange.isFinished) }
        #expect(outcome.counters.http2.connections == 1 && outcome.counters[opaque: .unsynchronised].flows == 0)
        #expect(outcome.counters.http2.resynchronisations >= 1)
    }

    @Test func `a body whose length is reached is complete, though its END_STREAM was lost`() {
        var script = HTTP2Script()
        script.request(1, "PUT", "/a", [("content-length", "100")])
        script.data(.fromInitiator, 1, pattern(100, 1), ends: false)
        let end = script.talk.sent(by: .fromInitiator)
        script.send(.fromInitiator, 0, 1, 1)
        script.response(1, "/a", ends: true)
        let outcome = script.talk.play(.init(lost: [(.fromInitiator, end..<end + 9)]))
        #expect(outcome["/a"]?.isWhole == true && outcome["/a"]?.request.bytes == pattern(100, 1))
    }

    @Test func `frames inside a payload are not believed`() {
        // An upload of a recording of HTTP/2, with requests of its own.
        var recording: [UInt8] = []
        for stream: UInt32 in 1..<2_000 {
            recording += HTTP2Script.frame(1, 5, 2 * stream + 1, [0x82, 0x86, 4, 5] + Array("/fake".utf8))
            recording += HTTP2Script.frame(0, 1, 2 * stream + 1, pattern(50, 0))
        }
        var script = HTTP2Script()
        script.request(1, "PUT", "/a", [("content-length", "\(recording.count)")])
        script.data(.fromInitiator, 1, recording)
        script.response(1, "/a", ends: true)
        let frames = script.frames(.fromInitiator, 1, 0)
        for frame in frames.dropFirst() {
            let outcome = script.talk.play(
                .init(lost: [(.fromInitiator, frame.range.lowerBound - 5..<frame.range.lowerBound + 5)]))
            #expect(outcome.exchanges.map(\.path) == ["/a"])
            #expect(outcome["/a"]?.request.missing.isEmpty == false)
        }
    }
}
