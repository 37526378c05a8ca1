public import Dialects
public import Exchanges
public import Flows
import Objects

/// Plays one flow into HTTP and the dialects behind it, and holds every layer against its promises at the flow's end.
///
/// Steps come in order of time, 1 us apart; runs are cut into pieces of at most so many bytes.
public struct Playback: ~Copyable {
    /// What came out.
    public struct Outcome {
        /// The exchanges, in the order in which they were opened.
        public var exchanges: [Exchange]
        /// What was counted on the way.
        public var counters: ExchangeCounters
    }

    /// An exchange as it came.
    public typealias Exchange = Transcript<CheckedDialects>.Exchange
    private typealias Sink = ExchangeCheck<Transcript<CheckedDialects>>

    private var engine: HTTPEngine<Sink>
    private let flow = FlowHandle(slot: 0, number: 1)
    private let piece: Int
    private var context = SegmentContext(time: 1, packet: 1, acknowledged: nil)
    private var next: [UInt64] = [0, 0]
    private var hasEnded = [false, false]

    /// Opens a flow to port 80 that is cut into pieces of at most `piece` bytes.
    public init(limits: ExchangeLimits, startedMidStream: Bool, piece: Int) {
        let dialects = DialectEngine(options: DialectOptions(dialects: [.s3, .http]), sink: TransferCheck())
        engine = HTTPEngine(limits: limits, sink: Sink(Transcript(dialects)))
        self.piece = piece
        engine.open(flow, .toServer(port: 80, startedMidStream: startedMidStream), context)
    }

    /// True once the half's end was played: it sends nothing more.
    public func hasEnded(_ half: HalfConnection) -> Bool { hasEnded[Int(half.rawValue)] }

    /// Bytes of a half. They acknowledge all of the other half but the last `lag` bytes; nil: nothing known.
    public mutating func bytes(
        _ half: HalfConnection, _ bytes: [UInt8], isSegmentStart: Bool = true, lag: UInt64? = 0
    ) {
        guard begin(half, "\(bytes.count) bytes", lag) else { return }
        explain((isSegmentStart ? "start " : "") + String(decoding: bytes, as: UTF8.self).debugDescription)
        let side = Int(half.rawValue)
        var place = 0
        while place < bytes.count {
            let end = min(place + min(piece, bytes.count), bytes.count)
            engine.bytes(
                flow, half, bytes.span.bytes.extracting(place..<end), at: next[side] + UInt64(place),
                isSegmentStart: isSegmentStart && place == 0, context)
            place = end
        }
        next[side] += UInt64(bytes.count)
    }

    /// Bytes of a half that were not captured.
    public mutating func gap(_ half: HalfConnection, _ length: Int, lag: UInt64? = 0) {
        guard begin(half, "gap of \(length)", lag) else { return }
        let side = Int(half.rawValue)
        engine.gap(flow, half, at: next[side], length: UInt64(length), cause: .notCaptured, context)
        next[side] += UInt64(length)
    }

    /// The end of a half.
    public mutating func end(_ half: HalfConnection, _ reason: StreamEnd) {
        guard begin(half, "end \(reason)", 0) else { return }
        hasEnded[Int(half.rawValue)] = true
        engine.end(flow, half, reason, context)
    }

    /// Time passes. False when the half has ended.
    private mutating func begin(_ half: HalfConnection, _ what: @autoclosure () -> String, _ lag: UInt64?) -> Bool {
        let side = Int(half.rawValue)
        guard !hasEnded[side] else { return false }
        context.time += 1_000
        context.packet += 1
        context.acknowledged = lag.map { next[1 - side] - min(next[1 - side], $0) }
        let acknowledged = context.acknowledged.map { ", ack \($0)" } ?? ""
        explain("\(context.packet): \(half) at \(next[side])\(acknowledged): \(what())")
        return true
    }

    /// Ends what is open and closes the flow: nothing may be left of it.
    public consuming func finish() -> Outcome {
        for half in [HalfConnection.fromInitiator, .fromResponder] where !hasEnded(half) {
            engine.end(flow, half, .captureEnded, context)
        }
        engine.close(flow, context)
        require(engine.sink.openExchanges == 0, "exchanges are left open")
        require(engine.sink.inner.inner.openExchanges == 0, "exchanges are left in the dialects")
        require(engine.sink.inner.inner.sink.unused == 0, "transfers are left without an event")
        require(engine.isIdle, "something is left of closed flows in the budgets")
        return Outcome(exchanges: engine.sink.inner.exchanges, counters: engine.counters)
    }

    /// The same exchanges, or a finding: `cut` was played in pieces of `size` bytes, `whole` was not.
    public static func compare(_ cut: [Exchange], _ whole: [Exchange], size: Int) {
        let (found, expected) = (cut.count, whole.count)
        require(found == expected, "\(found) exchanges in pieces of \(size), \(expected) whole")
        for (one, other) in zip(cut, whole) { require(one == other, "in pieces of \(size): \(one)\nwhole: \(other)") }
    }

    /// The size of pieces that an input asks for with its second byte; larger ones for a long input, which in small pieces
    /// would cost more than it tells.
    public static func pieceSize(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int {
        (count > 1 ? Int(start?[1] ?? 0) % 32 + 1 : 1) + count / 1_000
    }
}

/// What stands behind HTTP.
public typealias CheckedDialects = DialectEngine<TransferCheck>
