internal import Dispatch
internal import Foundation
internal import Synchronization

/// The threads on which a migration hashes, reads the vault and writes files.
///
/// These block, and the cooperative pool has only as many threads as the machine has cores; so a run brings its own.
/// Tasks come here through `withTaskExecutorPreference`.
public final class WorkerThreads: TaskExecutor {
    /// Shared by the executor and its threads, so that the threads do not keep the executor alive.
    private final class Queue: Sendable {
        let jobs = Mutex<JobQueue>(JobQueue())
        let ready = DispatchSemaphore(value: 0)
    }

    private struct JobQueue {
        var jobs: [UnownedJob] = []
        var head = 0
        var isStopping = false

        mutating func pop() -> UnownedJob? {
            guard head < jobs.count else { return nil }
            defer {
                head += 1
                if head == jobs.count {
                    jobs.removeAll(keepingCapacity: true)
                    head = 0
                }
            }
            return jobs[head]
        }
    }

    private let queue = Queue()
    private let count: Int

    /// Starts `count` threads.
    public init(count: Int) {
        self.count = max(1, count)
        for number in 1...self.count {
            let queue = self.queue
            let executor = WeakExecutor(self)
            let thread = Thread { Self.run(queue, executor) }
            thread.name = "migrate-\(number)"
            thread.start()
        }
    }

    deinit {
        queue.jobs.withLock { $0.isStopping = true }
        for _ in 0..<count { queue.ready.signal() }
    }

    /// Takes a job of a task that prefers these threads.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.jobs.withLock { $0.jobs.append(job) }
        queue.ready.signal()
    }

    /// A weak reference that may cross to the threads: it is set once and only read afterwards.
    private final class WeakExecutor: Sendable {
        weak let executor: WorkerThreads?

        init(_ executor: WorkerThreads) { self.executor = executor }
    }

    private static func run(_ queue: Queue, _ reference: WeakExecutor) {
        while true {
            queue.ready.wait()
            let (job, isStopping) = queue.jobs.withLock { ($0.pop(), $0.isStopping) }
            if let job, let executor = reference.executor {
                unsafe job.runSynchronously(on: executor.asUnownedTaskExecutor())
            } else if isStopping {
                return
            }
        }
    }
}
