internal import Blocks
public import Capture
internal import Cleartext
internal import Dialects
internal import Exchanges
internal import Flows
internal import Packets
public import Vaults

/// Why a replay could not be done.
public enum ReplayError: Error, CustomStringConvertible, Sendable {
    /// A capture could not be opened, or the filter not be used.
    case capture(CaptureError)
    /// The vault failed. What was acknowledged before is safe.
    case vault(VaultError)
    /// Digests or buffers could not be set up.
    case setup(String)

    /// What happened, where, and what to do.
    public var description: String {
        switch self {
        case .capture(let error): error.description
        case .vault(let error): error.description
        case .setup(let reason): reason
        }
    }
}

/// Replays captures into a vault: front end on the calling thread, hashers, writer and verifier on threads of their own.
public struct ReplayRun {
    private let options: ReplayOptions
    private let stop: StopFlag

    /// A run that ends early, but orderly, once `stop` is raised.
    public init(_ options: ReplayOptions, stop: StopFlag = StopFlag()) {
        self.options = options
        self.stop = stop
    }

    /// Runs to the end of the captures, or until the stop flag is raised, and returns when everything is committed.
    /// `progress` is called now and then on the calling thread.
    public func run(progress: (ReplayProgress) -> Void = { _ in }) throws(ReplayError) -> ReplayReport {
        var stream: CaptureStream
        do throws(CaptureError) {
            // Captures first: a misspelt name must not leave an empty vault behind.
            stream = try CaptureStream(paths: options.captures, filter: options.filter)
        } catch {
            throw .capture(error)
        }
        var keyLogs = try KeyLogFiles(options.keyLogs)
        let hasher: OpenSSLBlockHasher
        do throws(BlocksError) { hasher = try OpenSSLBlockHasher() } catch { throw .setup(error.description) }

        let count = max(1, options.hashers)
        let unhashed = (0..<count).map { _ in BoundedQueue<IngestBatch>(capacity: 4) }
        let hashed = (0..<count).map { _ in BoundedQueue<IngestBatch>(capacity: 4) }
        let opened = BoundedQueue<Result<WriterThread.Opened, VaultError>>(capacity: 1)
        let outcome = ResultSlot<WriterThread.Outcome>()
        let writer = WriterThread(options: options, input: hashed, opened: opened, outcome: outcome, stop: stop)
        let writerThread = WorkerThread(name: "writer") { writer.run() }
        guard case .success(let vault) = opened.pop() else {
            writerThread.join()
            if let failure = outcome.take()?.failure { throw .vault(failure) }
            throw .setup("the vault's writer ended without a word")
        }
        let pool = vault.pool
        // Not an array: threads cannot be copied. One chain of joins per hasher instead.
        let hasherThreads = HasherThreads(count: count, from: unhashed, to: hashed, pool: pool, hasher: hasher)

        let splitter = BlockSplitter(pool: pool, output: BatchHandOver(to: unhashed, pool: pool))
        let dialects = DialectEngine(options: options.dialects, sink: splitter)
        let cleartext = CleartextEngine(
            sink: HTTPEngine(sink: dialects), expectsSecrets: !keyLogs.isEmpty || stream.mayHoldSecrets)
        var front = FrontEnd(
            decapsulator: Decapsulator(options: options.tunnels.decapsulator), flows: FlowAssembler(sink: cleartext))
        let began = ContinuousClock.now
        front.take(keyLogs.read())
        // Secrets at the head of a capture are there once its first packet was read.
        var step = 1
        while !stop.isRaised, stream.run(into: &front, atMost: step) {
            step = 4096
            front.take(KeyLogFiles.secrets(in: stream.takeSecrets()))
            if front.awaitsSecrets { front.take(keyLogs.read()) }
            progress(
                ReplayProgress(bytesRead: stream.bytesRead, bytesTotal: stream.bytesTotal, packets: front.lastPacket))
        }
        front.take(KeyLogFiles.secrets(in: stream.takeSecrets()))
        front.take(keyLogs.read(isLast: true))
        front.finish()
        for queue in unhashed { queue.close() }
        hasherThreads.join()
        for queue in hashed { queue.close() }
        writerThread.join()

        guard let result = outcome.take() else { throw .setup("the vault's writer ended without a word") }
        if let failure = result.failure { throw .vault(failure) }
        return ReplayReport(
            stream: stream, front: front, writer: result, seconds: began.duration(to: .now), wasStopped: stop.isRaised,
            unreadableKeyLogLines: keyLogs.unreadableLines)
    }
}

/// The hashing threads: each takes batches from its own queue and hands them on in its own queue, so that order is kept.
struct HasherThreads: ~Copyable {
    private let done: BoundedQueue<Int>
    private let count: Int

    init(
        count: Int, from source: [BoundedQueue<IngestBatch>], to target: [BoundedQueue<IngestBatch>], pool: BlockPool,
        hasher: OpenSSLBlockHasher
    ) {
        self.count = count
        let done = BoundedQueue<Int>(capacity: count)
        self.done = done
        for index in 0..<count {
            let (input, output) = (source[index], target[index])
            WorkerThread(name: "hasher-\(index)") {
                while var batch = input.pop() {
                    hasher.hash(&batch.blocks, in: pool)
                    let blocks = batch.blocks
                    if !output.push(batch) { pool.release(blocks) }
                }
                done.push(index)
            }.detach()
        }
    }

    /// Waits until every thread has handed on its last batch.
    consuming func join() {
        for _ in 0..<count { _ = done.pop() }
    }
}
