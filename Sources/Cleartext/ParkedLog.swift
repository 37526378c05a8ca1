import Flows
import Objects

/// Something of a flow that waits for a key.
enum ParkedEvent {
    /// Ciphertext.
    case bytes([UInt8])
    /// Bytes that will never come.
    case gap(length: UInt64, cause: GapCause)
    /// The half's end.
    case end(StreamEnd)
}

/// What of one flow waits, first in, first out: a queue of chunks of bytes, each in memory or in the spool.
///
/// An event is a head of 48 bytes and, of ciphertext, the bytes behind it; one that does not fit into a chunk goes on in
/// the next one as an event of its own. So a flow that waits for gigabytes costs memory for one chunk and a word for each
/// of the others, and a batch of small segments one allocation.
struct ParkedLog {
    /// Bytes of a chunk, and of a spool's slot: four pages less what a spool may add.
    static var chunkBytes: Int { 16_320 }
    private static var headBytes: Int { 48 }
    /// What a chunk is charged with beside its bytes: its place in the queue, the array's own head.
    private static var chunkOverhead: Int { 64 }

    /// One event, and where it belongs.
    struct Entry {
        var event: ParkedEvent
        var half: HalfConnection
        var offset: UInt64
        var context: SegmentContext
    }

    private enum Chunk {
        /// The bytes from `start` on; those before were taken.
        case memory([UInt8], start: Int)
        case spooled(slot: Int, byteCount: Int)
    }

    private var chunks: [Chunk] = []
    /// Chunks before this one were taken.
    private var first = 0
    /// Chunks before this one were taken, or are in the spool.
    private var firstInMemory = 0
    /// The ends among the events, in order: they are told although the rest is given up.
    private(set) var ends: [(half: HalfConnection, how: StreamEnd, context: SegmentContext)] = []
    /// Events of each half.
    private var counts = (initiator: 0, responder: 0)

    /// Bytes of memory that it is charged with.
    private(set) var memoryCharge = 0
    /// Slots of the spool that it has.
    private(set) var slots = 0
    /// Bytes of ciphertext in it.
    private(set) var ciphertextBytes: UInt64 = 0

    /// True when nothing waits.
    var isEmpty: Bool { counts.initiator + counts.responder == 0 }

    /// True when something of this half waits.
    func has(_ half: HalfConnection) -> Bool { half == .fromInitiator ? counts.initiator > 0 : counts.responder > 0 }

    /// What it is charged with, wherever it lies.
    var charge: Int { memoryCharge + slots * Self.chunkBytes }

    // MARK: In

    /// Appends ciphertext.
    mutating func append(
        _ bytes: RawSpan, _ half: HalfConnection, at offset: UInt64, _ context: SegmentContext
    ) {
        var position = 0
        while position < bytes.byteCount {
            let room = makeRoom()
            let count = min(room, bytes.byteCount - position)
            let part = bytes.extracting(position..<position + count)
            write(kind: 0, code: 0, UInt64(count), half, offset &+ UInt64(position), context, part)
            ciphertextBytes += UInt64(count)
            position += count
        }
    }

    /// Appends a gap.
    mutating func append(
        gap length: UInt64, _ cause: GapCause, _ half: HalfConnection, at offset: UInt64, _ context: SegmentContext
    ) {
        _ = makeRoom()
        let code = UInt8(clamping: GapCause.allCases.firstIndex(of: cause) ?? 0)
        write(kind: 1, code: code, length, half, offset, context, RawSpan())
    }

    /// Appends an end.
    mutating func append(
        end: StreamEnd, _ half: HalfConnection, at offset: UInt64, _ context: SegmentContext
    ) {
        _ = makeRoom()
        ends.append((half, end, context))
        write(kind: 2, code: end.rawValue, 0, half, offset, context, RawSpan())
    }

    /// Bytes that fit behind a head in the last chunk, at least one.
    private mutating func makeRoom() -> Int {
        if chunks.count > first, case .memory(let bytes, _) = chunks[chunks.count - 1] {
            let room = Self.chunkBytes - bytes.count - Self.headBytes
            if room > 0 { return room }
        }
        chunks.append(.memory([], start: 0))
        memoryCharge += Self.chunkOverhead
        return Self.chunkBytes - Self.headBytes
    }

    private mutating func write(
        kind: UInt8, code: UInt8, _ length: UInt64, _ half: HalfConnection, _ offset: UInt64,
        _ context: SegmentContext, _ content: RawSpan
    ) {
        guard case .memory(var bytes, let start) = chunks[chunks.count - 1] else { return }
        // Taken out, so that it is written in place.
        chunks[chunks.count - 1] = .memory([], start: 0)
        let before = bytes.capacity
        bytes.append(kind)
        bytes.append(code)
        bytes.append(half.rawValue)
        bytes.append(context.acknowledged == nil ? 0 : 1)
        bytes.append(contentsOf: [0, 0, 0, 0])
        for word in [length, offset, context.time, context.packet, context.acknowledged ?? 0] {
            unsafe withUnsafeBytes(of: word) { unsafe bytes.append(contentsOf: $0) }
        }
        unsafe content.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
        memoryCharge += bytes.capacity - before
        chunks[chunks.count - 1] = .memory(bytes, start: start)
        if half == .fromInitiator { counts.initiator += 1 } else { counts.responder += 1 }
    }

    // MARK: Out

    /// What taking gave.
    enum Taken {
        case entry(Entry)
        case nothing
        /// The spool lost what was next.
        case unreadable
    }

    /// Takes the oldest event.
    mutating func next(_ spool: (any CiphertextSpool)?) -> Taken {
        while first < chunks.count {
            switch chunks[first] {
            case .memory(let bytes, let start):
                if start < bytes.count { return .entry(entry(in: bytes, at: start)) }
                memoryCharge -= bytes.capacity + Self.chunkOverhead
                chunks[first] = .memory([], start: 0)
                dropFirst()
            case .spooled(let slot, let byteCount):
                var bytes = [UInt8](repeating: 0, count: byteCount)
                let isRead = spool?.read(slot, into: &bytes) ?? false
                spool?.free(slot)
                slots -= 1
                memoryCharge += bytes.capacity
                chunks[first] = .memory(isRead ? bytes : [], start: 0)
                firstInMemory = min(firstInMemory, first)
                if !isRead { return .unreadable }
            }
        }
        return .nothing
    }

    private mutating func dropFirst() {
        first += 1
        firstInMemory = max(firstInMemory, first)
        guard first > 64, first * 2 > chunks.count else { return }
        chunks.removeFirst(first)
        firstInMemory -= first
        first = 0
    }

    private mutating func entry(in bytes: [UInt8], at start: Int) -> Entry {
        let span = unsafe bytes.span.bytes
        // Every bit pattern is a valid integer, and the heads were written by this type.
        func word(_ index: Int) -> UInt64 {
            unsafe span.unsafeLoadUnaligned(fromByteOffset: start + 8 + 8 * index, as: UInt64.self)
        }
        let half: HalfConnection = span.octet(start + 2) == 0 ? .fromInitiator : .fromResponder
        let context = SegmentContext(
            time: word(2), packet: word(3), acknowledged: span.octet(start + 3) == 0 ? nil : word(4))
        let length = word(0)
        var end = start + Self.headBytes
        let event: ParkedEvent
        switch span.octet(start) {
        case 0:
            event = .bytes(span.octets(end..<end + Int(length)))
            ciphertextBytes -= length
            end += Int(length)
        case 1: event = .gap(length: length, cause: GapCause.allCases[Int(span.octet(start + 1))])
        default:
            event = .end(StreamEnd(rawValue: span.octet(start + 1)) ?? .finished)
            ends.removeFirst()
        }
        chunks[first] = .memory(bytes, start: end)
        if half == .fromInitiator { counts.initiator -= 1 } else { counts.responder -= 1 }
        return Entry(event: event, half: half, offset: word(1), context: context)
    }

    /// Puts what another log holds behind what this one holds.
    mutating func append(_ other: consuming ParkedLog) {
        if firstInMemory == chunks.count { firstInMemory += other.firstInMemory - other.first }
        chunks += other.chunks[other.first...]
        ends += other.ends
        counts.initiator += other.counts.initiator
        counts.responder += other.counts.responder
        memoryCharge += other.memoryCharge
        slots += other.slots
        ciphertextBytes += other.ciphertextBytes
    }

    // MARK: The spool

    /// Moves chunks from memory to the spool, the oldest first: full ones, or all. False when the spool takes no more.
    mutating func spill(_ isWhole: Bool, to spool: any CiphertextSpool) -> Bool {
        let end = isWhole ? chunks.count : chunks.count - 1
        while firstInMemory < end {
            // One that was taken from in part goes on in memory.
            if case .memory(let bytes, 0) = chunks[firstInMemory], !bytes.isEmpty {
                guard let slot = spool.write(unsafe bytes.span.bytes) else { return false }
                slots += 1
                memoryCharge -= bytes.capacity
                chunks[firstInMemory] = .spooled(slot: slot, byteCount: bytes.count)
            }
            firstInMemory += 1
        }
        return true
    }

    /// Forgets everything, and gives slots back.
    mutating func removeAll(_ spool: (any CiphertextSpool)?) {
        for chunk in chunks[first...] { if case .spooled(let slot, _) = chunk { spool?.free(slot) } }
        self = ParkedLog()
    }
}
