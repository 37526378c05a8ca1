internal import Capture
internal import Flows
internal import Glibc
internal import Objects
internal import Synchronization

/// One interface of a tap, or one ring of it, and its thread: reads the kernel's ring into the relay, and never waits for anything behind it.
///
/// An interface that goes away is counted and opened again when it comes back, with growing pauses; the others run on.
///
/// `@unchecked Sendable`: `capture` is set before the thread starts and then touched by that thread alone; all else is
/// constant or locks.
@safe
final class TapPort: @unchecked Sendable {
    let name: String
    let relay: FrameRelay
    /// No frame older than this is still to come, nanoseconds since 1970 UTC.
    let watermark = Atomic<UInt64>(0)
    private let options: LiveOptions
    private let tunnels: TunnelOptions
    private let wake = WakeDescriptor()
    private var capture: LiveCapture?
    /// The rings that share the interface's packets; nil when there is one.
    private let fanout: FanoutGroup?
    /// Speaks for the interface when it goes away and comes back: all its rings do at once.
    private let isFirstRing: Bool
    private let shared = Mutex(Shared())

    /// What other threads may see and ask for.
    private struct Shared {
        var report: InterfaceReport?
        var filter: String??
        var problems: [String] = []
        var leftOut: [LeftOutFlow] = []
    }

    /// What the thread keeps for itself.
    private struct Work: ~Copyable {
        var intake: Intake
        /// Of captures of this interface that ended.
        var earlier = LiveStatistics()
        var current = LiveStatistics()
        var filter: String?
        var lostTimes: UInt64 = 0
        var outageNanoseconds: UInt64 = 0
        /// Since when the interface is away.
        var awaySince: UInt64 = 0
        var checkedAt: UInt64 = 0
        /// The ring was read to its end: there is time to wait for more.
        var isRingEmpty = true
        var pause: IdlePause
        /// What all ports had filled at the last look.
        var arenasFilled: UInt64 = 0
        var reopenError: LiveError?
    }

    /// Frames read at a time: with the largest that an offload makes, four arenas.
    private static var batchFrames: Int { 64 }
    /// For so long packets may stay in the kernel's ring while memory is full and the spool catches up: half of what a ring
    /// of 64 MiB holds at 1 GB/s. Then flows are left out.
    private static var patienceNanoseconds: UInt64 { 30_000_000 }
    /// How often the kernel is asked for its counters: a loss is known so early that it meets the hole it made.
    private static var checkNanoseconds: UInt64 { 10_000_000 }
    private static var leftOutMax: Int { 65_536 }
    private static var firstPauseMilliseconds: Int { 100 }
    private static var longestPauseMilliseconds: Int { 5_000 }

    /// Takes over an open capture, the interface's first ring or another.
    init(
        _ capture: consuming LiveCapture, isFirstRing: Bool = true, options: LiveOptions, tunnels: TunnelOptions,
        relay: FrameRelay
    ) {
        name = capture.interface
        fanout = capture.fanout
        self.isFirstRing = isFirstRing
        self.options = options
        self.tunnels = tunnels
        self.relay = relay
        self.capture = consume capture
        shared.withLock { $0.report = InterfaceReport(name: name) }
    }

    /// The counters; final once the thread has ended.
    var report: InterfaceReport {
        var report = shared.withLock { $0.report ?? InterfaceReport(name: name) }
        let relayed = relay.status
        report.queueBytes = UInt64(relayed.arenas * FrameRelay.arenaBytes)
        report.queueBytesMax = UInt64(relayed.arenasMax * FrameRelay.arenaBytes)
        report.queuePeakBytes = UInt64(relayed.peakArenas * FrameRelay.arenaBytes)
        report.spoolBytes = UInt64(relayed.spooledArenasNow * FrameRelay.arenaBytes)
        report.spoolBytesMax = UInt64(relayed.spooledArenasMax * FrameRelay.arenaBytes)
        report.spoolPeakBytes = UInt64(relayed.peakSpooledArenas * FrameRelay.arenaBytes)
        report.spooledBytes = relayed.spooledBytes
        report.spoolReadErrors = relayed.spoolReadErrors
        report.isSpoolFaulty = relayed.spoolFault != 0
        return report
    }

    /// What went wrong since the last call, in words.
    func takeProblems() -> [String] {
        shared.withLock { shared in
            defer { shared.problems = [] }
            return shared.problems
        }
    }

    /// Flows left out since the last call.
    func takeLeftOut() -> [LeftOutFlow] {
        shared.withLock { shared in
            defer { shared.leftOut = [] }
            return shared.leftOut
        }
    }

    /// Uses another filter from now on.
    func use(filter: String?) {
        shared.withLock { $0.filter = .some(filter) }
        wake.wake()
    }

    /// Bounds the memory for waiting packets anew, that of all ports.
    func use(queueBytes: Int) {
        let bytes = relay.use(memoryBytes: queueBytes)
        if bytes < queueBytes {
            report(problem: "packets may take \(bytes >> 20) MiB of memory until the next start")
        }
    }

    /// Wakes the thread, so that it sees its stop flag.
    func alert() { wake.wake() }

    /// The thread's body.
    func run(until stop: StopFlag) {
        var work = Work(
            intake: Intake(into: relay, tunnels: tunnels), filter: options.filter,
            pause: IdlePause(first: options.timeoutMilliseconds))
        var pause = Self.firstPauseMilliseconds
        while !stop.isRaised {
            if capture == nil {
                if reopen(&work) { pause = Self.firstPauseMilliseconds } else { wait(&pause, &work) }
                continue
            }
            applyFilter(&work)
            if work.isRingEmpty { capture?.wait(milliseconds: work.pause.milliseconds, wake: wake) }
            awaitRoom(&work, until: stop)
            if !readOnce(&work) { pause = Self.firstPauseMilliseconds }
        }
        drain(&work)
        work.intake.flush()
        publish(&work)
        relay.close()
        capture = nil
    }

    /// Leaves packets in the ring for a moment when memory is full.
    private func awaitRoom(_ work: inout Work, until stop: StopFlag) {
        guard !relay.hasRoom else { return }
        let began = SystemClock.monotonic
        while !relay.hasRoom, !stop.isRaised {
            if work.intake.isShedding || SystemClock.monotonic &- began >= Self.patienceNanoseconds {
                work.intake.escalate()
                return
            }
            wake.wait(milliseconds: 1)
        }
    }

    /// Reads what the ring holds; false when the interface was lost.
    private func readOnce(_ work: inout Work) -> Bool {
        let before = SystemClock.wall
        do throws(LiveError) {
            let count = try capture?.read(into: &work.intake, atMost: Self.batchFrames) ?? 0
            if before &- work.checkedAt >= Self.checkNanoseconds { check(&work, before) }
            work.isRingEmpty = count < Self.batchFrames
            if count < Self.batchFrames {
                adaptPause(&work)
                work.intake.flushIfIdle()
                // The kernel may hold a part-filled block back for the timeout, and stamps a packet before it queues it.
                let lag = UInt64(3 * options.timeoutMilliseconds) * 1_000_000
                if work.intake.isFlushed { watermark.store(before &- lag, ordering: .releasing) }
            }
            return true
        } catch {
            lose(error, &work)
            return false
        }
    }

    /// Before a sleep: a longer one while no port has anything. What another one has waits for this one's watermark.
    private func adaptPause(_ work: inout Work) {
        let filled = relay.arenasFilledByAll
        if filled == work.arenasFilled { work.pause.lengthen() } else { work.pause.reset() }
        work.arenasFilled = filled
    }

    /// Asks the kernel what it dropped, and tells the front end.
    private func check(_ work: inout Work, _ now: UInt64) {
        let before = work.current.droppedByKernel &+ work.current.droppedByInterface
        work.current = capture?.statistics() ?? work.current
        if work.current.droppedByKernel &+ work.current.droppedByInterface > before {
            work.intake.note(CaptureLoss(cause: .kernelDrop, from: min(work.checkedAt, now), through: now))
        }
        work.checkedAt = now
        publish(&work)
    }

    /// The interface is gone: keeps its counters and lets the handle go.
    private func lose(_ error: LiveError, _ work: inout Work) {
        work.current = capture?.statistics() ?? work.current
        work.earlier.add(work.current)
        work.current = LiveStatistics()
        work.lostTimes += 1
        // What was lost since the counters were read last cannot be told from what the interface never gave.
        work.awaySince = work.checkedAt
        work.checkedAt = SystemClock.wall
        capture = nil
        work.isRingEmpty = true
        work.intake.flush()
        publish(&work)
        if isFirstRing {
            report(problem: "\(error); the tap goes on with what is left and takes it up again when it comes back")
        }
    }

    /// True when the interface could be opened again.
    private func reopen(_ work: inout Work) -> Bool {
        var options = options
        options.filter = work.filter
        do throws(LiveError) {
            capture = try LiveCapture(interface: name, options: options, fanout: fanout)
        } catch {
            switch error {
            case .noSuchInterface, .interfaceDown: break
            default:
                // Not that it is away: said once, or a right that was lost would pass for a cable that is out.
                if work.reopenError != error { report(problem: "interface \(name) cannot be taken up again: \(error)") }
            }
            work.reopenError = error
            return false
        }
        work.reopenError = nil
        let now = SystemClock.wall
        noteOutage(&work, now)
        work.outageNanoseconds &+= now &- min(now, work.checkedAt)
        work.checkedAt = now
        if isFirstRing { report(problem: "interface \(name) is back") }
        publish(&work)
        return true
    }

    private func wait(_ pause: inout Int, _ work: inout Work) {
        wake.wait(milliseconds: pause)
        pause = min(pause * 2, Self.longestPauseMilliseconds)
        let now = SystemClock.wall
        // Again and again, since flows may be given up before the interface is back.
        noteOutage(&work, now)
        work.intake.flush()
        // Nothing comes from here: the other interfaces must not wait for it.
        if work.intake.isFlushed { watermark.store(now, ordering: .releasing) }
    }

    /// Tells the front end that nothing was captured since the interface went away.
    private func noteOutage(_ work: inout Work, _ now: UInt64) {
        work.intake.note(CaptureLoss(cause: .outage, from: min(work.awaySince, now), through: now))
    }

    /// Reads the ring to its end after its intake was closed: the last block is given out by the kernel when its time is
    /// over, so the end is a ring that stays empty for longer than that.
    private func drain(_ work: inout Work) {
        guard capture != nil else { return }
        capture?.closeIntake()
        let patience = UInt64(2 * options.timeoutMilliseconds + 10) * 1_000_000
        var last = SystemClock.monotonic
        while SystemClock.monotonic &- last < patience {
            // The intake is closed, so the ring cannot overflow: there is time, unless storage stands still for good.
            let waiting = SystemClock.monotonic
            while !relay.hasRoom, SystemClock.monotonic &- waiting < 10_000_000_000 { wake.wait(milliseconds: 1) }
            do throws(LiveError) {
                let count = try capture?.read(into: &work.intake, atMost: Self.batchFrames) ?? 0
                if count > 0 { last = SystemClock.monotonic }
                if count < Self.batchFrames { wake.wait(milliseconds: 5) }
            } catch {
                lose(error, &work)
                return
            }
        }
        check(&work, SystemClock.wall)
    }

    private func applyFilter(_ work: inout Work) {
        guard let filter = shared.withLock({ $0.filter.take() }) else { return }
        do throws(LiveError) {
            try capture?.use(filter: filter)
            work.filter = filter
        } catch {
            report(problem: "\(error); the filter stays as it was")
        }
    }

    /// Lets other threads see the counters.
    private func publish(_ work: inout Work) {
        var statistics = work.earlier
        statistics.add(work.current)
        var report = InterfaceReport(name: name)
        report.received = statistics.received
        report.droppedByKernel = statistics.droppedByKernel
        report.droppedByInterface = statistics.droppedByInterface
        report.loopbackCopies = statistics.loopbackCopies
        report.snapped = statistics.snapped
        report.ringReceived = [statistics.received]
        report.capturedBytes = statistics.deliveredBytes
        report.processed = work.intake.handedOver
        let losses = work.intake.losses
        report.droppedByOverload = losses.shedPackets + losses.overrunPackets
        report.overloadBytes = losses.shedBytes + losses.overrunBytes
        report.droppedByOverrun = losses.overrunPackets
        report.overloadFlows = losses.shedFlows
        report.unread = statistics.received &- min(statistics.received, statistics.delivered &+ report.droppedByKernel)
        report.lostTimes = work.lostTimes
        report.outageSeconds = Double(work.outageNanoseconds) / 1e9
        report.isUp = capture != nil
        report.isShedding = work.intake.isShedding
        let leftOut = work.intake.takeLeftOut()
        shared.withLock {
            $0.report = report
            // Nobody took them for so long: a watcher that stands still must not cost memory.
            if $0.leftOut.count < Self.leftOutMax { $0.leftOut += leftOut }
        }
    }

    private func report(problem: String) {
        shared.withLock { if $0.problems.count < 100 { $0.problems.append(problem) } }
    }
}
