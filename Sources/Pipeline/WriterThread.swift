internal import Blocks
internal import Catalog
internal import Glibc
internal import Vaults

/// The back of the data plane: owns the vault's writer, takes hashed batches in order, and feeds the verifiers.
struct WriterThread {
    /// What the front needs to know before the first batch.
    struct Opened: Sendable {
        var about: VaultDescription
        var pool: BlockPool
        /// Sees each commit of the writer.
        var reader: VaultReader
        /// What the hashers do with blocks besides.
        var preparation: BlockPreparation
    }

    /// What came of it.
    struct Outcome: Sendable {
        var counters = VaultCounters()
        var failure: VaultError?
        var checkFailures: [String] = []
        /// Damage that opening the vault met.
        var damage: [String] = []
    }

    let options: ReplayOptions
    /// From the hashers, in their order.
    let input: [BoundedQueue<IngestBatch>]
    let opened: BoundedQueue<Result<Opened, VaultError>>
    let outcome: ResultSlot<Outcome>
    let stop: StopFlag
    /// Told after each batch.
    let watch: StoreWatch

    /// How long the writer waits for a batch before it looks whether a commit is due.
    private static let idleMilliseconds = 100

    /// The thread's body.
    func run() {
        var result = Outcome()
        do throws(VaultError) {
            var writer = try VaultWriter(
                path: options.vault, blockSize: options.blockSize, compression: options.compression,
                secret: options.secret, durability: options.durability, poolBytes: options.poolBytes)
            result.damage = writer.damage
            writer.givesUp = { [stop] in stop.isRaised }
            watch.see(uploads: writer.uploadWatch)
            opened.push(
                .success(
                    Opened(
                        about: writer.about, pool: writer.pool, reader: try writer.makeReader(),
                        preparation: writer.makePreparation())))
            do throws(VaultError) {
                try ingest(into: &writer, &result)
            } catch {
                result.failure = error
                abandonInput(writer.pool)
            }
            result.counters = writer.counters
            if let status = writer.uploadStatus, status.segmentsWaiting > 0 {
                result.damage.append(
                    "\(status.segmentsWaiting) segments wait in the vault's folder for its backend and go there with the "
                        + "next run: \(status.lastFailure ?? "it takes nothing")")
            }
            tell(&writer, result)
        } catch {
            result.failure = error
            opened.push(.failure(error))
        }
        outcome.put(result)
    }

    /// Takes batch after batch until the front is done, then settles what can be settled.
    private func ingest(
        into writer: inout VaultWriter, _ result: inout Outcome
    ) throws(VaultError) {
        let verifiers = Verifiers(reader: try writer.makeReader())
        let thread = WorkerThread(name: "verifier") { verifiers.run() }
        var inFlight = 0
        var failure: VaultError?
        do throws(VaultError) {
            try takeBatches(into: &writer, verifiers, &inFlight, &result)
            try writer.commit()
            // An interrupted run leaves the rest to the next one, which finds it in the catalog.
            if !stop.isRaised { try settle(&writer, verifiers, &inFlight, &result) }
            try writer.close()
        } catch {
            failure = error
        }
        verifiers.close()
        thread.join()
        if let failure { throw failure }
    }

    private func takeBatches(
        into writer: inout VaultWriter, _ verifiers: Verifiers, _ inFlight: inout Int,
        _ result: inout Outcome
    ) throws(VaultError) {
        var next = 0
        var merge = EventMerge(sources: options.workers)
        var collection = CollectionDuty(writer.layout)
        defer { collection.end() }
        while true {
            var isIdle = false
            switch input[next].pop(waitingMilliseconds: collection.isCollecting ? 1 : Self.idleMilliseconds) {
            case .ended:
                if let events = merge.releaseAll() { try writer.append(events) }
                return
            case .nothing:
                isIdle = true
                // What came last must not wait for more traffic to become durable.
                try writer.commitIfDue()
            case .item(let batch):
                next = (next + 1) % input.count
                defer { writer.pool.release(batch.blocks) }
                try waitForRoom(for: batch, &writer, &collection, &result)
                if options.workers > 1 {
                    try writer.append(merge.take(batch))
                    if let events = merge.release() { try writer.append(events) }
                } else {
                    try writer.append(batch)
                }
            }
            try collection.step(&writer, isIdle: isIdle)
            tell(&writer, result)
            while let finished = verifiers.finished() {
                inFlight -= 1
                try record(finished, &writer, &result)
            }
            // A full queue is no loss: what is unchecked at the end is found in the catalog.
            for version in try writer.takeCommittedVerificationWork(max: 64) where verifiers.offer(version) {
                inFlight += 1
            }
        }
    }

    /// A tap waits while disk or quota have no room: nothing more is acknowledged, packets are read and counted, and what
    /// finds no place before the writer is left out by name, as in any other overload. A replay stops.
    private func waitForRoom(
        for batch: IngestBatch, _ writer: inout VaultWriter, _ collection: inout CollectionDuty,
        _ result: inout Outcome
    ) throws(VaultError) {
        while let shortage = try writer.shortage(for: batch) {
            guard options.waitsForRoom, !stop.isRaised else {
                // A full disk says so itself, by the call that fails.
                if shortage.isQuota { throw .noRoom(shortage) }
                return
            }
            watch.tell(shortage)
            // What was stored before becomes durable all the same, and a collection may give room.
            try writer.commitIfDue()
            try collection.step(&writer, isIdle: true)
            tell(&writer, result)
            if !collection.isCollecting { usleep(Self.roomMicroseconds) }
        }
        watch.tell(nil)
    }

    /// How often a writer without room looks for it.
    private static let roomMicroseconds: UInt32 = 100_000

    /// Lets other threads see how the writer is doing, and takes what they ask of it.
    private func tell(_ writer: inout VaultWriter, _ result: borrowing Outcome) {
        watch.tell(
            writer.counters, commitDurations: writer.takeCommitDurations(), checkFailures: result.checkFailures.count)
        if let durability = watch.takeDurability() { writer.durability = durability }
    }

    /// Makes whole blocks of pieces and checks every version that still has an untested digest.
    private func settle(
        _ writer: inout VaultWriter, _ verifiers: Verifiers, _ inFlight: inout Int,
        _ result: inout Outcome
    ) throws(VaultError) {
        func drain() throws(VaultError) {
            while inFlight > 0, let finished = verifiers.nextFinished() {
                inFlight -= 1
                try record(finished, &writer, &result)
            }
            try writer.commitIfDue()
        }
        try drain()
        // Before the catalog is asked what is left to check.
        try writer.commit()
        try writer.healCopies()
        try writer.regridPending(while: { !stop.isRaised })
        var last: VersionID?
        while !stop.isRaised {
            let pending = try writer.pendingVerification(after: last, max: 256)
            guard let newLast = pending.last else { break }
            last = newLast
            for version in pending where verifiers.offer(version) { inFlight += 1 }
            try drain()
        }
    }

    private func record(
        _ finished: Verifiers.Finished, _ writer: inout VaultWriter, _ result: inout Outcome
    ) throws(VaultError) {
        if let found = finished.result { try writer.record(found) }
        if let failure = finished.failure, result.checkFailures.count < 100 { result.checkFailures.append(failure) }
    }

    /// After a failure: lets the front run dry instead of waiting for buffers that nobody frees.
    private func abandonInput(_ pool: BlockPool) {
        stop.raise()
        var next = 0
        while let batch = input[next].pop() {
            pool.release(batch.blocks)
            next = (next + 1) % input.count
        }
    }
}
