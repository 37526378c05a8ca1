import Foundation
import Synchronization

/// Work on several threads, whose results are taken on the caller's, in the order in which the work was given.
struct OrderedWork<Value: Sendable>: ~Copyable {
    typealias Work = @Sendable () throws -> Value

    /// A piece of work, then its result.
    private final class Job: Sendable {
        private let work: Mutex<Work?>
        private let result = Mutex<Result<Value, any Error>?>(nil)

        init(_ work: @escaping Work) { self.work = Mutex(work) }

        /// Does the work and lets go of it before it says so: the thread may outlive the caller, and whoever frees a vault's
        /// catalog while the process ends frees it under RocksDB's feet.
        func run() {
            let value: Result<Value, any Error>?
            do {
                let work = work.withLock { $0.take() }
                value = work.map { work in Result { try work() } }
            }
            result.withLock { $0 = value }
        }

        func get() throws -> Value? { try result.withLock { $0 }?.get() }
    }

    private let queue = OperationQueue()
    private let take: (Value) throws -> Void
    private var underWay: [(operation: Operation, job: Job)] = []

    /// Work on so many threads; `take` gets the results.
    init(threads: Int, _ take: @escaping (Value) throws -> Void) {
        queue.maxConcurrentOperationCount = threads
        self.take = take
    }

    // An error leaves work behind, which ends before anything that it uses goes.
    deinit { queue.waitUntilAllOperationsAreFinished() }

    /// Begins a piece of work, once few enough are under way. Throws what an earlier one or taking its result threw.
    mutating func add(_ work: @escaping Work) throws {
        if underWay.count >= 2 * queue.maxConcurrentOperationCount { try takeFirst() }
        let job = Job(work)
        let operation = BlockOperation { job.run() }
        underWay.append((operation, job))
        queue.addOperation(operation)
    }

    /// Waits for everything that was begun.
    mutating func finish() throws {
        while !underWay.isEmpty { try takeFirst() }
    }

    private mutating func takeFirst() throws {
        let (operation, job) = underWay.removeFirst()
        operation.waitUntilFinished()
        if let value = try job.get() { try take(value) }
    }
}
