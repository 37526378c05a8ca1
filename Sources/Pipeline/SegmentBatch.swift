internal import Dialects
internal import Cleartext
internal import Flows
internal import Glibc
internal import Packets

/// What a dispatcher hands to a worker at a time: what the user asked for, then segments and ticks in order.
struct SegmentBatch: Sendable {
    /// What comes before the first segment, of number `begin`.
    var commands: [FlowCommand]
    /// Where the records are, and their bytes.
    var arena: Int32
    var byteCount: Int
    /// The number before those of the records.
    var begin: UInt64
    /// The latest time of any packet before that, nanoseconds since 1970 UTC.
    var now: UInt64
    /// The number behind them.
    var end: UInt64
    /// Whether what has gathered is to be handed on afterwards, full or not.
    var flushes: Bool
}

/// What every worker is told, at the same place of the order.
enum FlowCommand: Sendable {
    case secrets([SecretEvent])
    case scope(Scope)
    case loss(CaptureLoss)
    /// The capture has ended, with a packet of this number and time.
    case finish(packet: UInt64, time: UInt64)
}

/// A segment or a tick as it lies in an arena, with the payload behind it, padded to eight bytes.
struct SegmentRecord: BitwiseCopyable {
    enum Kind: UInt8 {
        case segment
        /// Time to look at the flows that wait or are idle.
        case tick
    }

    var order: UInt64
    /// Capture time of the segment.
    var time: UInt64
    /// The latest time of any packet so far, nanoseconds since 1970 UTC.
    var now: UInt64
    /// Number of the packet; of a tick: of the last segment before it.
    var packet: UInt64
    /// Its payload stands at offset 0 of the bytes behind the record.
    var header: SegmentHeader
    var tenant: UInt32
    var kind: UInt8

    static var bytes: Int { MemoryLayout<SegmentRecord>.stride }
}

/// The arenas that segments travel in from the dispatcher to one worker: a fixed number, so memory is bounded and the
/// dispatcher waits when a worker is behind.
///
/// `@unchecked Sendable`: `base` never changes; an arena's bytes belong to whoever holds its number, which changes hands
/// through one of the two queues.
@safe
final class SegmentArenas: @unchecked Sendable {
    /// Arenas for each worker: one is filled, one is read, two wait.
    static let count = 4
    /// Payload that ends a batch: small enough to be found in a cache by the worker.
    static let batchBytes = 512 << 10
    /// Segments and ticks that end a batch, those of all workers together.
    static let batchRecords = 4096
    /// Room for a batch just below its end in bytes, for ticks up to its end in records, and for one frame of the largest
    /// size behind (``CaptureLimits/recordBytesMax``).
    static let arenaBytes = batchBytes + batchRecords * SegmentRecord.bytes + (2 << 20) + (64 << 10)

    let filled = BoundedQueue<SegmentBatch>(capacity: 3)
    private let empty = BoundedQueue<Int32>(capacity: SegmentArenas.count)
    private let base: UnsafeMutableRawPointer

    init() {
        let length = Self.count * Self.arenaBytes
        let mapped = unsafe mmap(
            nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else {
            preconditionFailure("no address space for \(length) bytes of segments")
        }
        unsafe base = mapped
        for arena in 0..<Int32(Self.count) { empty.push(arena) }
    }

    deinit { unsafe munmap(base, Self.count * Self.arenaBytes) }

    /// First byte of an arena that the caller holds.
    @unsafe
    @inline(__always)
    func address(of arena: Int32) -> UnsafeMutableRawPointer { unsafe base + Int(arena) * Self.arenaBytes }

    /// An arena to fill; waits while the worker is behind.
    func acquire() -> Int32 {
        guard let arena = empty.pop() else { preconditionFailure("the queue of empty arenas is never closed") }
        return arena
    }

    /// Takes back an arena whose records were all read.
    func release(_ arena: Int32) { empty.push(arena) }
}
