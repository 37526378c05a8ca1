internal import Glibc

/// A value behind a lock.
///
/// A POSIX mutex rather than the standard library's `Mutex`, whose futex calls ThreadSanitizer does not see on Linux: it
/// would report every use as a race, and a real one would drown.
@safe
final class Guarded<State>: @unchecked Sendable {
    // Sendable because `state` is touched only in `withLock`, with the mutex held, and `mutex` never changes.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private var state: State

    init(_ state: sending State) {
        self.state = state
        unsafe mutex = .allocate(capacity: 1)
        unsafe pthread_mutex_init(mutex, nil)
    }

    deinit {
        unsafe pthread_mutex_destroy(mutex)
        unsafe mutex.deallocate()
    }

    func withLock<Result>(_ body: (inout State) -> sending Result) -> sending Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return body(&state)
    }
}
