internal import Capture
internal import Glibc
internal import Synchronization

/// Hands frames from one capture thread to the front end, in order, in arenas of a fixed size.
///
/// The producer never waits: it takes a free arena or is told that there is none. When three quarters of the arenas are
/// full, a thread of the relay's own moves the oldest of them to a spool file, which the consumer reads when it has caught
/// up. Memory is the arenas; disk is the spool's limit; beyond both the producer decides what to leave out.
///
/// `@unchecked Sendable`: `base` and the lengths never change after `init`; an arena's bytes belong to whoever holds its
/// number, which changes hands under `state`'s mutex.
@safe
final class FrameRelay: @unchecked Sendable {
    /// Bytes of an arena: room for the longest frame (``LiveOptions/snapLength``) four times over.
    static let arenaBytes = 1 << 20

    /// A full arena as the consumer gets it.
    struct Chunk: BitwiseCopyable {
        var arena: Int32
        var byteCount: Int
    }

    private struct State {
        var free: [Int32]
        /// Arenas that may be taken at once; may change while the relay runs.
        var arenasMax: Int
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

    private let base: UnsafeMutableRawPointer
    /// Arenas for which there is address space; one more is the consumer's, for what it reads from the spool.
    private let arenas: Int
    private let spool: SpoolFile?
    private let state: Mutex<State>
    private let consumer: WakeDescriptor
    private let spooler = WakeDescriptor()

    /// A relay with so many bytes of arenas, at least eight of them, and of spool (0 for none). `consumer` is woken when
    /// something comes.
    init(memoryBytes: Int, spoolBytes: Int, spool: SpoolFile?, consumer: WakeDescriptor) {
        let arenasMax = Self.arenas(in: memoryBytes)
        let arenas = max(arenasMax, Self.arenasReserved)
        self.arenas = arenas
        self.spool = spool
        self.consumer = consumer
        // One more than there are to be filled: the consumer reads the spool into it.
        let length = (arenas + 1) * Self.arenaBytes
        let mapped = unsafe mmap(
            nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else {
            preconditionFailure("no address space for \(length) bytes of packets")
        }
        unsafe base = mapped
        state = Mutex(
            State(
                free: (0..<Int32(arenas)).reversed(), arenasMax: arenasMax,
                slotsMax: spool == nil ? 0 : spoolBytes / Self.arenaBytes))
    }

    /// Address space, not memory: a bound that is raised while the relay runs needs somewhere to grow, up to 1 GiB.
    private static var arenasReserved: Int { 1024 }

    private static func arenas(in memoryBytes: Int) -> Int { max(8, memoryBytes / arenaBytes) }

    deinit { unsafe munmap(base, (arenas + 1) * Self.arenaBytes) }

    /// What was done so far.
    var status: RelayStatus {
        state.withLock { state in
            var status = state.status
            status.arenas = arenas - state.free.count
            status.arenasMax = state.arenasMax
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

    /// Bounds the memory anew, at most to what was reserved; what is taken beyond it comes back as it is used. The bound
    /// in force, in bytes.
    func use(memoryBytes: Int) -> Int {
        state.withLock { state in
            state.arenasMax = min(arenas, Self.arenas(in: memoryBytes))
            // The pages of arenas that are not used now.
            for arena in state.free { giveBack(arena) }
            return state.arenasMax * Self.arenaBytes
        }
    }

    /// Lets the system have the pages of an arena that nobody holds.
    private func giveBack(_ arena: Int32) {
        unsafe madvise(address(of: arena), Self.arenaBytes, MADV_DONTNEED)
    }

    /// Arenas that may still be taken.
    private func available(_ state: borrowing State) -> Int { state.arenasMax - (arenas - state.free.count) }

    /// First byte of an arena that the caller holds.
    @inline(__always)
    func address(of arena: Int32) -> UnsafeMutableRawPointer { unsafe base + Int(arena) * Self.arenaBytes }

    // MARK: The producer

    /// An arena to fill; nil when all are taken.
    func acquire() -> Int32? { state.withLock { available($0) > 0 ? $0.free.popLast() : nil } }

    /// Hands a full arena on, or takes it back when it is empty.
    func publish(_ arena: Int32, byteCount: Int) {
        let wakesSpooler = state.withLock { state in
            guard byteCount > 0 else {
                state.free.append(arena)
                return false
            }
            state.waiting.append(Chunk(arena: arena, byteCount: byteCount))
            state.status.peakArenas = max(state.status.peakArenas, arenas - state.free.count)
            return isPressed(state)
        }
        if wakesSpooler { spooler.wake() }
        consumer.wake()
    }

    /// True when the consumer has taken everything: it may be worth to hand on an arena that is not full.
    var isEmpty: Bool { state.withLock { $0.waiting.isEmpty && $0.spooled.isEmpty && !$0.isSpooling } }

    /// True when a batch of the capture thread has room in memory now.
    var hasRoom: Bool { state.withLock { available($0) >= min(6, $0.arenasMax / 2) } }

    /// How much of memory and spool is taken, 0 to 1.
    var fill: Double {
        state.withLock { state in
            let slots = state.spoolFault == 0 ? state.slotsMax : state.spooled.count
            return Double(arenas - state.free.count + state.spooled.count) / Double(max(1, state.arenasMax + slots))
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
                let chunk = Chunk(arena: Int32(arenas), byteCount: byteCount)
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
        guard chunk.arena != Int32(arenas) else { return }
        state.withLock { state in
            if available(state) < 0 { giveBack(chunk.arena) }
            state.free.append(chunk.arena)
        }
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
        state.free.append(chunk.arena)
        state.status.spooledArenas += 1
        state.status.spooledBytes += UInt64(chunk.byteCount)
        state.status.peakSpooledArenas = max(state.status.peakSpooledArenas, state.spooled.count)
    }

    /// True when memory is short and the spool has room.
    private func isPressed(_ state: borrowing State) -> Bool {
        guard available(state) < state.arenasMax / 4, state.waiting.count > 1, state.spooled.count < state.slotsMax
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
