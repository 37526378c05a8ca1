import Flows
import Objects
import Testing

@testable import Cleartext

@Suite struct `Limits` {
    @Test func `a flow that waits for a key is given up at its limit`() {
        let conversation = Conversation.named("v13-aes128-gcm")
        var limits = CleartextLimits()
        limits.parkedFlowBytes = 4_000
        var tap = Tap(limits: limits)
        tap.play(conversation) { 500 }
        #expect(tap.engine.counters.parkedFlowLimit == 1 && tap.engine.waitingFlows == 0)
        #expect(tap.engine.undecryptable.first?.reason == .keyMissing)
        tap.engine.take(conversation.secrets)
        tap.finish()
        #expect(tap.heard(true).content.isEmpty && tap.heard(false).content.isEmpty)
        let wire = conversation.flights.reduce(0) { $0 + $1.bytes.count }
        // All but the hellos.
        #expect(tap.engine.counters.undecryptableBytes > UInt64(wire - 1_500))
        #expect(tap.engine.counters.undecryptableBytes < UInt64(wire))
    }

    @Test func `nothing waits when no secrets can come`() {
        let conversation = Conversation.named("v12-aes128-gcm")
        var tap = Tap(expectsSecrets: false)
        tap.play(conversation)
        #expect(tap.engine.waitingFlows == 0 && tap.engine.counters.parkedFlows == 0)
        #expect(tap.engine.counters.undecryptableFlows == 1)
    }

    @Test func `a hello beyond the limit makes the flow undecryptable`() {
        var limits = CleartextLimits()
        limits.helloBytes = 100
        var tap = Tap(limits: limits)
        tap.play(Conversation.named("v13-aes128-gcm"))
        #expect(tap.engine.counters.helloLimit == 1)
        #expect(tap.engine.undecryptable.first?.reason == .malformed)
    }

    @Test func `the search behind a gap is given up after so many attempts`() {
        let conversation = Conversation.named("v13-aes128-gcm")
        var limits = CleartextLimits()
        limits.searchTrials = 3
        var tap = Tap(conversation.secrets, limits: limits)
        tap.play(conversation)
        tap.lose(true, 40_000)
        // Records of another connection: none of them opens.
        for flight in conversation.flights where flight.isClient { tap.send(true, flight.bytes[...]) }
        tap.finish()
        #expect(tap.engine.counters.searchLimit == 1)
    }

    @Test func `the store forgets the session it heard of first`() {
        var store = SecretStore(sessionsMax: 2)
        let names = ["v13-aes128-gcm", "v13-retry", "v13-chacha20"]
        for name in names { Conversation.named(name).secrets.forEach { store.take($0) } }
        #expect(store.count == 2 && store.sessionsForgotten == 1)
        #expect(store.newestSessions(9).count == 2)
    }

    @Test func `of several secrets for one purpose the newest comes first`() throws {
        let random = String(repeating: "ab", count: 32)
        let lines = (1...6).map { "CLIENT_TRAFFIC_SECRET_0 \(random) \(String(repeating: "0\($0)", count: 32))" }
        var store = SecretStore()
        for event in secrets(inKeyLog: lines + [lines[4]]) { store.take(event) }
        let bytes = hex(random)
        let parsed = ClientRandom(bytes.span.bytes)
        let name = try #require(parsed)
        let found = store.secrets(.clientApplication, name, transcript: nil).map { $0.withBytes { $0[0] } }
        #expect(found == [5, 6, 4, 3])
    }

    @Test func `a secret is found by the transcript hash as well`() {
        let conversation = Conversation.named("v13-rfc8448")
        let hash = hex("860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8")
        let byHash = conversation.secrets.map { event -> SecretEvent in
            guard case .session(let label, _, let secret) = event else { return event }
            return .transcript(label, hash: hash, secret)
        }
        var tap = Tap(byHash)
        tap.play(conversation)
        #expect(tap.heard(true).content == conversation.client && tap.heard(false).content == conversation.server)
    }
}
