internal import Foundation

/// A value behind a lock on which threads can also wait for it to change.
final class BackendLock<State>: @unchecked Sendable {
    // Sendable because `state` is touched only in `withLock` and `wait`, with the condition's mutex held.
    private let condition = NSCondition()
    private var state: State

    init(_ state: sending State) { self.state = state }

    /// Changes or reads the value; whoever waits looks at it anew.
    func withLock<Result>(_ body: (inout State) -> Result) -> Result {
        condition.lock()
        defer {
            condition.broadcast()
            condition.unlock()
        }
        return body(&state)
    }

    /// Waits until `body` gives a result, looking after every change and at least every `milliseconds`.
    func wait<Result>(lookingEvery milliseconds: Int = 200, _ body: (inout State) -> Result?) -> Result {
        condition.lock()
        defer {
            condition.broadcast()
            condition.unlock()
        }
        while true {
            if let result = body(&state) { return result }
            _ = condition.wait(until: Date(timeIntervalSinceNow: Double(milliseconds) / 1000))
        }
    }
}
