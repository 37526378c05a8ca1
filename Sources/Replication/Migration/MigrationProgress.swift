internal import Synchronization

/// How far a run is; a value for a progress bar.
public struct MigrationProgress: Sendable {
    /// Live objects to do, counted before the first transfer.
    public var objectsTotal: UInt64 = 0
    /// Their bytes.
    public var bytesTotal: UInt64 = 0
    /// Objects settled: sent, copied, present or excepted.
    public var objectsDone: UInt64 = 0
    /// Their bytes.
    public var bytesDone: UInt64 = 0
    /// Payload bytes handed to the target so far, those of unfinished objects and repetitions included.
    public var bytesSent: UInt64 = 0
    /// Objects that are exceptions.
    public var exceptions: UInt64 = 0
    /// Payload bytes per second over the last seconds.
    public var bytesPerSecond: Double = 0
}

/// The sums of a run in progress, from all its tasks.
final class RunTally: Sendable {
    private struct State: Sendable {
        var report: MigrationReport
        var progress = MigrationProgress()
        var failuresInARow = 0
    }

    private let state: Mutex<State>
    private let listedMax: Int

    init(_ report: MigrationReport, listedMax: Int) {
        state = Mutex(State(report: report))
        self.listedMax = listedMax
    }

    var report: MigrationReport { state.withLock { $0.report } }

    func update(_ change: (inout MigrationReport) -> Void) { state.withLock { change(&$0.report) } }

    func begin(_ planned: MigrationReport.Count) {
        state.withLock { state in
            state.report.planned = planned
            state.progress.objectsTotal = planned.objects
            state.progress.bytesTotal = planned.bytes
        }
    }

    /// Takes an object's result; returns how many objects in a row the target failed.
    func add(_ object: ObjectReport) -> Int {
        state.withLock { state in
            state.report.add(object, listedMax: listedMax)
            switch object.outcome {
            case .deleted, .deletedAtSource: break
            case .sent, .copied, .present, .exception:
                state.progress.objectsDone += 1
                state.progress.bytesDone += object.sourceSide.size ?? 0
            }
            if object.exception != nil { state.progress.exceptions += 1 }
            // Only what the target did counts: a run of objects that the vault lacks says nothing about the target.
            switch (object.outcome, object.exception?.cause) {
            case (_, .target?): state.failuresInARow += 1
            case (.sent, _), (.copied, _): state.failuresInARow = 0
            default: break
            }
            return state.failuresInARow
        }
    }

    func progress(bytesSent: UInt64, rate: Double) -> MigrationProgress {
        var progress = state.withLock { $0.progress }
        progress.bytesSent = bytesSent
        progress.bytesPerSecond = rate
        return progress
    }
}
