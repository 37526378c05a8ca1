internal import Blocks
public import Catalog
internal import Objects

/// Checks MD5s that the cloud stated (ETags mostly) of several versions side by side.
///
/// MD5 of one message is serial, and slower than anything else in the pipeline; sixteen messages in lanes cost little more
/// than one. Messages are whole objects, or the parts of a multipart upload, whichever wait. Each step reads one block of
/// every message back from the vault. Owned by one thread.
///
/// Bytes are proven by their checksum in the segment and by the cloud's digest. Fingerprints are not recomputed unless the
/// digest fails to match or something cannot be read: the plan is then checked again by ``VaultReader/check(_:of:)``, which
/// proves every block, words what is wrong, and goes on with other digests.
public struct DigestChecks: ~Copyable {
    /// What came of a version.
    public struct Finished: Sendable {
        /// The version.
        public var version: VersionID
        /// What was found; nil when its bytes cannot be read.
        public var result: VerificationResult?
        /// Why not, in words.
        public var failure: String?
    }

    /// A version being checked: the first step of its plan.
    private struct Check {
        let plan: VerificationPlan
        let version: VersionRecord
        /// What its digest is of: the whole, or parts whose digests are digested again.
        let messages: [Range<UInt64>]
        let isComposite: Bool
        let partSize: UInt64?
        /// Digests of the messages, once they are known.
        var values: [[UInt8]]
        var nextMessage = 0
        var unfinished: Int
    }

    /// A message being read.
    private struct Lane {
        let check: Int
        let message: Int
        var position: UInt64
        /// What comes next of it, and where it is.
        var pieces: ArraySlice<LocatedPiece> = []
    }

    private let reader: VaultReader
    private let pool: BlockPool
    private let buffers: [BlockBuffer]
    private var digests: ParallelDigests
    private var lanes: [Lane?]
    private var checks: [Int: Check] = [:]
    /// Checks with messages that have no lane yet, oldest first.
    private var waiting: [Int] = []
    private var nextCheck = 0
    private var finished: [Finished] = []

    /// Room for the blocks of all lanes, in bytes; with large blocks there are fewer lanes.
    private static let budgetBytes = 16 << 20
    /// How much of a message's manifest is looked up, and asked of the disk, at a time.
    private static let windowBytes: UInt64 = 2 << 20

    init(reader: VaultReader) throws(VaultError) {
        let blockSize = reader.about.blockSize
        let count = max(1, min(ParallelDigests.messagesMax, Self.budgetBytes / blockSize.bytes))
        let pool = try makeBlockPool(blockSize, max(count, BlockPool.leastCapacity) * blockSize.bytes)
        var buffers: [BlockBuffer] = []
        pool.acquire(upTo: count, into: &buffers)
        digests = try Self.makeDigests(count)
        self.reader = reader
        self.pool = pool
        self.buffers = buffers
        lanes = Array(repeating: nil, count: count)
    }

    private static func makeDigests(_ count: Int) throws(VaultError) -> ParallelDigests {
        do throws(BlocksError) {
            return try ParallelDigests(.md5, count: count)
        } catch {
            throw .blocks(error)
        }
    }

    deinit { pool.release(buffers) }

    /// True when nothing is under way.
    public var isIdle: Bool { checks.isEmpty && finished.isEmpty }
    /// True when a lane has nothing to do, and no result waits to be taken by ``advance()``.
    public var hasRoom: Bool { waiting.isEmpty && finished.isEmpty && lanes.contains { $0 == nil } }

    /// Begins to check a version. A plan that needs no MD5 is carried out at once.
    public mutating func add(_ plan: VerificationPlan, of version: VersionRecord) {
        guard let step = plan.steps.first, step.digest.algorithm == .md5,
            let check = Self.check(plan, version, step.layout)
        else { return settle(plan, of: version) }
        checks[nextCheck] = check
        waiting.append(nextCheck)
        nextCheck += 1
        assign()
    }

    /// Moves every message on by a block, and returns the versions that are done.
    public mutating func advance() -> [Finished] {
        var ends: [Int] = []
        for index in lanes.indices {
            guard var lane = lanes[index] else { continue }
            do throws(VaultError) {
                let isEnd = try read(&lane, index)
                lanes[index] = lane
                if isEnd { ends.append(index) }
            } catch {
                // What the other lanes of this check have staged is read once more, to no effect.
                abandon(lane.check)
            }
        }
        digests.run()
        for index in ends {
            guard let lane = lanes[index] else { continue }
            lanes[index] = nil
            end(lane, digests.value(of: index))
        }
        assign()
        defer { finished.removeAll() }
        return finished
    }

    /// The check of a plan's first step; nil when it has no bytes.
    private static func check(
        _ plan: VerificationPlan, _ version: VersionRecord, _ layout: VerificationPlan.Layout
    ) -> Check? {
        var sizes = [plan.size]
        var partSize: UInt64?
        var isComposite = true
        switch layout {
        case .whole: isComposite = false
        case .parts(let parts): sizes = parts
        case .candidates(let guesses):
            guard let likely = guesses.first else { return nil }
            partSize = likely
            sizes = VaultReader.partSizes(of: plan.size, by: likely)
        }
        var messages: [Range<UInt64>] = []
        var start: UInt64 = 0
        for size in sizes {
            guard size > 0 else { return nil }
            messages.append(start..<start + size)
            start += size
        }
        return Check(
            plan: plan, version: version, messages: messages, isComposite: isComposite, partSize: partSize,
            values: Array(repeating: [], count: messages.count), unfinished: messages.count)
    }

    /// Gives idle lanes the messages that wait.
    private mutating func assign() {
        for index in lanes.indices where lanes[index] == nil {
            guard let number = waiting.first, let check = checks[number] else { return }
            let message = check.nextMessage
            checks[number]?.nextMessage += 1
            if message + 1 == check.messages.count { waiting.removeFirst() }
            digests.begin(index)
            lanes[index] = Lane(check: number, message: message, position: check.messages[message].lowerBound)
        }
    }

    private func nextPiece(_ lane: inout Lane, _ check: Check) throws(VaultError) -> LocatedPiece {
        if lane.pieces.isEmpty {
            let end = min(check.messages[lane.message].upperBound, lane.position + Self.windowBytes)
            lane.pieces = try reader.locatedPieces(of: check.version, in: lane.position..<end)[...]
            reader.prefetch(lane.pieces)
        }
        guard let piece = lane.pieces.popFirst(), piece.piece.offset == lane.position else {
            throw .notHeld(object: check.version.name.url, offset: lane.position)
        }
        return piece
    }

    /// Reads the next block of a lane's message and adds it to its digest; true when that was the last.
    private mutating func read(_ lane: inout Lane, _ index: Int) throws(VaultError) -> Bool {
        guard let check = checks[lane.check] else { return false }
        let located = try nextPiece(&lane, check)
        try reader.read(located, into: buffers[index], of: pool)
        lane.position = located.piece.end
        let isLast = lane.position == check.messages[lane.message].upperBound
        let start = Int(located.piece.skip)
        digests.add(start..<start + Int(located.piece.length), of: buffers[index], in: pool, to: index, isLast: isLast)
        return isLast
    }

    /// Notes a message's digest, and ends the check with the last of them.
    private mutating func end(_ lane: Lane, _ value: [UInt8]) {
        checks[lane.check]?.values[lane.message] = value
        checks[lane.check]?.unfinished -= 1
        guard let check = checks[lane.check], check.unfinished == 0, let step = check.plan.steps.first else { return }
        checks[lane.check] = nil
        guard Self.digest(of: check) == step.digest.value else { return settle(check.plan, of: check.version) }
        let result = VerificationResult(
            version: check.plan.version, revision: check.plan.revision,
            findings: [CheckedDigest(step.digest, outcome: .matched)], partSize: check.partSize)
        finished.append(Finished(version: check.plan.version, result: result))
    }

    /// Gives a check up, and has its plan carried out the slow way.
    private mutating func abandon(_ number: Int) {
        for index in lanes.indices where lanes[index]?.check == number { lanes[index] = nil }
        waiting.removeAll { $0 == number }
        if let check = checks.removeValue(forKey: number) { settle(check.plan, of: check.version) }
    }

    /// Carries out a plan from first to last, proving every block.
    private mutating func settle(_ plan: VerificationPlan, of version: VersionRecord) {
        var outcome = Finished(version: plan.version)
        do {
            outcome.result = try reader.check(plan, of: version)
        } catch {
            outcome.failure = String(describing: error)
        }
        finished.append(outcome)
    }

    private static func digest(of check: Check) -> [UInt8] {
        guard check.isComposite else { return check.values[0] }
        // MD5 was there when the lanes were made; without it nothing matches, and the slow way says why.
        guard var outer = try? StreamDigest(.md5) else { return [] }
        for value in check.values { unsafe outer.update(value.span.bytes) }
        return outer.finalize()
    }
}

extension VaultReader {
    /// Checks of MD5s side by side; for one thread.
    public func makeDigestChecks() throws(VaultError) -> DigestChecks { try DigestChecks(reader: self) }
}
