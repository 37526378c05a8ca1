internal import Blocks
public import Capture
internal import Dialects
internal import Exchanges
internal import Flows
internal import Packets
internal import Vaults

/// Why a tap could not be started, or ended early.
public enum TapError: Error, CustomStringConvertible, Sendable {
    /// An interface could not be opened.
    case live(LiveError)
    /// As for a replay.
    case storing(ReplayError)

    /// What happened, where, and what to do.
    public var description: String {
        switch self {
        case .live(let error): error.description
        case .storing(let error): error.description
        }
    }
}

/// Taps interfaces into a vault: a capture thread for each, then the same front end, hashers and writer as a replay.
///
/// Making the value opens the interfaces, which is all that needs privileges; `run` may follow after they were dropped.
public struct TapRun: ~Copyable {
    private let options: TapOptions
    private let stop: StopFlag
    private var captures: LiveCaptures

    /// Opens the interfaces.
    public init(_ options: TapOptions, stop: StopFlag = StopFlag()) throws(TapError) {
        self.options = options
        self.stop = stop
        do throws(LiveError) {
            captures = try LiveCaptures.open(options.interfaces, options.live)
        } catch {
            throw .live(error)
        }
    }

    /// What libpcap warned of when it opened the interfaces.
    public var warnings: [String] { captures.warnings }

    /// Runs until the stop flag is raised, then takes in what was captured, commits, and returns. `progress` is called
    /// now and then on the calling thread; what it returns changes the run.
    public consuming func run(progress: (TapStatus) -> TapChange? = { _ in nil }) throws(TapError) -> TapReport {
        let began = SystemClock.monotonic
        // Raised by the writer when it fails; the user's own flag is left alone.
        let abort = StopFlag()
        let store: TapStore
        do throws(ReplayError) { store = try TapStore(options.storing, abort: abort) } catch { throw .storing(error) }
        let bell = WakeDescriptor()
        let endCaptures = StopFlag()
        let stale = SpoolFile.removeStale(in: store.spoolFolder)
        var problems: [String] = stale > 0 ? ["removed \(stale) spool files of a tap that did not end in order"] : []
        let ports = makePorts(store.spoolFolder, bell, &problems)
        let threads = PortThreads(ports, until: endCaptures)
        let watch = EndpointWatch(reader: store.reader)
        let watchThread = WorkerThread(name: "endpoints") { watch.run() }

        var merge = FrameMerge(ports)
        var front = store.makeFrontEnd(dialects: options.storing.dialects)
        var pace = Pace(progressMilliseconds: options.progressMilliseconds)
        let durability = options.storing.durability.commitNanoseconds
        while true {
            let outcome = merge.step(into: &front, atMost: 4096)
            if case .ended = outcome { break }
            let now = SystemClock.monotonic
            if stop.isRaised || abort.isRaised, !endCaptures.isRaised {
                endCaptures.raise()
                for port in ports { port.alert() }
            }
            if case .waiting = outcome { front.tick(now: merge.watermark) }
            // What is half a batch must become durable as soon as what is a whole one.
            if pace.flushIsDue(now, every: durability) { front.flush() }
            if pace.progressIsDue(now) {
                let status = self.status(
                    front, ports, problems, watch.take(), frames: merge.frames, seconds: Double(now - began) / 1e9)
                problems = []
                if let change = progress(status) { apply(change, to: &front, ports) }
            }
            if case .waiting = outcome { bell.wait(milliseconds: 20) }
        }
        front.finish()
        threads.join()
        let writer = store.finish()
        watch.end()
        watchThread.join()
        let last = status(
            front, ports, problems, watch.take(), frames: merge.frames,
            seconds: Double(SystemClock.monotonic - began) / 1e9)
        _ = progress(last)
        guard let writer else { throw .storing(.setup("the vault's writer ended without a word")) }
        if let failure = writer.failure { throw .storing(.vault(failure)) }
        var replay = ReplayReport(
            front: front, writer: writer, seconds: .nanoseconds(Int64(SystemClock.monotonic - began)), wasStopped: true)
        replay.packets = merge.frames
        replay.capturedBytes = last.interfaces.reduce(0) { $0 + $1.capturedBytes }
        return TapReport(replay: replay, interfaces: last.interfaces)
    }

    private mutating func makePorts(
        _ spoolFolder: String, _ bell: WakeDescriptor, _ problems: inout [String]
    ) -> [TapPort] {
        var ports: [TapPort] = []
        let count = captures.count
        var index = 0
        while let capture = captures.takeNext() {
            var spool: SpoolFile?
            if options.spoolBytes > 0 {
                do throws(SpoolError) {
                    spool = try SpoolFile(folder: spoolFolder, name: "\(index).spool")
                } catch {
                    problems.append("no spool, so an overload leaves flows out at once: \(error)")
                }
            }
            let relay = FrameRelay(
                memoryBytes: options.queueBytes / count, spoolBytes: options.spoolBytes / count, spool: spool,
                consumer: bell)
            ports.append(TapPort(capture, options: options.live, relay: relay))
            index += 1
        }
        return ports
    }

    private func apply(_ change: TapChange, to front: inout FrontEnd, _ ports: [TapPort]) {
        if let scope = change.scope { front.use(scope) }
        if let filter = change.filter { for port in ports { port.use(filter: filter) } }
        if let bytes = change.spoolBytes { for port in ports { port.relay.use(spoolBytes: bytes / ports.count) } }
    }

    private func status(
        _ front: borrowing FrontEnd, _ ports: [TapPort], _ problems: [String], _ endpoints: [EndpointSighting],
        frames: UInt64, seconds: Double
    ) -> TapStatus {
        let counters = front.flows.counters
        return TapStatus(
            seconds: seconds, packets: frames, openFlows: front.flows.openFlows,
            deliveredBytes: counters.deliveredBytes,
            gapBytes: counters.gapBytesNotCaptured &+ counters.gapBytesSnapped, interfaces: ports.map(\.report),
            newEndpoints: endpoints, problems: problems + ports.flatMap { $0.takeProblems() })
    }

    /// When the loop does what it does now and then.
    private struct Pace {
        let progressNanoseconds: UInt64
        var flushedAt = SystemClock.monotonic
        var progressAt = SystemClock.monotonic

        init(progressMilliseconds: Int) { progressNanoseconds = UInt64(max(1, progressMilliseconds)) * 1_000_000 }

        mutating func flushIsDue(_ now: UInt64, every nanoseconds: UInt64) -> Bool {
            guard now &- flushedAt >= min(nanoseconds, 1_000_000_000) / 2 else { return false }
            flushedAt = now
            return true
        }

        mutating func progressIsDue(_ now: UInt64) -> Bool {
            guard now &- progressAt >= progressNanoseconds else { return false }
            progressAt = now
            return true
        }
    }
}

/// The threads of the ports and of their spools.
private struct PortThreads: ~Copyable {
    private let done: BoundedQueue<Int>
    private let count: Int

    init(_ ports: [TapPort], until stop: StopFlag) {
        count = 2 * ports.count
        let done = BoundedQueue<Int>(capacity: count)
        self.done = done
        for (index, port) in ports.enumerated() {
            WorkerThread(name: "capture-\(index)") {
                port.run(until: stop)
                done.push(index)
            }.detach()
            WorkerThread(name: "spool-\(index)") {
                port.relay.runSpooler()
                done.push(index)
            }.detach()
        }
    }

    consuming func join() {
        for _ in 0..<count { _ = done.pop() }
    }
}
