internal import Foundation
public import Logging
internal import Objects
internal import S3

/// One migration of a vault into one target: plans from the vault, transfers what the journal does not show as done,
/// and reports on every object.
///
/// Killed at any moment and started again, it goes on at the next part. Its tasks are children of the caller's:
/// cancelling the caller stops it, and what was in flight is begun again by the next run.
public struct MigrationRun: Sendable {
    private let source: any ReplicationSource
    private let target: any ReplicationTarget
    private let mapping: BucketMapping
    private let options: MigrationOptions
    private let folder: String
    private let logger: Logger
    private let onProgress: @Sendable (MigrationProgress) -> Void

    /// A run with its journal and report below `folder`, in a folder named for the target.
    ///
    /// `onProgress` is called about five times a second from one task.
    public init(
        source: any ReplicationSource, target: any ReplicationTarget, mapping: BucketMapping,
        options: MigrationOptions = MigrationOptions(), folder: String, logger: Logger,
        onProgress: @escaping @Sendable (MigrationProgress) -> Void = { _ in }
    ) {
        self.source = source
        self.target = target
        self.mapping = mapping
        self.options = options
        self.folder = folder
        self.logger = logger
        self.onProgress = onProgress
    }

    /// What ``run()`` would do; asks no cloud and writes nothing.
    public func plan() async throws -> MigrationPlan {
        try options.check()
        let hasJournal = FileManager.default.fileExists(atPath: "\(folder)/\(target.identity.id)/journal")
        let journal =
            hasJournal
            ? try Journal(
                folder: folder, source: source.id, target: target.identity, cipher: source.lineCipher) : nil
        let threads = WorkerThreads(count: 2)
        return try await withTaskExecutorPreference(threads) {
            let planner = MigrationPlanner(source: source, target: target, mapping: mapping, options: options)
            return try await planner.plan(journal: journal)
        }
    }

    /// Runs to the end, to cancellation, or to what nothing can get past; ``MigrationReport/end`` says which.
    ///
    /// Throws ``ReplicationError`` or ``TargetFailure`` only when it cannot begin: bad options, an unusable journal, a
    /// mapping in which buckets run together, a target that does not answer or refuses the credentials.
    public func run() async throws -> MigrationReport {
        try options.check()
        let journal = try Journal(
            folder: folder, source: source.id, target: target.identity, cipher: source.lineCipher)
        // One thread for each transfer, which may block on a read of the vault or a write of a file, and two more for
        // the enumeration and the journal.
        let threads = WorkerThreads(count: options.parallel + 2)
        return try await withTaskExecutorPreference(threads) {
            try await run(journal: journal, threads: threads)
        }
    }

    private func run(journal: Journal, threads: WorkerThreads) async throws -> MigrationReport {
        let begin = ContinuousClock.now
        let before = target.counters.snapshot
        let planner = MigrationPlanner(source: source, target: target, mapping: mapping, options: options)
        let buckets = try await planner.survey()
        let resolved = try mapping.resolve(Array(buckets.keys))
        if options.probesFirst {
            for bucket in resolved.targetBuckets {
                try await target.probe(bucket: bucket, createIfMissing: options.createsBuckets)
            }
        }
        let writer = try ReportWriter(folder: "\(folder)/\(target.identity.id)", cipher: source.lineCipher)
        let tally = RunTally(
            MigrationReport(target: target.identity.description, file: writer.path), listedMax: options.listedMax)
        tally.begin(buckets.values.reduce(into: MigrationReport.Count()) { $0.add($1) })
        let context = RunContext(
            source: source, target: target, mapping: resolved, options: options, journal: journal,
            writer: writer, tally: tally, threads: threads, logger: logger)
        let end = await transfer(context)
        var report = tally.report
        report.end = end
        if end == .finished {
            let unseen = try journal.unseen(limit: options.listedMax)
            report.unknownAtSource = UInt64(unseen.count)
            report.listedUnknownAtSource = unseen.names
        }
        report.damagedJournalLines = journal.counts.damagedLines
        report.requests = target.counters.snapshot.since(before)
        report.seconds = Double((ContinuousClock.now - begin) / .milliseconds(1)) / 1_000
        try journal.sync()
        try writer.finish(report)
        return report
    }

    private func transfer(_ context: RunContext) async -> MigrationReport.End {
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await tick(context) }
                group.addTask {
                    try await pump(context)
                    try await LeftoverUploads(context).settle()
                }
                // The ticker never ends by itself, so the first to end is the work, or an error.
                try await group.next()
                group.cancelAll()
            }
            return .finished
        } catch {
            logger.debug("the run ended early", metadata: ["reason": "\(error)"])
            return error is CancellationError || Task.isCancelled ? .interrupted : .stopped(reason: "\(error)")
        }
    }

    /// Starts a task for each version, a bounded number at once.
    private func pump(_ context: RunContext) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            var running = 0
            var last: ObjectName?
            while true {
                let page = try await context.reading {
                    try await source.versions(after: last, limit: options.pageVersions)
                }
                guard let end = page.last?.name else { break }
                for version in page {
                    // Twice as many as transfers, so that one that waits for its leader leaves no slot idle.
                    if running >= 2 * options.parallel {
                        try await group.next()
                        running -= 1
                    }
                    group.addTask { try await ObjectTransfer(version, context).run() }
                    running += 1
                }
                if let last, end <= last {
                    throw ReplicationError.source(reason: "the enumeration goes back from \(last.url) to \(end.url)")
                }
                last = end
            }
            try await group.waitForAll()
        }
    }

    /// Makes the journal durable twice a second, and tells the progress more often.
    private func tick(_ context: RunContext) async throws {
        var rounds = 0
        var rate = RateWindow()
        let before = target.counters.snapshot.bytesSent
        while true {
            try await Task.sleep(for: .milliseconds(200))
            rounds += 1
            let sent = target.counters.snapshot.bytesSent - before
            onProgress(context.tally.progress(bytesSent: sent, rate: rate.add(sent)))
            if rounds.isMultiple(of: 3) { try context.journal.sync() }
        }
    }
}

/// Bytes per second over the last five seconds or so.
struct RateWindow {
    private var samples: [(time: ContinuousClock.Instant, bytes: UInt64)] = []

    mutating func add(_ bytes: UInt64, at time: ContinuousClock.Instant = .now) -> Double {
        samples.append((time, bytes))
        if samples.count > 25 { samples.removeFirst() }
        guard let first = samples.first, time > first.time else { return 0 }
        return Double(bytes - min(bytes, first.bytes)) / ((time - first.time) / .seconds(1))
    }
}
