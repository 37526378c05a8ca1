internal import Dialects
internal import Flows
internal import Synchronization

/// The worker threads behind a dispatcher.
struct FlowWorkers: ~Copyable {
    /// The way to each.
    let arenas: [SegmentArenas]
    private let states: [State]
    private var threads = WorkerThreads()

    /// What others may see of a worker.
    final class State: Sendable {
        let counters = Mutex(FrontCounters())
        let awaitsSecrets = Atomic<Bool>(false)
        /// The report that was asked for last.
        private let report = Mutex<FrontReport?>(nil)
        private let isReportWanted = Atomic<Bool>(true)

        /// Leaves a report, if one is wanted or it is the last.
        func put(isLast: Bool = false, _ make: () -> FrontReport) {
            guard isReportWanted.exchange(false, ordering: .relaxed) || isLast else { return }
            let made = make()
            report.withLock { $0 = made }
        }

        /// The latest report; asks for a newer one.
        func latest() -> FrontReport? {
            isReportWanted.store(true, ordering: .relaxed)
            return report.withLock { $0 }
        }
    }

    /// Starts a worker for each queue to a hasher.
    init(_ parts: FrontEnd.Parts) {
        let count = parts.hashers.count
        let arenas = (0..<count).map { _ in SegmentArenas() }
        let states = (0..<count).map { _ in State() }
        self.arenas = arenas
        self.states = states
        for (index, share) in FlowShare.all(count).enumerated() {
            let (input, state) = (arenas[index], states[index])
            threads.start(name: "flows-\(index)") {
                var worker = FlowWorker(parts, share, state: state)
                worker.run(input)
            }
        }
    }

    /// Of all together, as of their last batches.
    var counters: FrontCounters {
        states.reduce(into: FrontCounters()) { sum, state in sum.add(state.counters.withLock { $0 }) }
    }

    /// True when flows of any of them wait for secrets.
    var awaitsSecrets: Bool { states.contains { $0.awaitsSecrets.load(ordering: .relaxed) } }

    /// What each counted, as of a moment ago.
    func latestReports() -> [FrontReport] { states.compactMap { $0.latest() } }

    /// Waits until every worker has handed on its last batch and has ended, and says what each saw. Only after all were
    /// told to finish.
    mutating func finish() -> [FrontReport] {
        for arenas in arenas { arenas.filled.close() }
        var ended = WorkerThreads()
        swap(&ended, &threads)
        ended.join()
        return latestReports()
    }
}
