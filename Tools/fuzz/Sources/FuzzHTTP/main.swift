import Dialects
import Exchanges
import Flows
import FuzzSupport
import Objects

private typealias Sink = ExchangeCheck<Transcript<DialectEngine<TransferCheck>>>

/// What a reading found, and whether it never lost the place of a message. Where it did, it takes up again only what
/// stands alone in a run, so that cutting runs may cost exchanges.
private struct Reading {
    var exchanges: [Transcript<DialectEngine<TransferCheck>>.Exchange]
    var isInStep: Bool
}

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

/// Reads the runs in pieces of at most so many bytes, and gives the exchanges found.
private func read(_ start: UnsafePointer<UInt8>?, _ count: Int, piece: Int) -> Reading {
    var input = FuzzInput(start, count)
    let choice = input.byte()
    _ = input.byte()
    let dialects = DialectEngine(options: DialectOptions(dialects: [.s3, .http]), sink: TransferCheck())
    var engine = HTTPEngine(limits: limits(choice), sink: Sink(Transcript(dialects)))
    let flow = FlowHandle(slot: 0, number: 1)
    let description = FlowDescription(
        text: "10.0.0.1:1 > 10.0.0.2:80", initiatorAddress: "10.0.0.1", responderAddress: "10.0.0.2", initiatorPort: 1,
        responderPort: 80, startedMidStream: choice & 1 != 0)
    var context = SegmentContext(time: 1, packet: 1, acknowledged: nil)
    engine.open(flow, description, context)
    var next: [UInt64] = [0, 0]
    var hasEnded = [false, false]
    while let run = FuzzRun(&input) {
        let side = Int(run.half.rawValue)
        guard !hasEnded[side] else { continue }
        context.time += 1_000
        context.packet += 1
        context.acknowledged = run.lag.map { next[1 - side] - min(next[1 - side], $0) }
        explain(
            "\(context.packet): \(run.kind) \(run.half) \(next[side])+\(run.length)"
                + (context.acknowledged.map { " ack \($0)" } ?? "") + (run.isSegmentStart ? " start " : " ")
                + String(decoding: run.bytes, as: UTF8.self).debugDescription)
        switch run.kind {
        case .bytes:
            var place = 0
            while place < run.length {
                let end = min(place + piece, run.length)
                engine.bytes(
                    flow, run.half, run.bytes.span.bytes.extracting(place..<end), at: next[side] + UInt64(place),
                    isSegmentStart: run.isSegmentStart && place == 0, context)
                place = end
            }
        case .gap:
            engine.gap(flow, run.half, at: next[side], length: UInt64(run.length), cause: .notCaptured, context)
        case .end:
            let reasons: [StreamEnd] = [.finished, .reset, .idle, .evicted, .captureEnded, .replaced]
            engine.end(flow, run.half, reasons[run.length % reasons.count], context)
            hasEnded[side] = true
            continue
        }
        next[side] += UInt64(run.length)
    }
    for half in [HalfConnection.fromInitiator, .fromResponder] where !hasEnded[Int(half.rawValue)] {
        engine.end(flow, half, .captureEnded, context)
    }
    engine.close(flow, context)
    require(engine.sink.openExchanges == 0, "exchanges are left open")
    require(engine.sink.inner.inner.openExchanges == 0, "exchanges are left in the dialects")
    require(engine.sink.inner.inner.sink.unused == 0, "transfers are left without an event")
    let counters = engine.counters
    let losses = [
        counters.unpairedResponses, counters.resynchronisations, counters.unreadableHeads, counters.lostHeads,
        counters.framingLosses, counters.refusedRequests, counters.unreadableBytes, counters.partialByteLimit,
    ]
    return Reading(
        exchanges: engine.sink.inner.exchanges, isInStep: !description.startedMidStream && losses.allSatisfy { $0 == 0 }
    )
}

// HTTP and the dialects behind it: two streams of any bytes, cut and holed anywhere. Cutting runs further changes nothing,
// as long as no place is lost.
// Input: choices, size of pieces, then runs (see FuzzRun).
fuzz { start, count in
    let whole = read(start, count, piece: .max)
    guard whole.isInStep else { return 0 }
    // A long input in small pieces would cost more than it tells.
    let size = (count > 1 ? Int(start?[1] ?? 0) % 32 + 1 : 1) + count / 1_000
    let cut = read(start, count, piece: size)
    let (found, expected) = (cut.exchanges.count, whole.exchanges.count)
    require(found == expected, "\(found) exchanges in pieces of \(size), \(expected) whole")
    for (one, other) in zip(cut.exchanges, whole.exchanges) {
        require(one == other, "in pieces of \(size): \(one)\nwhole: \(other)")
    }
    return 0
}
