import Flows
import Objects
import TestSupport
import Testing

@testable import Cleartext

@Suite struct `Whatever arrives` {
    @Test(arguments: Conversation.all)
    func `the sink's order holds, nothing foreign is delivered, and every wait ends`(_ conversation: Conversation) {
        let known = Set(windows(conversation.client) + windows(conversation.server))
        for seed in 1...60 {
            var generator = SeededGenerator(seed: UInt64(seed))
            var tap = Tap(startedMidStream: seed % 5 == 0)
            let keysAt = Int.random(in: 0...conversation.flights.count, using: &generator)
            for (index, flight) in conversation.flights.enumerated() {
                if index == keysAt { tap.engine.take(conversation.secrets) }
                var bytes = flight.bytes
                harm(&bytes, &generator)
                var rest = bytes[...]
                while !rest.isEmpty {
                    let part = rest.prefix(Int.random(in: 1...900, using: &generator))
                    if Int.random(in: 0..<12, using: &generator) == 0 {
                        tap.lose(flight.isClient, part.count)
                    } else {
                        tap.send(flight.isClient, part)
                    }
                    rest = rest.dropFirst(part.count)
                }
            }
            tap.finish()
            tap.engine.finish()
            #expect(tap.engine.waitingFlows == 0)
            for isClient in [true, false] {
                let heard = tap.heard(isClient)
                #expect(heard.isOrdered, "seed \(seed)")
                #expect(heard.ends.count <= 1)
                // Only a flow that is taken for plain hands on what nobody said.
                guard tap.engine.counters.flows == 1, seed % 5 != 0 else { continue }
                for window in windows(heard.content) where !known.contains(window) {
                    // A window over a gap joins two parts.
                    if heard.gaps.isEmpty, heard.unknownGaps == 0 { Issue.record("seed \(seed): foreign bytes") }
                    break
                }
            }
        }
    }

    @Test func `random bytes behind a record's header are no trouble`() {
        for seed in 1...400 {
            var generator = SeededGenerator(seed: UInt64(seed))
            var tap = Tap()
            for _ in 0..<20 {
                let count = Int.random(in: 0...300, using: &generator)
                let body = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
                let type = UInt8.random(in: 20...23, using: &generator)
                let handshake: [UInt8] = [
                    UInt8.random(in: 0...25, using: &generator), 0, UInt8.random(in: 0...2, using: &generator),
                ]
                let content = type == 22 ? handshake + body : body
                let record = [type, 3, 3, UInt8(content.count >> 8), UInt8(content.count & 255)] + content
                tap.send(Bool.random(using: &generator), record[...])
            }
            tap.finish()
            tap.engine.finish()
            #expect(tap.heard(true).isOrdered && tap.heard(false).isOrdered)
        }
    }

    private func harm(_ bytes: inout [UInt8], _ generator: inout SeededGenerator) {
        guard !bytes.isEmpty, Int.random(in: 0..<3, using: &generator) == 0 else { return }
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
        case 1: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: place)
        case 2: bytes.removeSubrange(place..<min(bytes.count, place + 20))
        default: bytes.replaceSubrange(place..<min(bytes.count, place + 2), with: [0xFF, 0xFF])
        }
    }

    /// Every four bytes that follow each other, aligned to no record.
    private func windows(_ bytes: [UInt8]) -> [UInt32] {
        guard bytes.count >= 4 else { return [] }
        return (0...bytes.count - 4).map { bytes[$0..<$0 + 4].reduce(0) { $0 << 8 | UInt32($1) } }
    }
}
