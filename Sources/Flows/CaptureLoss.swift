public import Objects
public import Packets

/// A class of flows: both directions of a connection are of the same, so that dropping a class drops whole flows.
public struct FlowClass: Hashable, Sendable, BitwiseCopyable {
    /// 0 to 63.
    public let number: Int
    /// Number of classes.
    public static var count: Int { 64 }

    /// The class of a segment's flow.
    @inlinable
    public init(_ header: SegmentHeader) {
        self.init(
            header.source.high ^ header.destination.high, header.source.low ^ header.destination.low,
            UInt64(header.sourcePort ^ header.destinationPort))
    }

    init(_ key: FlowKey) {
        self.init(
            key.firstAddress.high ^ key.secondAddress.high, key.firstAddress.low ^ key.secondAddress.low,
            UInt64(key.firstPort ^ key.secondPort))
    }

    /// Exclusive or makes both directions equal; the multiplication spreads ports that follow one another.
    @usableFromInline
    init(_ high: UInt64, _ low: UInt64, _ ports: UInt64) {
        number = Int(truncatingIfNeeded: ((high ^ low ^ ports &<< 17 ^ ports) &* 0x9E37_79B9_7F4A_7C15) >> 58)
    }

    /// The class as one bit of a set.
    @inlinable public var bit: UInt64 { 1 &<< UInt64(number) }
}

/// Packets that the capture lost on their way here, known from counters: which bytes they held is not known.
public struct CaptureLoss: Hashable, Sendable {
    /// Why.
    public var cause: GapCause
    /// The classes of flows that may have lost something, a bit for each ``FlowClass``.
    public var classes: UInt64
    /// When the first may have been lost, nanoseconds since 1970 UTC.
    public var from: UInt64
    /// When the last may have been lost.
    public var through: UInt64

    /// A loss of its parts; of every class unless told otherwise.
    public init(cause: GapCause, classes: UInt64 = .max, from: UInt64, through: UInt64) {
        self.cause = cause
        self.classes = classes
        self.from = from
        self.through = through
    }
}

/// The latest losses: what names the cause of a hole.
struct CaptureLosses: Sendable {
    /// The latest last.
    private var losses: [CaptureLoss] = []

    /// Losses remembered; the oldest is forgotten. They are merged where they follow one another, so this is minutes.
    private static var lossesMax: Int { 64 }
    /// A loss is noted at most so long before the packets around it come, or after: the counters are read between batches.
    private static var slack: UInt64 { 1_000_000_000 }

    /// Remembers a loss.
    mutating func note(_ loss: CaptureLoss) {
        if let last = losses.last, last.cause == loss.cause, last.classes == loss.classes,
            loss.from <= last.through &+ Self.slack
        {
            losses[losses.count - 1].through = max(last.through, loss.through)
            return
        }
        if losses.count == Self.lossesMax { losses.removeFirst() }
        losses.append(loss)
    }

    /// Why bytes of this flow are missing that passed between these times; nil when no loss is known there.
    func cause(of key: FlowKey, from: UInt64, through: UInt64) -> GapCause? {
        guard !losses.isEmpty else { return nil }
        let bit = FlowClass(key).bit
        return losses.last {
            $0.classes & bit != 0 && $0.from <= through &+ Self.slack && from <= $0.through &+ Self.slack
        }?.cause
    }
}
