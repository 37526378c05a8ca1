import Exchanges
import Flows
import FuzzSupport

/// Limits near enough to be reached, when the input asks for them.
private func limits(_ choice: UInt8) -> ExchangeLimits {
    var limits = ExchangeLimits()
    guard choice & 2 != 0 else { return limits }
    limits.headerBytes = 512
    limits.headerFields = 8
    limits.chunkLineBytes = 32
    limits.trailerBytes = 128
    limits.openExchanges = 4
    limits.partialBytesTotal = 700
    return limits
}

/// Reads the runs in pieces of at most so many bytes. `isInStep` when the place of no message was lost: where it is, what
/// is taken up again must stand alone in a run, so that cutting runs may cost exchanges.
private func read(_ start: UnsafePointer<UInt8>?, _ count: Int, piece: Int) -> (
    exchanges: [Playback.Exchange], isInStep: Bool
) {
    var input = FuzzInput(start, count)
    let choice = input.byte()
    _ = input.byte()
    let startedMidStream = choice & 1 != 0
    var play = Playback(limits: limits(choice), startedMidStream: startedMidStream, piece: piece)
    while let run = FuzzRun(&input) {
        switch run.kind {
        case .bytes: play.bytes(run.half, run.bytes, isSegmentStart: run.isSegmentStart, lag: run.lag)
        case .gap: play.gap(run.half, run.length, lag: run.lag)
        case .end:
            let reasons: [StreamEnd] = [.finished, .reset, .idle, .evicted, .captureEnded, .replaced]
            play.end(run.half, reasons[run.length % reasons.count])
        }
    }
    let outcome = play.finish()
    let counters = outcome.counters
    let losses = [
        counters.unpairedResponses, counters.resynchronisations, counters.unreadableHeads, counters.lostHeads,
        counters.framingLosses, counters.refusedRequests, counters.unreadableBytes, counters.partialByteLimit,
        counters.http2.frameLosses,
    ]
    return (outcome.exchanges, !startedMidStream && losses.allSatisfy { $0 == 0 })
}

// HTTP and the dialects behind it: two streams of any bytes, cut and holed anywhere. Cutting runs further changes nothing,
// as long as no place is lost.
// Input: choices, size of pieces, then runs (see FuzzRun).
fuzz { start, count in
    let whole = read(start, count, piece: .max)
    guard whole.isInStep else { return 0 }
    let size = Playback.pieceSize(start, count)
    Playback.compare(read(start, count, piece: size).exchanges, whole.exchanges, size: size)
    return 0
}
