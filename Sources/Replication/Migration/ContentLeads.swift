internal import Synchronization

/// Lets one object of several with equal content go ahead, and the others wait until the target can copy it.
///
/// The first that comes leads; it always ends its lead, whatever becomes of it, so nobody waits for ever. Those who
/// wait were started later, so no two wait for each other.
final class ContentLeads: Sendable {
    private let waiting = Mutex<[String: [CheckedContinuation<Void, Never>]]>([:])

    /// True when the caller leads and must call ``end(_:)``; false after the leader ended.
    func begin(_ content: String) async -> Bool {
        if takeLead(content) { return true }
        await withCheckedContinuation { continuation in
            let hasEnded = waiting.withLock { waiting -> Bool in
                if waiting[content] == nil { return true }
                waiting[content]?.append(continuation)
                return false
            }
            if hasEnded { continuation.resume() }
        }
        return false
    }

    func end(_ content: String) {
        let followers = waiting.withLock { $0.removeValue(forKey: content) ?? [] }
        for follower in followers { follower.resume() }
    }

    private func takeLead(_ content: String) -> Bool {
        waiting.withLock { waiting in
            if waiting[content] != nil { return false }
            waiting[content] = []
            return true
        }
    }
}
