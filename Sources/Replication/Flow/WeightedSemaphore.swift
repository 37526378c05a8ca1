internal import Synchronization

/// Bounds a resource that tasks take in unequal amounts: bytes of memory, transfers at once.
///
/// First come, first served, so that a large taker is not overtaken for ever. A taker of more than the whole capacity
/// gets it all, alone.
final class WeightedSemaphore: Sendable {
    private struct Waiter {
        let id: UInt64
        let amount: Int
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var free: Int
        var nextID: UInt64 = 0
        var waiters: [Waiter] = []
        /// Ids whose task was cancelled before it came to wait.
        var cancelledEarly: Set<UInt64> = []
    }

    let capacity: Int
    private let state: Mutex<State>

    init(capacity: Int) {
        self.capacity = max(1, capacity)
        state = Mutex(State(free: max(1, capacity)))
    }

    /// Runs `body` while holding `amount`.
    func holding<Value>(_ amount: Int, _ body: () async throws -> Value) async throws -> Value {
        let amount = min(max(0, amount), capacity)
        try await acquire(amount)
        defer { release(amount) }
        return try await body()
    }

    private func acquire(_ amount: Int) async throws {
        try Task.checkCancellation()
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        let granted = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Bool? = state.withLock { state in
                    if state.cancelledEarly.remove(id) != nil { return false }
                    if state.waiters.isEmpty, state.free >= amount {
                        state.free -= amount
                        return true
                    }
                    state.waiters.append(Waiter(id: id, amount: amount, continuation: continuation))
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            cancel(id)
        }
        state.withLock { state in _ = state.cancelledEarly.remove(id) }
        if !granted { throw CancellationError() }
    }

    private func cancel(_ id: UInt64) {
        let (refused, granted) = state.withLock { state -> (Waiter?, [Waiter]) in
            guard let index = state.waiters.firstIndex(where: { $0.id == id }) else {
                state.cancelledEarly.insert(id)
                return (nil, [])
            }
            // A large waiter that leaves may make room for the smaller ones behind it.
            return (state.waiters.remove(at: index), Self.grant(&state))
        }
        refused?.continuation.resume(returning: false)
        for waiter in granted { waiter.continuation.resume(returning: true) }
    }

    private func release(_ amount: Int) {
        let granted = state.withLock { state in
            state.free += amount
            return Self.grant(&state)
        }
        for waiter in granted { waiter.continuation.resume(returning: true) }
    }

    private static func grant(_ state: inout State) -> [Waiter] {
        var granted: [Waiter] = []
        while let first = state.waiters.first, first.amount <= state.free {
            state.free -= first.amount
            granted.append(state.waiters.removeFirst())
        }
        return granted
    }
}
