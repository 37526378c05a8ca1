import Exchanges
import Flows
import HTTPTypes
import Testing

/// The examples of RFC 7541, appendix C, as header blocks of a connection.
@Suite struct `Header compression` {
    private static func octets(_ hex: String) -> [UInt8] {
        let digits = hex.filter { !$0.isWhitespace }
        return stride(from: 0, to: digits.count, by: 2).compactMap {
            UInt8(digits.dropFirst($0).prefix(2), radix: 16)
        }
    }

    /// C.3 without and C.4 with Huffman coding.
    private static let requests = [
        [
            "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", "8286 84be 5808 6e6f 2d63 6163 6865",
            "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
        ],
        [
            "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", "8286 84be 5886 a8eb 1064 9cbf",
            "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
        ],
    ]

    /// C.5 without and C.6 with Huffman coding.
    private static let responses = [
        [
            """
            4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120
            474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d
            """,
            "4803 3330 37c1 c0bf",
            """
            88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738
            666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33
            3630 303b 2076 6572 7369 6f6e 3d31
            """,
        ],
        [
            """
            4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718
            63c7 8f0b 97c8 e9ae 82ae 43d3
            """,
            "4883 640e ffc1 c0bf",
            """
            88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7
            b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07
            """,
        ],
    ]

    /// Three requests and their responses, behind so many PING frames of the client.
    private static func script(_ coding: Int, pings: Int = 0) -> HTTP2Script {
        var script = HTTP2Script()
        for _ in 0..<pings { script.send(.fromInitiator, 6, 0, 0, [UInt8](repeating: 1, count: 8)) }
        for index in 0..<3 {
            let stream = UInt32(2 * index + 1)
            script.send(.fromInitiator, 1, 5, stream, octets(requests[coding][index]))
            script.send(.fromResponder, 1, 5, stream, octets(responses[coding][index]))
        }
        return script
    }

    private static func check(_ outcome: Conversation.Outcome) {
        let all = outcome.exchanges
        #expect(all.count == 3 && all.allSatisfy(\.isWhole))
        guard all.count == 3 else { return }
        #expect(all.map(\.path) == ["/", "/", "/index.html"])
        #expect(all.allSatisfy { $0.head.authority == "www.example.com" && $0.head.method == "GET" })
        #expect(all[1].head.fields[.cacheControl] == "no-cache")
        #expect(all[2].head.fields.first { $0.name.canonicalName == "custom-key" }?.value == "custom-value")
        #expect(all.map { $0.responseHead?.status } == [302, 307, 200])
        #expect(all.allSatisfy { $0.responseHead?.fields[.location] == "https://www.example.com" })
        #expect(all.allSatisfy { $0.responseHead?.fields[.cacheControl] == "private" })
        #expect(all[2].responseHead?.fields[.date] == "Mon, 21 Oct 2013 20:13:22 GMT")
        #expect(all[2].responseHead?.fields[.contentEncoding] == "gzip")
        #expect(all[2].responseHead?.fields[.setCookie] == nil)
    }

    @Test(arguments: [0, 1]) func `the examples of RFC 7541 decode`(coding: Int) {
        Self.check(Self.script(coding).talk.play())
    }

    @Test(arguments: [0, 1]) func `they decode as well with a table that began empty in mid-connection`(coding: Int) {
        let script = Self.script(coding, pings: 3)
        // The capture begins with the server's SETTINGS: a state of the tables that no one can know.
        let first = script.talk.segments.firstIndex { $0.half == .fromResponder } ?? 0
        let outcome = script.talk.play(.init(firstSegment: first))
        Self.check(outcome)
        #expect(outcome.counters.http2.unnamedExchanges == 0)
    }

    @Test(arguments: [0, 1]) func `what refers to a lost entry is unnamed, until the entry is sent again`(coding: Int) {
        var script = Self.script(coding)
        script.send(.fromInitiator, 1, 5, 7, Self.octets(Self.requests[coding][0]))
        script.send(.fromInitiator, 1, 5, 9, Self.octets("8286 84be"))
        script.response(7, "/", ends: true)
        script.response(9, "/", ends: true)
        let lost = script.frames(.fromInitiator, 1, 1)[0].range
        let outcome = script.talk.play(.init(lost: [(.fromInitiator, lost.lowerBound + 9..<lost.upperBound)]))
        // Streams 1, 3 and 5 are lost or refer to what was; 7 is literal, 9 refers to 7.
        #expect(outcome.exchanges.count == 2 && outcome.exchanges.allSatisfy(\.isWhole))
        #expect(outcome.exchanges.allSatisfy { $0.head.authority == "www.example.com" })
        #expect(outcome.counters.http2.unnamedExchanges == 3 && outcome.counters.http2.frameLosses == 0)
        #expect(outcome.counters.unpairedResponses == 3)
    }

    @Test func `a block that is no HPACK makes the later ones unreadable`() {
        for bad in ["80", "ff", "be", "4005", "3fe1ffff7f"] {
            var script = HTTP2Script()
            script.request(1, "GET", "/a", ends: true)
            script.response(1, "/a", ends: true)
            script.send(.fromInitiator, 1, 5, 3, Self.octets("ffffffffffff7f"))
            script.send(.fromInitiator, 1, 5, 5, Self.octets(bad))
            script.request(7, "GET", "/b", ends: true)
            let outcome = script.talk.play()
            #expect(outcome.exchanges.map(\.path) == ["/a"])
            #expect(outcome.counters.http2.headerDefects == 1 && outcome.counters.http2.unnamedExchanges == 3)
        }
    }
}
