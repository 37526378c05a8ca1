internal import Synchronization

/// Asks a running pipeline to stop: capture ends at the next packet, then everything is drained, committed and closed.
public final class StopFlag: Sendable {
    private let isSet = Atomic<Bool>(false)

    /// A flag that is not raised.
    public init() {}

    /// Raises the flag. Safe to call from any thread and from a signal handler.
    public func raise() { isSet.store(true, ordering: .relaxed) }

    /// True once the flag was raised.
    public var isRaised: Bool { isSet.load(ordering: .relaxed) }
}
