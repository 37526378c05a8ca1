internal import Capture
internal import Glibc
internal import Synchronization

/// Hands frames from one capture thread to the front end, in order, in arenas of a fixed size.
///
/// The producer never waits: it takes a free arena or is told that there is none. When three quarters of the arenas are
/// full, a thread of the relay's own moves the oldest of them to a spool file, which the consumer reads when it has caught
/// up. Memory is the arenas; disk is the spool's limit; beyond both the producer decides what to leave out.
///
/// An arena's bytes belong to whoever holds its number, which changes hands under `state`'s mutex; the pool's is taken
/// within it.
final class FrameRelay: Sendable {
    /// Bytes of an arena.
    static let arenaBytes = ArenaPool.arenaBytes

    /// A full arena as the consumer gets it.
    struct Chunk: BitwiseCopyable {
        var arena: Int32
        var byteCount: Int
    }

    private struct State {
        /// Arenas taken from the pool.
        var held = 0
        /// Full arenas in memory, the oldest first; all of them are younger than what is spooled.
        var waiting: [Chunk] = []
        /// Slots in the spool, the oldest first, and their bytes.
        var spooled: [(slot: Int, byteCount: Int)] = []
        var freeSlots: [Int] = []
        var slotsMade = 0
        var slotsMax: Int
        /// True while the oldest waiting arena is being written: it is in neither list.
        var isSpooling = false
        var isClosed = false
        /// Why spooling stopped, and when it may be tried again.
        var spoolFault: Int32 = 0
        var retrySpoolAt: UInt64 = 0
        var status = RelayStatus()
    }

    private let pool: ArenaPool
    /// Where the consumer finds what was read from the spool.
    private let spoolArena: Int32
    private let spool: SpoolFile?
    private let state: Mutex<State>
    private let consumer: WakeDescriptor
    private let spooler = WakeDescriptor()

    /// The pool's relay of this index, with so many bytes of spool (0 for none). `consumer` is woken when something comes.
    init(_ pool: ArenaPool, index: Int = 0, spoolBytes: Int, spool: SpoolFile?, consumer: WakeDescriptor) {
        self.pool = pool
        spoolArena = Int32(pool.arenas + index)
        self.spool = spool
        self.consumer = consumer
        state = Mutex(State(slotsMax: spool == nil ? 0 : spoolBytes / Self.arenaBytes))
    }

    /// What was done so far.
    var status: RelayStatus {
        state.withLock { state in
            var status = state.status
            status.arenas = state.held
            status.arenasMax = pool.share
            status.spooledArenasNow = state.spooled.count
            status.spooledArenasMax = state.slotsMax
            return status
        }
    }

    /// Bounds the spool anew; what it holds already stays.
    func use(spoolBytes: Int) {
        guard spool != nil else { return }
        state.withLock { $0.slotsMax = spoolBytes / Self.arenaBytes }
    }

    /// Bounds the memory of the pool anew. The bound in force, in bytes.
    func use(memoryBytes: Int) -> Int { pool.use(memoryBytes: memoryBytes) }

    /// First byte of an arena that the caller holds.
    @inline(__always)
    func address(of arena: Int32) -> UnsafeMutableRawPointer { unsafe pool.address(of: arena) }

    private func giveBack(_ arena: Int32, _ state: inout State) {
        pool.give(arena, holding: state.held)
        state.held -= 1
    }

    // MARK: The producer

    /// An arena to fill; nil when all are taken.
    func acquire() -> Int32? {
        state.withLock { state in
            let arena = pool.take(holding: state.held)
            if arena != nil { state.held += 1 }
            return arena
        }
    }

    /// Hands a full arena on, or takes it back when it is empty.
    func publish(_ arena: Int32, byteCount: Int) {
        let wakesSpooler = state.withLock { state in
            guard byteCount > 0 else {
                giveBack(arena, &state)
                return false
            }
            state.waiting.append(Chunk(arena: arena, byteCount: byteCount))
            state.status.peakArenas = max(state.status.peakArenas, state.held)
            return isPressed(state)
        }
        if wakesSpooler { spooler.wake() }
        consumer.wake()
    }

    /// True when the consumer has taken everything: it may be worth to hand on an arena that is not full.
    var isEmpty: Bool { state.withLock { $0.waiting.isEmpty && $0.spooled.isEmpty && !$0.isSpooling } }

    /// Arenas filled by all producers that share the memory, since the start.
    var arenasFilledByAll: UInt64 { pool.takenEver }

    /// True when a batch of the capture thread has room in memory now.
    var hasRoom: Bool { state.withLock { pool.available(holding: $0.held) >= Self.roomArenas(pool) } }

    /// What a batch takes at most; of a small memory half.
    private static func roomArenas(_ pool: ArenaPool) -> Int { min(6, pool.share / 2) }

    /// How much of memory and spool is taken, 0 to 1.
    var fill: Double {
        state.withLock { state in
            let slots = state.spoolFault == 0 ? state.slotsMax : state.spooled.count
            let arenas = state.held + max(0, pool.available(holding: state.held))
            return Double(state.held + state.spooled.count) / Double(max(1, arenas + slots))
        }
    }

    /// No more arenas come.
    func close() {
        state.withLock { $0.isClosed = true }
        spooler.wake()
        consumer.wake()
    }

    // MARK: The consumer

    /// The oldest full arena, if there is one now. The one before it was released.
    func take() -> Chunk? {
        enum Oldest {
            case memory(Chunk)
            case slot(Int, byteCount: Int)
            case none
        }
        while true {
            let oldest = state.withLock { state -> Oldest in
                if let first = state.spooled.first { return .slot(first.slot, byteCount: first.byteCount) }
                // What is being spooled is older than all that waits.
                if state.isSpooling || state.waiting.isEmpty { return .none }
                return .memory(state.waiting.removeFirst())
            }
            switch oldest {
            case .none: return nil
            case .memory(let chunk): return chunk
            case .slot(let slot, let byteCount):
                let chunk = Chunk(arena: spoolArena, byteCount: byteCount)
                let place = unsafe UnsafeMutableRawBufferPointer(start: address(of: chunk.arena), count: byteCount)
                let code = unsafe spool?.read(place, slot: slot) ?? EIO
                let isEmpty = state.withLock { state in
                    state.spooled.removeFirst()
                    state.freeSlots.append(slot)
                    if code != 0 { state.status.spoolReadErrors += 1 }
                    return state.spooled.isEmpty
                }
                if isEmpty { spooler.wake() }
                // A slot that cannot be read is lost, and counted; the next one may be sound.
                if code == 0 { return chunk }
            }
        }
    }

    /// Takes back an arena whose frames were all used.
    func release(_ chunk: Chunk) {
        guard chunk.arena != spoolArena else { return }
        state.withLock { giveBack(chunk.arena, &$0) }
    }

    /// True when the producer has closed and everything was taken.
    var isDrained: Bool {
        state.withLock { $0.isClosed && $0.waiting.isEmpty && $0.spooled.isEmpty && !$0.isSpooling }
    }

    // MARK: The spooler

    /// The body of the relay's own thread: moves arenas to the spool while memory is short.
    func runSpooler() {
        guard let spool else { return }
        var holdsBytes = false
        while true {
            let job = state.withLock { state -> (Chunk, Int)? in
                guard !state.isClosed, isPressed(state) else { return nil }
                state.isSpooling = true
                let slot = state.freeSlots.popLast() ?? state.slotsMade
                if slot == state.slotsMade { state.slotsMade += 1 }
                return (state.waiting.removeFirst(), slot)
            }
            guard let (chunk, slot) = job else {
                let (isClosed, isEmpty) = state.withLock { ($0.isClosed, $0.spooled.isEmpty) }
                if isClosed { return }
                if isEmpty, holdsBytes {
                    // Only this thread writes to the file, so nothing is in flight.
                    spool.clear()
                    holdsBytes = false
                }
                spooler.wait(milliseconds: 1000)
                continue
            }
            holdsBytes = true
            let bytes = unsafe UnsafeRawBufferPointer(start: address(of: chunk.arena), count: chunk.byteCount)
            let code = unsafe spool.write(bytes, slot: slot)
            state.withLock { settle(&$0, chunk, slot, code) }
            consumer.wake()
        }
    }

    private func settle(_ state: inout State, _ chunk: Chunk, _ slot: Int, _ code: Int32) {
        state.isSpooling = false
        guard code == 0 else {
            state.freeSlots.append(slot)
            state.waiting.insert(chunk, at: 0)
            state.spoolFault = code
            state.status.spoolFault = code
            state.retrySpoolAt = SystemClock.monotonic + 10_000_000_000
            return
        }
        state.spoolFault = 0
        state.spooled.append((slot, chunk.byteCount))
        giveBack(chunk.arena, &state)
        state.status.spooledArenas += 1
        state.status.spooledBytes += UInt64(chunk.byteCount)
        state.status.peakSpooledArenas = max(state.status.peakSpooledArenas, state.spooled.count)
    }

    /// True when memory is short and the spool has room. Short before the producer has to wait (`hasRoom`), however small the
    /// memory is: or it would wait, and leave flows out in the end, beside a spool that nobody uses.
    private func isPressed(_ state: borrowing State) -> Bool {
        let least = max(pool.quarter, Self.roomArenas(pool) + 2)
        guard pool.available(holding: state.held) < least, state.waiting.count > 1, state.spooled.count < state.slotsMax
        else { return false }
        return state.spoolFault == 0 || SystemClock.monotonic >= state.retrySpoolAt
    }
}

/// What a relay did.
struct RelayStatus: Sendable {
    /// Arenas that are taken now, and that there are.
    var arenas = 0
    var arenasMax = 0
    /// Arenas that the spool holds now, and may hold.
    var spooledArenasNow = 0
    var spooledArenasMax = 0
    /// The most arenas that were taken at once.
    var peakArenas = 0
    /// Arenas that went through the spool.
    var spooledArenas: UInt64 = 0
    /// Their bytes.
    var spooledBytes: UInt64 = 0
    /// The most arenas that the spool held at once.
    var peakSpooledArenas = 0
    /// Arenas in the spool that could not be read again.
    var spoolReadErrors: UInt64 = 0
    /// Why the spool could not be written the last time it failed: an error number, or 0.
    var spoolFault: Int32 = 0
}
