import Cleartext
import Flows
import FuzzSupport
import Objects

/// Reads the runs in pieces of at most so many bytes, and gives what was counted and handed on.
private func read(_ start: UnsafePointer<UInt8>?, _ count: Int, piece: Int) -> (CleartextCounters, [[UInt8]]) {
    var input = FuzzInput(start, count)
    let choice = input.byte()
    _ = input.byte()
    var limits = CleartextLimits()
    if choice & 1 != 0 { limits.helloBytes = 128 }
    var engine = CleartextEngine(sink: CleartextCheck(), limits: limits, expectsSecrets: choice & 2 == 0)
    let flow = FlowHandle(slot: 0, number: 1)
    var context = SegmentContext(time: 1, packet: 1, acknowledged: nil)
    engine.open(flow, .toServer(port: 443, startedMidStream: false), context)
    var next: [UInt64] = [0, 0]
    while let run = FuzzRun(&input) {
        guard run.kind == .bytes else { continue }
        let side = Int(run.half.rawValue)
        context.packet += 1
        context.acknowledged = next[1 - side]
        // A record of the handshake that holds the bytes, or the bytes as they are.
        let header: [UInt8] = [22, 3, 3, UInt8(run.length >> 8 & 255), UInt8(run.length & 255)]
        let bytes = run.isSegmentStart ? header + run.bytes : run.bytes
        var place = 0
        while place < bytes.count {
            let end = min(place + piece, bytes.count)
            engine.bytes(
                flow, run.half, bytes.span.bytes.extracting(place..<end), at: next[side] + UInt64(place),
                isSegmentStart: place == 0, context)
            place = end
        }
        next[side] += UInt64(bytes.count)
    }
    engine.end(flow, .fromInitiator, .finished, context)
    engine.end(flow, .fromResponder, .finished, context)
    engine.close(flow, context)
    engine.finish()
    require(engine.waitingFlows == 0 && engine.sink.openFlows == 0, "a flow is left")
    return (engine.counters, engine.sink.contents.map { Array($0.joined()) })
}

// Handshake messages of any bytes, in records or not: they are read the same however they are cut, as
// long as no place is lost.
// Input: choices, size of pieces, then runs (see FuzzRun).
fuzz { start, count in
    let whole = read(start, count, piece: .max)
    // Where the place among the records is lost, how much is at hand decides where it is found again.
    guard whole.0.failedRecords == 0 else { return 0 }
    let size = (count > 1 ? Int(start?[1] ?? 0) % 32 + 1 : 1) + count / 1_000
    var cut = read(start, count, piece: size)
    // How much waits, and so how often room is asked for, depends on the pieces.
    cut.0.gatherLimit = whole.0.gatherLimit
    cut.0.parkedPeakBytes = whole.0.parkedPeakBytes
    cut.0.parkedBytes = whole.0.parkedBytes
    require(cut.0 == whole.0, "in pieces of \(size): \(cut.0)\nwhole: \(whole.0)")
    require(cut.1 == whole.1, "in pieces of \(size) other bytes are handed on")
    return 0
}
