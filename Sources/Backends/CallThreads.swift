internal import Dispatch

/// Threads for calls that another thread waits for.
///
/// The cooperative pool has as many threads as the machine has cores. Where all of them wait for a call, one that needed the
/// pool itself would never get on; so calls bring their own.
final class CallThreads: TaskExecutor {
    static let shared = CallThreads()

    private let queue = DispatchQueue(label: "backend-calls", attributes: .concurrent)

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
