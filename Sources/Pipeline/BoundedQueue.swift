internal import Glibc

/// A queue of batches between two threads, bounded in items: `push` waits while it is full, `pop` while it is empty.
///
/// A hand-over costs a mutex and at most one wake-up; the items are batches, so it is paid per some dozens of blocks.
///
/// `@unchecked Sendable`: every access to `items` and `isClosed` happens with `mutex` held; the C objects live at stable
/// addresses from `init` to `deinit`, and `deinit` runs when no thread can hold a reference any more.
@safe
final class BoundedQueue<Element: Sendable>: @unchecked Sendable {
    private let capacity: Int
    private var items: [Element?]
    private var head = 0
    private var count = 0
    private var isClosed = false
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let notEmpty: UnsafeMutablePointer<pthread_cond_t>
    private let notFull: UnsafeMutablePointer<pthread_cond_t>

    /// An empty queue for at most `capacity` items.
    init(capacity: Int) {
        precondition(capacity > 0)
        self.capacity = capacity
        items = Array(repeating: nil, count: capacity)
        unsafe mutex = .allocate(capacity: 1)
        unsafe notEmpty = .allocate(capacity: 1)
        unsafe notFull = .allocate(capacity: 1)
        unsafe pthread_mutex_init(mutex, nil)
        unsafe pthread_cond_init(notEmpty, nil)
        unsafe pthread_cond_init(notFull, nil)
    }

    deinit {
        unsafe pthread_cond_destroy(notFull)
        unsafe pthread_cond_destroy(notEmpty)
        unsafe pthread_mutex_destroy(mutex)
        unsafe notFull.deallocate()
        unsafe notEmpty.deallocate()
        unsafe mutex.deallocate()
    }

    /// Appends an item, waiting while the queue is full. False when the queue is closed: nobody will take the item.
    @discardableResult
    func push(_ item: Element) -> Bool {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        while count == capacity && !isClosed { unsafe pthread_cond_wait(notFull, mutex) }
        guard !isClosed else { return false }
        items[(head + count) % capacity] = item
        count += 1
        unsafe pthread_cond_signal(notEmpty)
        return true
    }

    /// Appends an item if there is room now. False when the queue is full or closed.
    func offer(_ item: Element) -> Bool {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        guard count < capacity, !isClosed else { return false }
        items[(head + count) % capacity] = item
        count += 1
        unsafe pthread_cond_signal(notEmpty)
        return true
    }

    /// Takes the oldest item, waiting while there is none. Nil when the queue is closed and drained.
    func pop() -> Element? {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        while count == 0 && !isClosed { unsafe pthread_cond_wait(notEmpty, mutex) }
        return takeFirst()
    }

    /// What a bounded wait gave.
    enum Popped {
        /// The oldest item.
        case item(Element)
        /// Nothing came in time.
        case nothing
        /// The queue is closed and drained.
        case ended
    }

    /// Takes the oldest item, waiting so long while there is none.
    func pop(waitingMilliseconds milliseconds: Int) -> Popped {
        var deadline = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &deadline)
        let nanoseconds = deadline.tv_nsec + (milliseconds % 1000) * 1_000_000
        deadline.tv_sec += milliseconds / 1000 + nanoseconds / 1_000_000_000
        deadline.tv_nsec = nanoseconds % 1_000_000_000
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        while count == 0 && !isClosed {
            if unsafe pthread_cond_timedwait(notEmpty, mutex, &deadline) == ETIMEDOUT { break }
        }
        if let item = takeFirst() { return .item(item) }
        return isClosed ? .ended : .nothing
    }

    /// Takes the oldest item if there is one now.
    func tryPop() -> Element? {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return takeFirst()
    }

    /// No more items come: `pop` returns what is left and then nil; `push` refuses.
    func close() {
        unsafe pthread_mutex_lock(mutex)
        isClosed = true
        unsafe pthread_cond_broadcast(notEmpty)
        unsafe pthread_cond_broadcast(notFull)
        unsafe pthread_mutex_unlock(mutex)
    }

    /// The oldest item; the caller holds the mutex.
    private func takeFirst() -> Element? {
        guard count > 0 else { return nil }
        let item = items[head].take()
        head = (head + 1) % capacity
        count -= 1
        unsafe pthread_cond_signal(notFull)
        return item
    }
}
