public import Capture
internal import Dialects
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

/// Taps interfaces into a vault: a capture thread for each (for each ring, where there are several), then the same front end, hashers and writer as a replay.
///
/// Making the value opens the interfaces and the key logs, which is all that needs privileges; `run` may follow after they were dropped.
public struct TapRun: ~Copyable {
    private let options: TapOptions
    private let stop: StopFlag
    private var captures: LiveCaptures
    /// Follows the key logs; nil when none was named.
    private let tail: KeyLogTail?
    /// What `--export-keys` and `--export-cleartext` write; nil when nothing is asked for.
    private let export: CleartextExportFiles?

    /// Opens the interfaces and the key logs.
    public init(_ options: TapOptions, stop: StopFlag = StopFlag()) throws(TapError) {
        let captures = try Self.openInterfaces(options)
        let tail = try Self.openKeyLogs(options.storing.keys.logs)
        let export = try Self.openExports(options.storing)
        self.options = options
        self.stop = stop
        self.tail = tail
        self.export = export
        self.captures = captures
    }

    private static func openInterfaces(_ options: TapOptions) throws(TapError) -> LiveCaptures {
        do throws(LiveError) {
            return try LiveCaptures.open(options.interfaces, rings: options.rings, options.live)
        } catch {
            throw .live(error)
        }
    }

    private static func openExports(_ options: ReplayOptions) throws(TapError) -> CleartextExportFiles? {
        do throws(ReplayError) {
            return try CleartextExportFiles(options.keys, scope: options.dialects.scope)
        } catch {
            throw .storing(error)
        }
    }

    private static func openKeyLogs(_ paths: [String]) throws(TapError) -> KeyLogTail? {
        guard !paths.isEmpty else { return nil }
        do throws(ReplayError) {
            return KeyLogTail(try KeyLogFiles(paths, mustExist: false))
        } catch {
            throw .storing(error)
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
        let store: IngestStore
        do throws(ReplayError) { store = try IngestStore(options.storing, stop: abort) } catch { throw .storing(error) }
        let bell = WakeDescriptor()
        let endCaptures = StopFlag()
        let stale = SpoolFile.removeStale(in: store.spoolFolder)
        var problems: [String] = stale > 0 ? ["removed \(stale) spool files of a tap that did not end in order"] : []
        let ports = makePorts(store.spoolFolder, bell, &problems)
        let threads = PortThreads(ports, until: endCaptures)
        let watch = EndpointWatch(reader: store.reader)
        let watchThread = WorkerThread(name: "endpoints") { watch.run() }
        let census = VaultCensus(reader: store.reader)
        let censusThread = WorkerThread(name: "census") { census.run() }
        let ended = WakeDescriptor()
        let keys = FrontEnd.KeyParts(
            options.storing.keys, spoolFolder: store.spoolFolder, isExpected: tail != nil, tail: tail,
            export: export, share: options.storing.workers)
        let front = TapFront(
            store.frontParts(options.storing, keys), ports: ports, bell: bell, ended: ended,
            commitNanoseconds: options.storing.durability.commitNanoseconds)
        let tail = tail
        let tailThread = WorkerThread(name: "keys") { tail?.run() }
        let frontThread = WorkerThread(name: "front") { front.run() }
        var watched = Watched(
            began: began, front: front, ports: ports, store: store.watch, endpoints: watch, census: census,
            keys: tail, export: export, problems: problems)

        // This thread waits for nothing but time and the end, so that signals and statistics go on whatever storage does.
        var progressAt = began
        var report: ReplayReport?
        while report == nil {
            if stop.isRaised || abort.isRaised, !endCaptures.isRaised {
                endCaptures.raise()
                for port in ports { port.alert() }
            }
            if SystemClock.monotonic &- progressAt >= UInt64(max(1, options.progressMilliseconds)) * 1_000_000 {
                progressAt = SystemClock.monotonic
                if let change = progress(watched.status()) { apply(change, to: front, ports, store.watch) }
            }
            ended.wait(milliseconds: min(100, max(1, options.progressMilliseconds)))
            report = front.takeReport()
        }
        frontThread.join()
        tail?.end()
        tailThread.join()
        threads.join()
        let writer = Self.finish(store, cuttingShort: abort)
        watch.end()
        watchThread.join()
        census.end()
        censusThread.join()
        guard var report else { throw .storing(.setup("the front end ended without a report")) }
        if case .success(let outcome) = writer { report.take(outcome) }
        report.note(unreadableKeyLogLines: tail?.unreadableLines ?? 0, keys.spool?.status)
        let last = watched.status(ending: &report)
        _ = progress(last)
        if case .failure(let error) = writer { throw .storing(error) }
        return TapReport(replay: report, interfaces: last.interfaces)
    }

    /// Ends the store. What is committed is safe, so checking versions against their digests may take this long and no
    /// longer: whoever stops a service waits for it, and the next run finds the rest in the catalog.
    private static func finish(
        _ store: consuming IngestStore, cuttingShort abort: StopFlag
    ) -> Result<WriterThread.Outcome, ReplayError> {
        let done = StopFlag()
        let bell = WakeDescriptor()
        let began = SystemClock.monotonic
        let clock = WorkerThread(name: "settling") {
            while !done.isRaised, SystemClock.monotonic &- began < settlingNanoseconds { bell.wait(milliseconds: 100) }
            abort.raise()
        }
        let outcome: Result<WriterThread.Outcome, ReplayError>
        do throws(ReplayError) { outcome = .success(try store.finish()) } catch { outcome = .failure(error) }
        done.raise()
        bell.wake()
        clock.join()
        return outcome
    }

    private static var settlingNanoseconds: UInt64 { 10_000_000_000 }

    private mutating func makePorts(
        _ spoolFolder: String, _ bell: WakeDescriptor, _ problems: inout [String]
    ) -> [TapPort] {
        var ports: [TapPort] = []
        let count = captures.count
        let pool = ArenaPool(memoryBytes: options.queueBytes, relays: count)
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
                pool, index: index, spoolBytes: options.spoolBytes / count, spool: spool, consumer: bell)
            ports.append(
                TapPort(
                    capture, isFirstRing: index % options.rings == 0, options: options.live,
                    tunnels: options.storing.tunnels, relay: relay))
            index += 1
        }
        return ports
    }

    private func apply(_ change: TapChange, to front: TapFront, _ ports: [TapPort], _ store: StoreWatch) {
        if let scope = change.scope { front.use(scope) }
        if let filter = change.filter { for port in ports { port.use(filter: filter) } }
        if let durability = change.durability { store.use(durability) }
        if let bytes = change.queueBytes { ports.first?.use(queueBytes: bytes) }
        if let bytes = change.spoolBytes { for port in ports { port.relay.use(spoolBytes: bytes / ports.count) } }
        if change.reopensKeyLogs { tail?.reopen(change.keyLogs) }
    }
}

/// The threads of the ports and of their spools.
private struct PortThreads: ~Copyable {
    private var threads = WorkerThreads()

    init(_ ports: [TapPort], until stop: StopFlag) {
        for (index, port) in ports.enumerated() {
            threads.start(name: "capture-\(index)") { port.run(until: stop) }
            threads.start(name: "spool-\(index)") { port.relay.runSpooler() }
        }
    }

    consuming func join() { threads.join() }
}
