internal import CLinux
internal import Glibc
internal import Synchronization

/// The rings of one interface among which the kernel shares its packets out (packet(7), PACKET_FANOUT).
///
/// The kernel hashes what it finds outermost, alike for both directions; where a ring is full, another helps out. So the
/// packets of a connection may be in different rings, and whoever reads them puts the rings together by time. Fragments are
/// not put together by the kernel (PACKET_FANOUT_FLAG_DEFRAG): it would keep those of a datagram that lacks one to itself,
/// uncounted, and behind the merge it does not matter which ring a fragment came by.
///
/// Rings come and go with the interface: the first makes the group, the last one's end is the group's.
public final class FanoutGroup: Sendable {
    private struct State {
        var number: Int32 = -1
        var members = 0
    }

    private let state = Mutex(State())

    /// A group without rings.
    public init() {}

    /// Joins a packet socket to the group. False, with an error number, when the kernel refuses.
    func join(_ descriptor: Int32, ignoringOutgoing: Bool) -> (isDone: Bool, errorNumber: Int32) {
        state.withLock { state in
            let number = oxbow_join_fanout(
                descriptor, state.members == 0 ? -1 : state.number, ignoringOutgoing ? 1 : 0)
            guard number >= 0 else { return (false, errno) }
            state.number = number
            state.members += 1
            return (true, 0)
        }
    }

    /// Closes a socket of the group. Under the lock: a number whose last socket is closed may at once be another
    /// program's, and nobody may join that.
    func leave(closing: () -> Void) {
        state.withLock { state in
            closing()
            state.members -= 1
        }
    }
}
