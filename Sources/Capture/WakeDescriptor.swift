internal import CLinux
internal import Glibc

/// An event descriptor: one thread waits on it, together with a socket or alone; any other wakes it.
public final class WakeDescriptor: Sendable {
    let descriptor: Int32

    /// A descriptor that is not woken. A process without room for one more descriptor cannot start a tap at all.
    public init() {
        descriptor = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
        precondition(descriptor >= 0, "no event descriptor: error \(errno)")
    }

    deinit { close(descriptor) }

    /// Wakes the waiter, now or when it waits next. Safe from any thread and from a signal handler.
    public func wake() {
        var one: UInt64 = 1
        // A full counter means that it is awake already.
        _ = unsafe write(descriptor, &one, MemoryLayout<UInt64>.size)
    }

    /// Waits until it is woken or the time is over, and forgets the wake-up.
    public func wait(milliseconds: Int) {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        if unsafe poll(&entry, 1, Int32(clamping: milliseconds)) > 0 { forget() }
    }

    /// Takes back what `wake` did.
    func forget() {
        var count: UInt64 = 0
        _ = unsafe read(descriptor, &count, MemoryLayout<UInt64>.size)
    }
}
