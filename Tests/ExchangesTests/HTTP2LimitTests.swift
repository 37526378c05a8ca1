import Exchanges
import Flows
import Testing

@Suite struct `Limits of HTTP/2` {
    @Test func `more open streams than the limit end the connection`() {
        var limits = ExchangeLimits()
        limits.openExchanges = 3
        var script = HTTP2Script()
        for stream: UInt32 in [1, 3, 5, 7] { script.request(stream, "GET", "/\(stream)", ends: true) }
        let outcome = script.talk.play(limits: limits)
        #expect(outcome.exchanges.count == 3 && outcome.exchanges.allSatisfy { $0.isFinished && $0.cause == .limit })
        #expect(outcome.counters.openExchangeLimit == 1 && outcome.counters[opaque: .http2].flows == 1)
    }

    @Test func `a header block beyond the limit is passed over, however it is cut`() {
        var limits = ExchangeLimits()
        limits.headerBytes = 500
        for size in [100, 16_384] {
            var script = HTTP2Script()
            script.request(1, "GET", "/big", [("x", String(repeating: "z", count: 1_000))], ends: true, by: size)
            script.send(.fromInitiator, 1, 5, 3, [0x82, 0x86, 4, 2] + Array("/a".utf8))
            script.response(3, "/a", ends: true)
            let outcome = script.talk.play(limits: limits)
            #expect(outcome.exchanges.map(\.path) == ["/a"] && outcome.exchanges[0].isWhole)
            #expect(outcome.counters.headerByteLimit == 1 && outcome.counters.http2.unnamedExchanges == 1)
        }
    }

    @Test func `a header list that grows beyond the limit is passed over`() {
        var limits = ExchangeLimits()
        limits.headerBytes = 2_000
        var script = HTTP2Script()
        // One entry of 500 bytes, named ten times.
        let value = [UInt8](repeating: UInt8(ascii: "v"), count: 500)
        let entry = [0x40, 1, UInt8(ascii: "x"), 0x7F, 0xF5, 0x02] + value
        let references = [UInt8](repeating: 0xBE, count: 10)
        script.send(.fromInitiator, 1, 5, 1, [0x82, 0x86, 0x84] + entry + references)
        script.send(.fromInitiator, 1, 5, 3, [0x82, 0x86, 4, 2] + Array("/a".utf8))
        let outcome = script.talk.play(limits: limits)
        #expect(outcome.exchanges.map(\.path) == ["/a"] && outcome.counters.headerByteLimit == 1)
    }

    @Test func `more fields than the limit name nothing`() {
        var limits = ExchangeLimits()
        limits.headerFields = 8
        var script = HTTP2Script()
        script.request(1, "GET", "/a", (0..<8).map { ("x-\($0)", "v") }, ends: true)
        let outcome = script.talk.play(limits: limits)
        #expect(outcome.exchanges.isEmpty && outcome.counters.headerFieldLimit == 1)
    }

    @Test func `more CONTINUATION frames than the limit cost the block`() {
        var limits = ExchangeLimits()
        limits.continuationFrames = 10
        var script = HTTP2Script()
        script.send(.fromInitiator, 1, 1, 1, [0x82])
        for _ in 0..<1_000 { script.send(.fromInitiator, 9, 0, 1) }
        script.send(.fromInitiator, 9, 4, 1)
        script.send(.fromInitiator, 1, 5, 3, [0x82, 0x86, 4, 2] + Array("/a".utf8))
        script.response(3, "/a", ends: true)
        let outcome = script.talk.play(limits: limits)
        #expect(outcome.exchanges.map(\.path) == ["/a"] && outcome.counters.http2.continuationLimit == 1)
    }

    @Test func `more resets in a second than the limit end the connection`() {
        var limits = ExchangeLimits()
        limits.resetsPerSecond = 5
        var script = HTTP2Script()
        for stream: UInt32 in 0..<20 {
            script.request(2 * stream + 1, "GET", "/\(stream)", ends: true)
            script.send(.fromInitiator, 3, 0, 2 * stream + 1, [0, 0, 0, 8])
        }
        let outcome = script.talk.play(limits: limits)
        #expect(outcome.exchanges.count == 6 && outcome.exchanges.allSatisfy(\.isFinished))
        #expect(outcome.counters.http2.resetLimit == 1 && outcome.counters[opaque: .http2].flows == 1)
    }

    @Test func `tables of header fields stay within their budget`() {
        var limits = ExchangeLimits()
        limits.headerTableBytesTotal = 8_191
        let refused = mixedScript().talk.play(limits: limits)
        #expect(refused.exchanges.isEmpty && refused.counters.http2.headerTableLimit == 1)
        #expect(refused.counters[opaque: .http2].flows == 1)
        // Room for one more setting than the first, and none for the next.
        limits.headerTableBytesTotal = 8_192
        let small = mixedScript().talk.play(limits: limits)
        #expect(small.exchanges.count == 5 && small.counters.http2.headerTableLimit == 1)
    }

    @Test func `a setting beyond the limit is not allowed for`() {
        var limits = ExchangeLimits()
        limits.headerTableBytes = 4_096
        var script = HTTP2Script()
        script.settings(.fromResponder, [(1, 1_000_000)])
        // The client takes it up: a size update to 1,000,000.
        script.send(.fromInitiator, 1, 5, 1, [0x3F, 0xA1, 0x84, 0x3D, 0x82, 0x86, 0x84])
        let outcome = script.talk.play(limits: limits)
        #expect(outcome.exchanges.isEmpty && outcome.counters.http2.headerTableLimit == 1)
        #expect(outcome.counters.http2.headerDefects == 1)
    }

    @Test func `a body with more to come behind a loss than the limit is cut there`() {
        for (limit, isTotal) in [(20_000, false), (40_000, false), (10_000, true)] {
            var limits = ExchangeLimits()
            if isTotal { limits.tailBytesTotal = limit } else { limits.tailBytes = limit }
            var script = HTTP2Script()
            script.request(1, "PUT", "/a", [("content-length", "40000")])
            script.data(.fromInitiator, 1, pattern(40_000, 1), by: 4_000)
            script.response(1, "/a", ends: true)
            let hole = script.frames(.fromInitiator, 1, 0)[1].range.lowerBound
            let outcome = script.talk.play(.init(lost: [(.fromInitiator, hole - 5..<hole + 5)]), limits: limits)
            let missing = outcome["/a"]?.request.missing.map(\.length)
            // Beside the bytes before the header: the frame, or everything from there on.
            #expect(missing == (limit == 40_000 ? [5, 4_000] : [5, nil]), "\(limit)")
            #expect((outcome.counters.http2.tailLimit > 0) == (limit != 40_000), "\(limit)")
        }
    }

    @Test func `incomplete blocks count against the total of incomplete things`() {
        var limits = ExchangeLimits()
        limits.partialBytesTotal = 64
        var script = HTTP2Script()
        script.request(1, "GET", "/a", [("x", String(repeating: "z", count: 200))], ends: true)
        let outcome = script.talk.play(limits: limits)
        #expect(outcome.exchanges.isEmpty && outcome.counters.partialByteLimit == 1)
    }
}
