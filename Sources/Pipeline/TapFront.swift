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
        var front = FrontEnd(parts)
        var merge = FrameMerge(ports)
        let began = SystemClock.monotonic
        var flushed = began
        var looked = began
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
                look(front, merge)
                if let scope = newScope.withLock({ $0.take() }) { front.use(scope) }
            }
            if case .waiting = outcome { bell.wait(milliseconds: Self.idleMilliseconds) }
        }
        // What is in the key logs by now, although nobody brought it yet.
        parts.keys.tail?.readLast()
        front.take(secrets.take())
        front.finish()
        look(front, merge)
        var final = ReplayReport(
            front: front, writer: WriterThread.Outcome(),
            seconds: .nanoseconds(Int64(SystemClock.monotonic &- began)), wasStopped: true)
        final.packets = merge.frames
        report.put(final)
        ended.wake()
    }

    private func look(_ front: borrowing FrontEnd, _ merge: borrowing FrameMerge) {
        let counters = front.flows.counters
        let snapshot = Snapshot(
            packets: merge.frames, openFlows: front.flows.openFlows, deliveredBytes: counters.deliveredBytes,
            gapBytes: counters.gapBytesNotCaptured &+ counters.gapBytesSnapped)
        snapshotNow.withLock { $0 = snapshot }
    }
}
