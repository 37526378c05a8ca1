internal import Blocks
internal import Vaults

/// What stands behind a front end, of a replay or a tap: hashers, the vault's writer and verifiers, each on its threads.
struct IngestStore: ~Copyable {
    /// Where packets of a tap wait that memory has no room for.
    let spoolFolder: String
    /// Sees each commit.
    let reader: VaultReader
    /// How it is doing; outlives it.
    let watch: StoreWatch
    private let pool: BlockPool
    private let unhashed: [BoundedQueue<IngestBatch>]
    private let hashed: [BoundedQueue<IngestBatch>]
    private let outcome: ResultSlot<WriterThread.Outcome>
    private let hashers: HasherThreads
    private let writer: WorkerThread

    /// Opens the vault and starts the threads. `stop` is raised when the writer fails, so that the front end ends too;
    /// whoever raises it earlier cuts the settling after the last batch short, and nothing else.
    init(_ options: ReplayOptions, stop: StopFlag) throws(ReplayError) {
        let hasher: BlockHasher
        let digests: RunningDigests
        do throws(BlocksError) {
            hasher = try BlockHasher()
            digests = try RunningDigests()
        } catch {
            throw .setup(error.description)
        }
        // Several flow workers have a hasher each, and the writer takes their batches as they come.
        let count = options.workers > 1 ? options.workers : max(1, options.hashers)
        let unhashed = (0..<count).map { _ in BoundedQueue<IngestBatch>(capacity: 4) }
        let shared = BoundedQueue<IngestBatch>(capacity: 4 * count)
        let hashed =
            options.workers > 1
            ? Array(repeating: shared, count: count)
            : (0..<count).map { _ in BoundedQueue<IngestBatch>(capacity: 4) }
        let opened = BoundedQueue<Result<WriterThread.Opened, VaultError>>(capacity: 1)
        let outcome = ResultSlot<WriterThread.Outcome>()
        let watch = StoreWatch()
        let body = WriterThread(
            options: options, input: hashed, opened: opened, outcome: outcome, stop: stop, watch: watch)
        let thread = WorkerThread(name: "writer") { body.run() }
        guard case .success(let vault) = opened.pop() else {
            thread.join()
            if let failure = outcome.take()?.failure { throw .vault(failure) }
            throw Self.endedWithoutWord
        }
        spoolFolder = VaultLayout(root: options.vault).spool
        reader = vault.reader
        pool = vault.pool
        watch.see(vault.pool)
        self.watch = watch
        self.unhashed = unhashed
        self.hashed = hashed
        self.outcome = outcome
        writer = thread
        hashers = HasherThreads(
            count: count, from: unhashed, to: hashed, pool: vault.pool, hasher: hasher, digests: digests,
            areDealt: options.workers <= 1, preparation: vault.preparation)
    }

    /// What a front end needs that feeds the hashers.
    func frontParts(_ options: ReplayOptions, _ keys: FrontEnd.KeyParts) -> FrontEnd.Parts {
        FrontEnd.Parts(
            pool: pool, hashers: unhashed, workers: max(1, options.workers), dialects: options.dialects,
            tunnels: options.tunnels, keys: keys)
    }

    /// Nothing more comes: waits until everything is committed and settled, and says what the writer did.
    consuming func finish() throws(ReplayError) -> WriterThread.Outcome {
        for queue in unhashed { queue.close() }
        hashers.join()
        for queue in hashed { queue.close() }
        writer.join()
        guard let result = outcome.take() else { throw Self.endedWithoutWord }
        if let failure = result.failure { throw .vault(failure) }
        return result
    }

    private static var endedWithoutWord: ReplayError { .setup("the vault's writer ended without a word") }
}
