import Exchanges
import Flows
import FuzzSupport

/// What happens on the wire.
private enum Step {
    case bytes(HalfConnection, [UInt8])
    case gap(HalfConnection, Int)
    case end(HalfConnection)
}

/// Header blocks as clients and servers send them, with and without the dynamic table; the fuzzer makes others.
private let blocks: [[UInt8]] = [
    [0x83, 0x86, 0x44, 2] + Array("/a".utf8) + [0x41, 1, UInt8(ascii: "h"), 0x5C, 2] + Array("20".utf8),
    [0x82, 0x86, 0x84, 0x41, 1, UInt8(ascii: "h")], [0x82, 0x86, 0xBE, 0xBF], [0x88],
    [0x88, 0x5C, 2] + Array("40".utf8),
    [0x88, 0xBE], [0x08, 3] + Array("100".utf8), [0x40, 1, UInt8(ascii: "x"), 1, UInt8(ascii: "y")], [0xBE],
    [0x3F, 0xE1, 0x1F],
    [0x02, 4] + Array("HEAD".utf8) + [0x86, 0x84], [0x89], [0x20, 0x88], [0x82, 0x86, 0x84, 0x80],
]

private let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

private func frame(_ type: UInt8, _ flags: UInt8, _ stream: UInt8, _ payload: [UInt8], stated: Int? = nil) -> [UInt8] {
    let length = stated ?? payload.count
    return [0, UInt8(length >> 8 & 255), UInt8(length & 255), type, flags, 0, 0, 0, stream] + payload
}

/// Reads what happens from the input: one byte says what and in which half, the next ones the rest.
private func step(_ input: inout FuzzInput) -> Step {
    let choice = input.byte()
    let half: HalfConnection = choice & 1 == 0 ? .fromInitiator : .fromResponder
    switch choice >> 1 & 7 {
    case 0, 1:
        let flags = input.byte()
        let stream = input.byte()
        let block = blocks[Int(input.byte()) % blocks.count]
        return .bytes(half, frame(1, flags, stream, block))
    case 2:
        let flags = input.byte()
        let stream = input.byte()
        // Payload without a cost: what it holds matters little.
        return .bytes(half, frame(0, flags, stream, [UInt8](repeating: flags, count: Int(input.byte()) * 4)))
    case 3:
        let type = input.byte() % 11
        let flags = input.byte()
        let stream = input.byte()
        let length = Int(input.byte() % 64)
        return .bytes(half, frame(type, flags, stream, input.take(length)))
    case 4: return .bytes(half, input.take(Int(input.byte())))
    case 5:
        let stated = Int(input.word() & 0x3FFF)
        let flags = input.byte()
        return .bytes(half, frame(choice >> 4, flags, input.byte(), input.take(Int(flags)), stated: stated))
    case 6: return .gap(half, Int(input.byte()) + 1)
    default: return choice >> 4 == 15 ? .end(half) : .bytes(half, frame(6, 0, 0, [UInt8](repeating: 0, count: 8)))
    }
}

private func limits(_ choice: UInt8) -> ExchangeLimits {
    var limits = ExchangeLimits()
    guard choice & 2 != 0 else { return limits }
    limits.headerBytes = 200
    limits.headerFields = 8
    limits.openExchanges = 4
    limits.partialBytesTotal = 300
    limits.continuationFrames = 2
    limits.resetsPerSecond = 4
    limits.headerTableBytes = 256
    limits.headerTableBytesTotal = 600
    return limits
}

/// Plays the input in pieces of at most so many bytes; the flag says whether no place was lost.
private func read(_ start: UnsafePointer<UInt8>?, _ count: Int, piece: Int) -> (
    exchanges: [Playback.Exchange], isInStep: Bool
) {
    var input = FuzzInput(start, count)
    let choice = input.byte()
    _ = input.byte()
    let startedMidStream = choice & 1 != 0
    var play = Playback(limits: limits(choice), startedMidStream: startedMidStream, piece: piece)
    if choice & 4 != 0 {
        play.bytes(.fromInitiator, Array("GET /up HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\n\r\n".utf8))
        play.bytes(.fromResponder, Array("HTTP/1.1 101 S\r\nUpgrade: h2c\r\n\r\n".utf8))
    }
    if choice & 8 == 0 { play.bytes(.fromInitiator, preface + frame(4, 0, 0, [])) }
    if choice & 16 == 0 { play.bytes(.fromResponder, frame(4, 0, 0, [])) }
    while !input.isEmpty {
        switch step(&input) {
        case .bytes(let half, let bytes): play.bytes(half, bytes)
        case .gap(let half, let length): play.gap(half, length)
        case .end(let half): play.end(half, .finished)
        }
    }
    let outcome = play.finish()
    let counters = outcome.counters
    let losses = [counters.http2.frameLosses, counters.framingLosses, counters.lostHeads, counters.partialByteLimit]
    return (outcome.exchanges, !startedMidStream && losses.allSatisfy { $0 == 0 })
}

// HTTP/2 and the dialects behind it: frames of any order and content, cut and holed anywhere. Cutting runs further changes
// nothing, as long as no place is lost.
// Input: choices, size of pieces, then steps (see `step`).
fuzz { start, count in
    let whole = read(start, count, piece: .max)
    guard whole.isInStep else { return 0 }
    let size = Playback.pieceSize(start, count)
    Playback.compare(read(start, count, piece: size).exchanges, whole.exchanges, size: size)
    return 0
}
