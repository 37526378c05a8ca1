internal import Glibc
internal import Synchronization

/// The memory for packets that wait, in arenas of a fixed size, shared by the relays of a tap: how the kernel spreads the
/// packets over interfaces and rings is not known beforehand, and the one with the largest burst needs the most.
///
/// Each relay can always have a few arenas, so that a full one never stops another: the front end waits for all of them.
///
/// `@unchecked Sendable`: `base` and the lengths never change after `init`; an arena's bytes belong to whoever holds its
/// number, which changes hands under `state`'s mutex.
@safe
final class ArenaPool: @unchecked Sendable {
    /// Bytes of an arena: room for the longest frame (``LiveOptions/snapLength``) four times over.
    static let arenaBytes = 1 << 20
    /// Arenas that a relay can always have.
    static let guaranteed = 8

    private struct State {
        var free: [Int32]
        /// Arenas that may be taken at once; may change while relays run.
        var arenasMax: Int
        var taken = 0
        /// Arenas taken since the start.
        var takenEver: UInt64 = 0
        /// Arenas that relays could always have and do not hold now.
        var reserved: Int
    }

    /// Arenas for which there is address space; behind them is one for each relay, for what it reads from its spool.
    let arenas: Int
    private let relays: Int
    private let base: UnsafeMutableRawPointer
    private let state: Mutex<State>

    /// Address space, not memory: a bound that is raised while the tap runs needs somewhere to grow, up to 1 GiB.
    private static var arenasReserved: Int { 1024 }

    /// So many bytes of arenas for so many relays, at least eight arenas for each.
    init(memoryBytes: Int, relays: Int = 1) {
        let arenasMax = Self.arenas(in: memoryBytes, relays)
        let arenas = max(arenasMax, Self.arenasReserved)
        (self.arenas, self.relays) = (arenas, relays)
        let length = (arenas + relays) * Self.arenaBytes
        let mapped = unsafe mmap(
            nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else {
            preconditionFailure("no address space for \(length) bytes of packets")
        }
        unsafe base = mapped
        state = Mutex(
            State(free: (0..<Int32(arenas)).reversed(), arenasMax: arenasMax, reserved: relays * Self.guaranteed))
    }

    private static func arenas(in memoryBytes: Int, _ relays: Int) -> Int {
        max(guaranteed * relays, memoryBytes / arenaBytes)
    }

    deinit { unsafe munmap(base, (arenas + relays) * Self.arenaBytes) }

    /// First byte of an arena that the caller holds.
    @inline(__always)
    func address(of arena: Int32) -> UnsafeMutableRawPointer { unsafe base + Int(arena) * Self.arenaBytes }

    /// A relay's share of the arenas, were they divided evenly.
    var share: Int { state.withLock { $0.arenasMax / relays } }

    /// A quarter of all arenas: with fewer left, memory is short.
    var quarter: Int { state.withLock { $0.arenasMax / 4 } }

    /// Arenas taken by any relay since the start: it grows while packets come.
    var takenEver: UInt64 { state.withLock { $0.takenEver } }

    /// Arenas that a relay which holds so many could still take.
    func available(holding held: Int) -> Int {
        state.withLock { $0.arenasMax - $0.taken - $0.reserved + max(0, Self.guaranteed - held) }
    }

    /// An arena for a relay which holds so many; nil when there is none for it.
    func take(holding held: Int) -> Int32? {
        state.withLock { state in
            let isOwn = held < Self.guaranteed
            guard isOwn || state.arenasMax - state.taken - state.reserved > 0, let arena = state.free.popLast() else {
                return nil
            }
            state.taken += 1
            state.takenEver &+= 1
            if isOwn { state.reserved -= 1 }
            return arena
        }
    }

    /// Takes an arena back from a relay which held so many, this one among them.
    func give(_ arena: Int32, holding held: Int) {
        state.withLock { state in
            // The bound was lowered: the system may have its pages.
            if state.taken + state.reserved > state.arenasMax { giveBack(arena) }
            state.taken -= 1
            if held <= Self.guaranteed { state.reserved += 1 }
            state.free.append(arena)
        }
    }

    /// Bounds the memory anew, at most to what was reserved; what is taken beyond it comes back as it is used. The bound
    /// in force, in bytes.
    func use(memoryBytes: Int) -> Int {
        state.withLock { state in
            state.arenasMax = min(arenas, Self.arenas(in: memoryBytes, relays))
            // The pages of arenas that are not used now.
            for arena in state.free { giveBack(arena) }
            return state.arenasMax * Self.arenaBytes
        }
    }

    /// Lets the system have the pages of an arena that nobody holds.
    private func giveBack(_ arena: Int32) {
        unsafe madvise(address(of: arena), Self.arenaBytes, MADV_DONTNEED)
    }
}
