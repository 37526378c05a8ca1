internal import Blocks
internal import Dialects
internal import Vaults

/// What stands behind a tap's front end: hashers, writer and verifier on their threads.
struct TapStore: ~Copyable {
    /// Where packets wait that memory has no room for.
    let spoolFolder: String
    /// Sees each commit.
    let reader: VaultReader
    private let pool: BlockPool
    private let unhashed: [BoundedQueue<IngestBatch>]
    private let hashed: [BoundedQueue<IngestBatch>]
    private let outcome: ResultSlot<WriterThread.Outcome>
    private let hashers: HasherThreads
    private let writer: WorkerThread

    /// Opens the vault and starts the threads. `abort` is raised when the writer fails.
    init(_ options: ReplayOptions, abort: StopFlag) throws(ReplayError) {
        let hasher: OpenSSLBlockHasher
        do throws(BlocksError) { hasher = try OpenSSLBlockHasher() } catch { throw .setup(error.description) }
        let count = max(1, options.hashers)
        let unhashed = (0..<count).map { _ in BoundedQueue<IngestBatch>(capacity: 4) }
        let hashed = (0..<count).map { _ in BoundedQueue<IngestBatch>(capacity: 4) }
        let opened = BoundedQueue<Result<WriterThread.Opened, VaultError>>(capacity: 1)
        let outcome = ResultSlot<WriterThread.Outcome>()
        let body = WriterThread(options: options, input: hashed, opened: opened, outcome: outcome, stop: abort)
        let thread = WorkerThread(name: "writer") { body.run() }
        guard case .success(let vault) = opened.pop() else {
            thread.join()
            if let failure = outcome.take()?.failure { throw .vault(failure) }
            throw .setup("the vault's writer ended without a word")
        }
        spoolFolder = VaultLayout(root: options.vault).spool
        reader = vault.reader
        pool = vault.pool
        self.unhashed = unhashed
        self.hashed = hashed
        self.outcome = outcome
        writer = thread
        hashers = HasherThreads(count: count, from: unhashed, to: hashed, pool: vault.pool, hasher: hasher)
    }

    /// What a front end needs that feeds the hashers.
    func frontParts(_ options: ReplayOptions) -> TapFront.Parts {
        TapFront.Parts(pool: pool, hashers: unhashed, dialects: options.dialects, tunnels: options.tunnels)
    }

    /// Nothing more comes: waits until everything is committed and settled. Nil if the writer died without a word.
    consuming func finish() -> WriterThread.Outcome? {
        for queue in unhashed { queue.close() }
        hashers.join()
        for queue in hashed { queue.close() }
        writer.join()
        return outcome.take()
    }
}
