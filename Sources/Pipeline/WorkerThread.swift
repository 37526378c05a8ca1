internal import CLinux
internal import Glibc

/// A thread of the data plane. Its owner joins it; nothing else keeps it.
///
/// Threads, not tasks: they block on queues, fsync and RocksDB, which must never happen on the cooperative pool.
struct WorkerThread: ~Copyable {
    private let thread: pthread_t

    /// Starts a thread with this name (at most 15 bytes are shown by the system) that runs `body` once.
    init(name: String, _ body: @escaping @Sendable () -> Void) {
        let box = unsafe Unmanaged.passRetained(ThreadBody(name: name, run: body))
        var handle = pthread_t()
        let code = unsafe pthread_create(&handle, nil, threadMain, box.toOpaque())
        // A process that cannot start its few threads at the beginning cannot do anything else either.
        precondition(code == 0, "cannot start thread \(name): error \(code)")
        thread = handle
    }

    /// Waits until the body has returned.
    consuming func join() { pthread_join(thread, nil) }

    /// Hands the thread to a group, which joins it.
    fileprivate consuming func handle() -> pthread_t { thread }
}

/// Threads of one kind. Joined, not only heard of: what their bodies hold must be gone before the process may end, since
/// RocksDB must not be closed while the process is being taken down.
struct WorkerThreads: ~Copyable {
    private var handles: [pthread_t] = []

    /// Starts one more; see ``WorkerThread/init(name:_:)``.
    mutating func start(name: String, _ body: @escaping @Sendable () -> Void) {
        handles.append(WorkerThread(name: name, body).handle())
    }

    /// Waits until all bodies have returned.
    consuming func join() {
        for handle in handles { pthread_join(handle, nil) }
    }
}

/// What a thread runs.
private final class ThreadBody: Sendable {
    let name: String
    let run: @Sendable () -> Void

    init(name: String, run: @escaping @Sendable () -> Void) {
        self.name = name
        self.run = run
    }
}

private func threadMain(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context = unsafe context else { return nil }
    // The box was retained by `init`; this is the one place that takes that retain back.
    let body = unsafe Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue()
    unsafe oxbow_name_thread(body.name)
    body.run()
    return nil
}
