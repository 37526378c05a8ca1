import Testing

@testable import Cleartext

/// What the fuzzer found, each as small as it gets.
@Suite struct `A finding of the fuzzer stays mended` {
    /// FuzzTLSRecords: the rest of what looked like a record was handed on behind bytes that nobody had been told of.
    @Test(arguments: [1, 4, 5, 8]) func `no record behind a gap in what looked like one`(_ first: Int) {
        var tap = Tap()
        tap.send(true, [0x16, 3, 1, 0, 20, 1, 2, 3][..<first])
        tap.lose(true, 25 - first)
        tap.send(true, [1, 2, 3, 4, 5, 6, 7, 8, 9])
        tap.finish()
        #expect(tap.heard(true).isOrdered)
        #expect(tap.heard(true).content.isEmpty)
        #expect(tap.engine.counters.flows == 1)
    }

    /// FuzzTLSHandshake: a flow that ended within five bytes was taken for TLS or not, depending on where it was cut.
    @Test(arguments: [1, 2]) func `bytes that begin no record are handed on however they were cut`(_ size: Int) {
        var tap = Tap()
        for byte in stride(from: 0, to: 2, by: size) { tap.send(true, [0x16, 0][byte..<byte + size]) }
        tap.finish()
        #expect(tap.heard(true).content == [0x16, 0])
        #expect(tap.engine.counters.flows == 0)
    }

    /// FuzzTLSHandshake: a half that had to be searched for its key when it ended, ended twice.
    @Test func `a half that waits for a key ends once`() {
        let conversation = Conversation.named("v13-aes128-gcm")
        var tap = Tap()
        for flight in conversation.flights.prefix(2) { tap.send(flight.isClient, flight.bytes[...]) }
        // Behind a loss comes the beginning of a record, and a whole one within it.
        let data: [UInt8] = conversation.flights.last(where: { !$0.isClient && $0.bytes[0] == 23 })?.bytes ?? []
        tap.lose(false, 40)
        tap.send(false, ([23, 3, 3, 0x3F, 0xFF] + data)[...])
        tap.finish()
        #expect(tap.heard(false).ends.count == 1 && tap.heard(true).ends.count == 1)
        #expect(tap.engine.waitingFlows == 1)
        tap.engine.take(conversation.secrets)
        tap.engine.finish()
        // Under a slot of its own it was opened and ended once more, or given up.
        #expect(tap.engine.sink.opened.count == tap.engine.sink.closed.count)
        #expect(tap.engine.waitingFlows == 0)
        #expect(tap.heard(false).ends.count <= 1 && tap.heard(true).ends.count <= 1)
    }

    /// FuzzTLSRecords: what waited for the server's word on 0-RTT data was given up behind the close of its flow.
    @Test(arguments: ["v13-early", "v13-early-refused"])
    func `a flow that ended without the server's word is given up before it is closed`(_ name: String) {
        let conversation = Conversation.named(name)
        var tap = Tap()
        var isAnswered = false
        for flight in conversation.flights {
            guard !flight.isClient, !isAnswered else {
                tap.send(flight.isClient, flight.bytes[...])
                continue
            }
            // Of the server's first flight only the hello was captured.
            isAnswered = true
            let hello = 5 + (Int(flight.bytes[3]) << 8 | Int(flight.bytes[4]))
            tap.send(false, flight.bytes[..<hello])
            tap.lose(false, flight.bytes.count - hello)
        }
        tap.finish()
        tap.engine.take(conversation.secrets)
        tap.engine.finish()
        #expect(tap.engine.sink.misplaced == 0)
        #expect(tap.engine.sink.opened.count == tap.engine.sink.closed.count)
        #expect(tap.engine.waitingFlows == 0)
    }
}
