import Flows
import Objects
import TestSupport
import Testing

@testable import Cleartext

@Suite struct `Every conversation gives what its applications said` {
    @Test(arguments: Conversation.all)
    func `in segments of an ordinary size`(_ conversation: Conversation) {
        var tap = Tap(conversation.secrets)
        tap.play(conversation)
        tap.finish()
        expect(tap, conversation)
    }

    @Test(arguments: Conversation.all, [1, 2, 5, 6, 97])
    func `in small segments`(_ conversation: Conversation, _ size: Int) {
        var tap = Tap(conversation.secrets)
        tap.play(conversation) { size }
        tap.finish()
        expect(tap, conversation)
    }

    @Test(arguments: Conversation.all)
    func `cut at random, with the keys late by any number of flights`(_ conversation: Conversation) {
        for late in 0...conversation.flights.count {
            var generator = SeededGenerator(seed: UInt64(late + 1))
            var tap = Tap()
            for (index, flight) in conversation.flights.enumerated() {
                if index == late { tap.engine.take(conversation.secrets) }
                var rest = flight.bytes[...]
                while !rest.isEmpty {
                    let part = rest.prefix(Int.random(in: 1...900, using: &generator))
                    tap.send(flight.isClient, part)
                    rest = rest.dropFirst(part.count)
                }
            }
            if late == conversation.flights.count { tap.engine.take(conversation.secrets) }
            tap.finish()
            expect(tap, conversation)
        }
    }

    @Test(arguments: Conversation.all)
    func `after the connection ended and its slot was used again`(_ conversation: Conversation) {
        var tap = Tap()
        tap.play(conversation)
        tap.finish()
        #expect(tap.heard(true).content.isEmpty && tap.heard(false).content.isEmpty)
        let other = FlowHandle(slot: 3, number: 78)
        tap.open(other)
        tap.engine.take(conversation.secrets)
        expect(tap, conversation)
        #expect(tap.engine.sink.closed == [77, 77])
        #expect(tap.engine.sink.opened == [77, 78, 77])
        #expect(tap.engine.waitingFlows == 0)
    }

    @Test(arguments: Conversation.all)
    func `or is counted, when no key comes`(_ conversation: Conversation) {
        var tap = Tap()
        tap.play(conversation)
        tap.finish()
        tap.engine.finish()
        #expect(tap.heard(true).content.isEmpty && tap.heard(false).content.isEmpty)
        let lines = tap.engine.undecryptable
        #expect(lines.count == 1 && lines.first?.flows == 1 && lines.first?.reason == .keyMissing)
        #expect(lines.first?.host == (conversation.name == "v13-rfc8448" ? "server" : "conversation.test"))
        #expect(lines.first?.bytes ?? 0 > 150)
        #expect(tap.engine.counters.undecryptableFlows == 1 && tap.engine.counters.decryptedFlows == 0)
    }

    @Test(arguments: Conversation.all.filter { $0.name.hasPrefix("v13") && !$0.name.contains("early") })
    func `without the secrets of the handshake`(_ conversation: Conversation) {
        var tap = Tap(secrets(inKeyLog: conversation.keyLog.filter { !$0.contains("HANDSHAKE") }))
        tap.play(conversation) { 333 }
        tap.finish()
        expect(tap, conversation)
        #expect(tap.engine.counters.skippedHandshakeRecords > 0)
    }

    /// Holds what was heard against what was said.
    private func expect(
        _ tap: borrowing Tap, _ conversation: Conversation, _ location: SourceLocation = #_sourceLocation
    ) {
        for isClient in [true, false] {
            let heard = tap.heard(isClient)
            let said = isClient ? conversation.client : conversation.server
            #expect(heard.content == said, "client \(isClient)", sourceLocation: location)
            #expect(heard.isOrdered && heard.gaps.isEmpty && heard.unknownGaps == 0, sourceLocation: location)
            #expect(heard.ends == [.finished], sourceLocation: location)
            // A position in the other half is one at which a record ended there.
            let other = tap.heard(!isClient)
            #expect(heard.acknowledged.allSatisfy { $0.1 <= other.next }, sourceLocation: location)
        }
        let counters = tap.engine.counters
        #expect(counters.decryptedFlows == 1 && counters.undecryptableFlows == 0, sourceLocation: location)
        #expect(counters.failedRecords == 0 && counters.resynchronisations == 0, sourceLocation: location)
        #expect(tap.engine.waitingFlows == 0, sourceLocation: location)
    }
}

@Suite struct `What a handshake says is noted` {
    private func counters(_ name: String) -> CleartextCounters {
        let conversation = Conversation.named(name)
        var tap = Tap(conversation.secrets)
        tap.play(conversation)
        return tap.engine.counters
    }

    @Test func `a HelloRetryRequest`() { #expect(counters("v13-retry").retries == 1) }
    @Test func `KeyUpdates in both directions`() { #expect(counters("v13-updated").keyUpdates >= 2) }
    @Test func `a renegotiation`() { #expect(counters("v12-renegotiated").renegotiations == 1) }
    @Test func `0-RTT data that was taken`() { #expect(counters("v13-early").earlyDataFlows == 1) }
    @Test func `0-RTT data that was refused`() { #expect(counters("v13-early-refused").earlyDataFlows == 0) }
    @Test func `an extended master secret`() { #expect(counters("v12-aes128-gcm").extendedMasterSecrets == 1) }

    @Test func `a request's position in the other half is the end of the response before it`() {
        let conversation = Conversation.named("v13-aes128-gcm")
        var tap = Tap(conversation.secrets)
        tap.play(conversation) { 100 }
        let client = tap.heard(true)
        // The client's first words, and the ones after the server's 2101 bytes.
        #expect(client.acknowledged.first?.1 == 0)
        #expect(client.acknowledged.dropFirst().first?.1 == 2101)
    }
}
