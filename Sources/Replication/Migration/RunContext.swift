internal import Logging
internal import Objects
internal import Synchronization

/// What the tasks of a run share.
final class RunContext: Sendable {
    let source: any ReplicationSource
    let target: any ReplicationTarget
    let mapping: ResolvedMapping
    let options: MigrationOptions
    let journal: Journal
    let tally: RunTally
    let logger: Logger
    let leads = ContentLeads()
    let pace: PayloadPace
    private let writer: ReportWriter
    private let transfers: WeightedSemaphore
    private let memory: WeightedSemaphore
    private let refusesCopies = Mutex(false)

    init(
        source: any ReplicationSource, target: any ReplicationTarget, mapping: ResolvedMapping,
        options: MigrationOptions, journal: Journal, writer: ReportWriter, tally: RunTally, threads: WorkerThreads,
        logger: Logger
    ) {
        self.source = source
        self.target = target
        self.mapping = mapping
        self.options = options
        self.journal = journal
        self.writer = writer
        self.tally = tally
        self.logger = logger
        pace = PayloadPace(
            limit: options.bandwidthBytesPerSecond.map(BandwidthLimit.init(bytesPerSecond:)),
            counters: target.counters, threads: threads, pool: ChunkPool(bytesMax: options.memoryBytesMax),
            combiner: DigestCombiner())
        transfers = WeightedSemaphore(capacity: options.parallel)
        memory = WeightedSemaphore(capacity: options.memoryBytesMax)
    }

    /// True as long as the target was not found unable to copy.
    var copies: Bool { options.copiesAtTarget && target.rules.copyBytesMax > 0 && !refusesCopies.withLock { $0 } }

    func stopCopying() { refusesCopies.withLock { $0 = true } }

    /// Runs one transfer, when one of the transfers at once is free.
    func transferring<Value>(_ body: () async throws -> Value) async throws -> Value {
        try await transfers.holding(1, body)
    }

    /// Reads a range of a version, and runs `send` with it while its memory is held.
    func sending<Value>(
        _ reader: any ContentReader, _ range: Range<UInt64>, _ send: (Payload) async throws -> Value
    ) async throws -> Value {
        let heldMax = options.heldMax
        let need = Payload.memoryNeed(range.upperBound - range.lowerBound, heldBytesMax: heldMax)
        return try await transferring {
            try await memory.holding(need) {
                let payload = try await reading {
                    try await Payload.prepare(reader, range, heldBytesMax: heldMax, pace: pace)
                }
                defer { payload.release() }
                return try await send(payload)
            }
        }
    }

    /// Runs one request that brings `bytes` bytes, while their memory is held.
    func receiving<Value>(_ bytes: Int, _ body: () async throws -> Value) async throws -> Value {
        try await transferring { try await memory.holding(bytes, body) }
    }

    /// Gives errors of the source their name, so that they are not taken for the target's.
    func reading<Value>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let error where !(error is CancellationError) && !(error is ReplicationError) {
            throw ReplicationError.source(reason: "\(error)")
        }
    }

    /// Takes an object's result into the report; stops the run when the target fails one object after the other.
    func finish(_ object: ObjectReport) throws {
        try writer.add(object)
        let failures = tally.add(object)
        if let exception = object.exception {
            logger.warning(
                "not replicated",
                metadata: [
                    "name": "\(object.name)", "cause": "\(exception.cause.rawValue)", "detail": "\(exception.detail)",
                ])
        }
        guard failures < options.failuresInARowMax else {
            throw ReplicationError.tooManyFailures(count: failures, last: object.exception?.detail ?? "")
        }
    }
}
