internal import Capture
internal import Dialects
internal import Flows
internal import Synchronization

/// The front end of a tap, on a thread of its own: it waits for storage when block buffers are short, and whoever watches
/// the tap must not wait with it.
final class TapFront: Sendable {
    /// How it is doing, as of a moment ago.
    struct Snapshot: Sendable {
        var packets: UInt64 = 0
        var openFlows = 0
        var deliveredBytes: UInt64 = 0
        var gapBytes: UInt64 = 0
        /// Everything counted, at most a second old.
        var report = ReplayReport()
    }

    private let parts: FrontEnd.Parts
    private let secrets: SecretMailbox
    private let ports: [TapPort]
    private let bell: WakeDescriptor
    private let ended: WakeDescriptor
    private let flushNanoseconds: UInt64
    private let snapshotNow = Mutex(Snapshot())
    private let newScope = Mutex<Scope?>(nil)
    private let report = ResultSlot<ReplayReport>()

    private static var batchFrames: Int { 4096 }
    private static var idleMilliseconds: Int { 20 }
    private static var snapshotNanoseconds: UInt64 { 50_000_000 }
    private static var reportNanoseconds: UInt64 { 1_000_000_000 }

    /// A front end for these ports, which wake `bell` when they have something; `ended` is woken at the end. What is half
    /// a batch is flushed twice in each `commitNanoseconds`, so that it becomes durable as soon as what is a whole one.
    init(
        _ parts: FrontEnd.Parts, ports: [TapPort], bell: WakeDescriptor, ended: WakeDescriptor,
        commitNanoseconds: UInt64
    ) {
        self.parts = parts
        secrets = SecretMailbox(bell: bell)
        parts.keys.tail?.feed(secrets)
        self.ports = ports
        self.bell = bell
        self.ended = ended
        flushNanoseconds = min(commitNanoseconds, 1_000_000_000) / 2
    }

    /// How it is doing.
    var snapshot: Snapshot { snapshotNow.withLock { $0 } }

    /// Judges what is asked from now on by this scope.
    func use(_ scope: Scope) { newScope.withLock { $0 = scope } }

    /// What it saw, once it has ended; nil before.
    func takeReport() -> ReplayReport? { report.take() }

    /// The thread's body: runs until every port has ended and everything of theirs was taken in.
    func run() {
        if parts.workers > 1 {
            var front = FlowDispatcher(parts)
            drive(&front)
        } else {
            var front = FrontEnd(parts)
            drive(&front)
        }
    }

    private func drive<Front: FrontStage & ~Copyable>(_ front: inout Front) {
        var merge = FrameMerge(ports)
        let began = SystemClock.monotonic
        var flushed = began
        var looked = began
        var reported: UInt64 = 0
        var frames: UInt64 = 0
        var pause = IdlePause(first: Self.idleMilliseconds)
        while true {
            front.take(secrets.take())
            let outcome = merge.step(into: &front, atMost: Self.batchFrames)
            if case .ended = outcome { break }
            let now = SystemClock.monotonic
            if case .waiting = outcome { front.tick(now: merge.watermark) }
            if now &- flushed >= flushNanoseconds {
                flushed = now
                front.flush()
            }
            if now &- looked >= Self.snapshotNanoseconds {
                looked = now
                let isReportDue = now &- reported >= Self.reportNanoseconds
                if isReportDue { reported = now }
                // Names for some hundred counters cost a tenth of a millisecond or two, so not each time.
                look(front, merge, reporting: isReportDue ? front.report : nil)
                if let scope = newScope.withLock({ $0.take() }) { front.use(scope) }
            }
            if case .waiting = outcome {
                bell.wait(milliseconds: pause.milliseconds)
                if merge.frames == frames { pause.lengthen() } else { pause.reset() }
                frames = merge.frames
            }
        }
        // What is in the key logs by now, although nobody brought it yet.
        parts.keys.tail?.readLast()
        front.take(secrets.take())
        let seen = front.finish()
        look(front, merge, reporting: seen)
        var final = ReplayReport(
            front: seen, writer: WriterThread.Outcome(),
            seconds: .nanoseconds(Int64(SystemClock.monotonic &- began)), wasStopped: true)
        final.packets = merge.frames
        report.put(final)
        ended.wake()
    }

    private func look<Front: FrontStage & ~Copyable>(
        _ front: borrowing Front, _ merge: borrowing FrameMerge, reporting seen: FrontReport?
    ) {
        let counters = front.counters
        let report = seen.map {
            ReplayReport(front: $0, writer: WriterThread.Outcome(), seconds: .zero, wasStopped: false)
        }
        snapshotNow.withLock { snapshot in
            snapshot.packets = merge.frames
            snapshot.openFlows = counters.openFlows
            snapshot.deliveredBytes = counters.deliveredBytes
            snapshot.gapBytes = counters.gapBytes
            if let report { snapshot.report = report }
        }
    }
}
