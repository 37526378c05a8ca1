import Exchanges
import Flows
import HTTPTypes
import Objects
import Testing

@Suite struct `Protocols and roles` {
    private static let tls: [UInt8] = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01] + [UInt8](repeating: 10, count: 500)

    @Test(arguments: [
        (tls, OpaqueKind.tls), ([0x17, 0x03, 0x03, 0x00, 0x20], .tls),
        (Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8), .http2), (Array("SSH-2.0-OpenSSH_9.2\r\n".utf8), .ssh),
        ([0, 0, 18, 4, 0, 0, 0, 0, 0, 0], .http2), ([0, 1, 2, 3], .unrecognised),
        (Array("GET /old\r\n".utf8), .unrecognised), (Array("EHLO example.org\r\n".utf8), .unrecognised),
        ([0x16, 0x99, 1, 2], .unrecognised), ([0xFF], .unrecognised),
    ])
    func `what is not HTTP is recognised by its first bytes and passed over`(bytes: [UInt8], kind: OpaqueKind) {
        for size in [nil, 1, 3] {
            var talk = Conversation()
            talk.send(.fromInitiator, bytes)
            talk.server("whatever")
            talk.client("GET /a HTTP/1.1\r\n\r\n")
            talk.server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            let outcome = talk.play(.init(runBytes: size))
            #expect(outcome.exchanges.isEmpty)
            for other in OpaqueKind.allCases {
                #expect(outcome.counters[opaque: other].flows == (other == kind ? 1 : 0))
            }
            #expect(outcome.counters[opaque: kind].bytes >= 65)
        }
    }

    @Test func `a server that speaks first and not HTTP is passed over`() {
        var talk = Conversation()
        talk.server("220 mail.example.org ESMTP\r\n")
        talk.client("QUIT\r\n")
        let outcome = talk.play()
        #expect(outcome.exchanges.isEmpty && outcome.counters[opaque: .unrecognised].flows == 1)
    }

    @Test func `a TLS flow seen from its middle is counted as such when it closes`() {
        var talk = Conversation()
        talk.client("first")
        talk.send(.fromInitiator, [0x17, 0x03, 0x03, 0x01, 0x00] + [UInt8](repeating: 200, count: 256))
        talk.send(.fromResponder, [0x17, 0x03, 0x03, 0x01, 0x00] + [UInt8](repeating: 201, count: 256))
        let outcome = talk.play(.init(firstSegment: 1))
        #expect(outcome.exchanges.isEmpty)
        #expect(outcome.counters[opaque: .tls].flows == 1 && outcome.counters[opaque: .tls].bytes == 522)
    }

    @Test func `the first start-line tells who the client is`() {
        let talk = mixedConversation()
        let outcome = talk.play(.init(swapsHalves: true))
        #expect(outcome.exchanges == talk.play().exchanges && outcome.exchanges.count == 10)
    }

    @Test func `a flow whose middle was seen first may have its roles the other way round`() {
        let talk = mixedConversation()
        for first in 1..<talk.segments.count {
            let plain = talk.play(.init(firstSegment: first))
            let swapped = talk.play(.init(firstSegment: first, swapsHalves: true))
            #expect(plain.exchanges == swapped.exchanges)
        }
    }

    @Test func `a request from the server's side is not read`() {
        let outcome = Conversation.turns(
            "GET /a HTTP/1.1\r\n\r\n", "GET /b HTTP/1.1\r\n\r\n", "GET /c HTTP/1.1\r\n\r\n",
            "HTTP/1.1 204 No Content\r\n\r\n"
        ).play()
        #expect(outcome.exchanges.filter { $0.responseHead != nil }.allSatisfy { $0.path == "/c" })
        #expect(outcome["/b"] == nil && outcome.counters.unreadableHeads == 1)
    }

    @Test func `without acknowledgements a flow that lost nothing is read, and one that lost is not guessed at`() {
        let talk = mixedConversation()
        #expect(talk.play(.init(knowsAcknowledged: false)).exchanges.allSatisfy { $0.isWhole })
        let outcome = talk.play(.init(lost: [(.fromResponder, 3..<9)], knowsAcknowledged: false))
        #expect(outcome.exchanges.allSatisfy { $0.responseHead == nil })
    }
}
