internal import Synchronization

/// A value that one thread leaves for another, which joins the first before it looks.
final class ResultSlot<Value: Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)

    /// Leaves the value; a later one replaces it.
    func put(_ newValue: Value) { value.withLock { $0 = newValue } }

    /// Takes the value, if there is one.
    func take() -> Value? { value.withLock { $0.take() } }
}
