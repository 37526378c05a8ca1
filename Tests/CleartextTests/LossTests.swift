import Flows
import Objects
import TestSupport
import Testing

@testable import Cleartext

@Suite struct `A lost segment costs only the records it touches` {
    private static let cases = Conversation.all.filter {
        !$0.name.contains("early") && !$0.name.contains("renegotiated")
    }

    /// The cleartext that each record of a side holds.
    private func clearRanges(_ conversation: Conversation, ofClient isClient: Bool) -> [(
        record: Range<Int>, clear: Range<Int>
    )] {
        var tap = Tap(conversation.secrets)
        var ranges: [(record: Range<Int>, clear: Range<Int>)] = []
        var position = 0
        for flight in conversation.flights {
            var rest = flight.bytes[...]
            while rest.count >= 5 {
                let start = rest.startIndex
                let record = rest.prefix(5 + (Int(rest[start + 3]) << 8 | Int(rest[start + 4])))
                let before = Int(tap.heard(isClient).next)
                tap.send(flight.isClient, record)
                rest = rest.dropFirst(record.count)
                guard flight.isClient == isClient else { continue }
                ranges.append((position..<position + record.count, before..<Int(tap.heard(isClient).next)))
                position += record.count
            }
        }
        return ranges
    }

    @Test(arguments: cases, [true, false])
    func `wherever it is`(_ conversation: Conversation, _ isClient: Bool) throws {
        let ranges = clearRanges(conversation, ofClient: isClient)
        let said = isClient ? conversation.client : conversation.server
        let total = try #require(ranges.last).record.upperBound
        let flights = conversation.flights.filter { $0.isClient == isClient }.map(\.bytes)
        let wire = Array(flights.joined())
        let flightEnds = flights.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.count) }
        let first = try #require(ranges.first { wire[$0.record.lowerBound] == 23 }).record.lowerBound
        var generator = SeededGenerator(seed: 7)
        for start in stride(from: first, to: total, by: 61) {
            let lost = start..<min(total, start + Int.random(in: 1...800, using: &generator))
            var tap = Tap(conversation.secrets)
            play(conversation, isClient, losing: lost, into: &tap, segment: Int.random(in: 50...700, using: &generator))
            let heard = tap.heard(isClient)
            let missing = ranges.filter { $0.record.overlaps(lost) }.map(\.clear)
            var content: [UInt8] = []
            for (offset, byte) in said.enumerated() where !missing.contains(where: { $0.contains(offset) }) {
                content.append(byte)
            }
            #expect(heard.content == content, "\(lost)")
            #expect(heard.isOrdered, "\(lost)")
            let other = isClient ? conversation.server : conversation.client
            #expect(tap.heard(!isClient).content == other, "\(lost)")
            // Behind application data the place of everything is known exactly, unless the other side had answered before
            // the next record came that could be counted from.
            let isBehindData = (ranges.first { !$0.clear.isEmpty }?.record.upperBound ?? total) <= lost.lowerBound
            let isAnswered = ranges.contains { $0.record.overlaps(lost) && flightEnds.contains($0.record.upperBound) }
            if conversation.isExact, isBehindData, !isAnswered, !conversation.name.contains("updated") {
                #expect(heard.unknownGaps == 0, "\(lost)")
                for (offset, byte) in heard.bytes.enumerated() where byte != nil {
                    guard byte == said[offset] else {
                        Issue.record("\(lost): byte \(offset) is misplaced")
                        break
                    }
                }
            }
            // Where it is not, that is said.
            // In TLS 1.3 an alert looks like two bytes.
            if heard.unknownGaps == 0 { #expect(heard.bytes.count <= said.count + 2) }
            #expect(tap.engine.counters.undecryptableFlows == 0)
        }
    }

    /// Plays a conversation of which the bytes `lost` of one side were not captured.
    private func play(
        _ conversation: Conversation, _ isClient: Bool, losing lost: Range<Int>, into tap: inout Tap, segment: Int
    ) {
        var position = 0
        for flight in conversation.flights {
            var rest = flight.bytes[...]
            while !rest.isEmpty {
                var part = rest.prefix(segment)
                if flight.isClient == isClient {
                    if lost.contains(position) {
                        part = rest.prefix(lost.upperBound - position)
                        tap.lose(isClient, part.count)
                        position += part.count
                        rest = rest.dropFirst(part.count)
                        continue
                    }
                    if position < lost.lowerBound { part = part.prefix(lost.lowerBound - position) }
                    position += part.count
                }
                tap.send(flight.isClient, part)
                rest = rest.dropFirst(part.count)
            }
        }
        tap.finish()
    }

    @Test func `and one byte that was damaged costs its record`() {
        var conversation = Conversation.named("v13-aes128-gcm")
        let flight = conversation.flights.lastIndex { $0.isClient && $0.bytes.count > 900 } ?? 0
        conversation.flights[flight].bytes[60] ^= 1
        var tap = Tap(conversation.secrets)
        tap.play(conversation)
        tap.finish()
        #expect(tap.engine.counters.failedRecords == 1)
        #expect(tap.heard(true).gaps.count == 1)
        #expect(tap.heard(true).gaps.first?.cause == .framingLost)
        #expect(tap.heard(true).bytes.count == conversation.client.count)
        #expect(tap.heard(false).content == conversation.server)
    }

    @Test func `and is told before the answer, when it took a flight's end`() throws {
        let conversation = Conversation.named("v13-aes128-gcm")
        let asked = try #require(conversation.flights.lastIndex { $0.isClient && $0.bytes.count > 900 })
        let last = try #require(conversation.records(ofClient: true).last { !$0.isEmpty && $0.count > 900 }).count
        var tap = Tap(conversation.secrets)
        for (index, flight) in conversation.flights.enumerated() {
            guard index == asked else {
                tap.send(flight.isClient, flight.bytes[...])
                if index == asked + 1 { #expect(tap.heard(true).unknownGaps + tap.heard(true).gaps.count == 1) }
                continue
            }
            tap.send(true, flight.bytes.dropLast(last))
            tap.lose(true, last)
            #expect(tap.heard(true).unknownGaps + tap.heard(true).gaps.count == 0)
        }
        tap.finish()
        let heard = tap.heard(true)
        #expect(heard.unknownGaps == 1 && heard.gaps.isEmpty && heard.isOrdered)
        #expect(heard.content == Array(conversation.client.prefix(heard.content.count)))
        // What the answer acknowledged is behind all that could be missing.
        let answered = tap.heard(false).acknowledged.last?.1
        #expect(answered == heard.next)
        #expect(tap.heard(false).content == conversation.server)
    }
}

@Suite struct `A connection that is older than the capture` {
    @Test(arguments: ["v13-aes128-gcm", "v13-aes256-gcm", "v13-chacha20", "v13-aes128-ccm8"])
    func `of TLS 1.3 is read, when its secrets are among those known`(_ name: String) {
        let conversation = Conversation.named(name)
        let others = Conversation.named("v13-retry").secrets + Conversation.named("v13-padded").secrets
        // From the client's first application data on: the request was missed.
        let start = (conversation.flights.firstIndex { $0.isClient && $0.bytes[0] == 23 } ?? 0) + 1
        var tap = Tap(conversation.secrets + others, startedMidStream: true)
        for flight in conversation.flights[start...] { tap.send(flight.isClient, flight.bytes[...]) }
        tap.finish()
        #expect(tap.engine.counters.identifiedFlows == 1)
        #expect(tap.heard(true).content.suffix(2417) == conversation.client.suffix(2417))
        #expect(tap.heard(false).content.suffix(500) == conversation.server.suffix(500))
        #expect(tap.heard(true).isOrdered && tap.heard(false).isOrdered)
    }

    @Test func `of TLS 1.3 is read from any byte on, once two records were seen to follow each other`() {
        let conversation = Conversation.named("v13-aes128-gcm")
        let wire = conversation.flights.filter(\.isClient).flatMap(\.bytes)
        let records = conversation.records(ofClient: true).filter { wire[$0.lowerBound] == 23 }
        for start in stride(from: records[1].lowerBound + 1, to: records[3].lowerBound, by: 23) {
            for size in [100, 333] {
                var tap = Tap(conversation.secrets, startedMidStream: true)
                var rest = wire[start...]
                while !rest.isEmpty {
                    tap.send(true, rest.prefix(size))
                    rest = rest.dropFirst(size)
                }
                tap.finish()
                // At the latest from the second whole record on, and unless a header was cut by a segment's end.
                let heard = tap.heard(true)
                #expect(heard.isOrdered)
                if tap.engine.counters.cleartextBytes > 0 {
                    #expect(heard.content.suffix(1200) == conversation.client.suffix(1200), "\(start)")
                }
                if size == 333 { #expect(tap.engine.counters.identifiedFlows == 1, "\(start)") }
            }
        }
    }

    @Test(arguments: ["v13-aes128-gcm", "v13-aes256-gcm", "v13-aes128-ccm", "v13-aes128-ccm8"])
    func `of TLS 1.3 is read whatever its records' numbers are`(_ name: String) {
        let conversation = Conversation.named(name)
        let start = (conversation.flights.firstIndex { $0.isClient && $0.bytes[0] == 23 } ?? 0) + 1
        // No number but the first is tried on whole records: the rest is left to the cheaper way.
        var limits = CleartextLimits()
        limits.identifyTrials = 1
        limits.searchSequences = 0
        for numbers in [0, 1_048_576] {
            limits.identifyNumbers = numbers
            var tap = Tap(conversation.secrets, limits: limits, startedMidStream: true)
            for flight in conversation.flights[(start + 1)...] { tap.send(flight.isClient, flight.bytes[...]) }
            tap.finish()
            let isFound = tap.engine.counters.identifiedFlows == 1
            #expect(isFound == (numbers > 0))
            guard isFound else { continue }
            #expect(tap.heard(true).content.suffix(1200) == conversation.client.suffix(1200))
            #expect(tap.heard(false).content.suffix(500) == conversation.server.suffix(500))
        }
    }

    @Test func `is counted, when they are not, within the limit of attempts`() {
        let conversation = Conversation.named("v13-aes128-gcm")
        var limits = CleartextLimits()
        limits.identifyTrials = 2_000
        var tap = Tap(Conversation.named("v13-retry").secrets, limits: limits, startedMidStream: true)
        for flight in conversation.flights.dropFirst(5) { tap.send(flight.isClient, flight.bytes[...]) }
        for flight in conversation.flights.dropFirst(5) { tap.send(flight.isClient, flight.bytes[...]) }
        for flight in conversation.flights.dropFirst(5) { tap.send(flight.isClient, flight.bytes[...]) }
        tap.finish()
        #expect(tap.heard(true).content.isEmpty && tap.heard(false).content.isEmpty)
        #expect(tap.engine.undecryptable.first?.reason == .startedLate)
        #expect(tap.engine.undecryptable.first?.host == "10.0.0.2")
    }

    @Test func `of TLS 1.2 is counted`() {
        let conversation = Conversation.named("v12-aes128-gcm")
        var tap = Tap(conversation.secrets, startedMidStream: true)
        for flight in conversation.flights.dropFirst(4) { tap.send(flight.isClient, flight.bytes[...]) }
        tap.finish()
        #expect(tap.engine.undecryptable.first?.reason == .startedLate)
    }
}

@Suite struct `A plain flow passes as it is` {
    @Test(arguments: [
        [UInt8]("GET / HTTP/1.1\r\n\r\n".utf8), [0x16, 0x02], [0x16, 0x03, 0x09, 0, 0],
        [0x16, 0x03, 0x01, 0xFF, 0xFF, 1],
    ])
    func `whatever its first bytes, in one segment or one byte at a time`(_ first: [UInt8]) {
        for step in [1, 2, 100] {
            var tap = Tap()
            let all = first + Array("and so on".utf8)
            var rest = all[...]
            while !rest.isEmpty {
                tap.send(true, rest.prefix(step))
                rest = rest.dropFirst(step)
            }
            tap.lose(true, 10)
            tap.send(true, [1, 2, 3])
            tap.finish()
            #expect(tap.heard(true).content == all + [1, 2, 3], "\(first) \(step)")
            #expect(tap.heard(true).gaps.count == 1 && tap.heard(true).isOrdered)
            #expect(tap.engine.counters.flows == 0)
        }
    }

    @Test func `even if it is a body in which a TLS record stands`() {
        var tap = Tap()
        tap.send(true, Array("PUT / HTTP/1.1\r\n\r\n".utf8)[...])
        let record = Conversation.named("v13-aes128-gcm").flights[0].bytes
        tap.send(true, record[...])
        tap.finish()
        #expect(tap.heard(true).content.suffix(record.count) == record[...])
        #expect(tap.engine.counters.flows == 0)
    }
}
