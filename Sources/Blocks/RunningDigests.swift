internal import CDigests
internal import Objects

/// The MD5s of open transfers, advanced batch by batch while their bytes are in cache for the fingerprints: a cloud's ETag
/// is compared with one of them at the end, and nobody reads the object back for it.
///
/// Takes all batches of its transfers in order, hashed or not, but with their bytes as they came. A digest is of a payload
/// from its first byte to its last: a gap, or an end before the announced one, ends it without a value.
///
/// **When it pays.** MD5 of one message is serial; only many messages side by side keep up with the fingerprints. Where the
/// blocks of a batch are of few transfers, the longest chains of blocks are given up for good, and the verifier digests
/// those objects later beside others of its choice. The measure is how many lanes were busy in the bytes of the latest
/// batches: at least half of the kernel's. So a few batches in bad company are forgiven a transfer, but no more. A transfer that
/// begins with blocks which the vault knows is left alone as well: likely its object is there and was checked when it came.
public struct RunningDigests: Sendable {
    /// Transfers whose digest may be under way, about 200 bytes each; one more is left to the verifier. As many as the
    /// ledger follows.
    public static let transfersMax = 65_536

    /// What was done, for tests.
    struct Counters: Hashable {
        /// Transfers whose digest was told.
        var finished: UInt64 = 0
        /// Transfers given up since they were too few to go side by side.
        var givenUp: UInt64 = 0
        /// Transfers given up since the vault knew their first blocks.
        var known: UInt64 = 0
        /// Transfers beyond ``RunningDigests/transfersMax``.
        var refused: UInt64 = 0
    }

    private(set) var counters = Counters()
    /// First blocks that the vault must know before a transfer is given up for it: of data half of which stands elsewhere,
    /// one transfer in sixteen begins so by chance.
    private static let knownBlocksMax = 4

    private var open: [TransferID: Message] = [:]
    private let limit: Int
    private let kernel: HashKernel
    private let lanes: Int
    private let lanesMin: Int
    /// Lanes that must be busy on average; nil where no number would do. Tests change it.
    var lanesBusyMin: Int?
    /// Bytes digested in the latest batches, and the longest lane's share of them. What is a batch old counts 15/16.
    private var recent = (bytes: 0, span: 0)

    private struct Message {
        var digest: oxbow_running_digest
        /// Bytes of the payload so far.
        var end: UInt64 = 0
        /// Blocks so far, when the vault knew all of them; nil once it did not.
        var known: Int? = 0
        /// Its place among the chains of the batch at hand.
        var chain: Int?
    }

    /// Digests by ``HashPlan/current()``, or by a kernel alone.
    public init(_ kernel: HashKernel? = nil, transfersMax: Int = transfersMax) throws(BlocksError) {
        let plan = try HashPlan.current()
        self.kernel = kernel ?? plan.md5
        lanesMin = kernel == nil ? plan.md5LanesMin : 1
        lanes = self.kernel.lanes(of: .md5)
        // One lane is no faster than the verifier, and the verifier holds nobody up.
        lanesBusyMin = lanes == 1 ? nil : max(lanes / 2, lanesMin)
        limit = transfersMax
    }

    /// Number of transfers whose digest is under way.
    var openCount: Int { open.count }

    /// Reads the batch's blocks, whose bytes in `pool` are as they came, and leaves the digests of transfers that end in it
    /// at their close (``IngestBatch/Step/digest``).
    public mutating func advance(_ batch: inout IngestBatch, in pool: BlockPool) {
        var chains = gather(batch)
        chains.keepLongestFirst()
        giveUpLongest(of: &chains, blockBytes: pool.blockSize.bytes)
        run(chains, in: &batch, pool)
    }

    // MARK: What a batch has for each transfer

    private mutating func gather(_ batch: IngestBatch) -> DigestChains {
        var chains = DigestChains(blocks: batch.blocks.count)
        var step = 0
        for index in 0...batch.blocks.count {
            while step < batch.steps.count, batch.steps[step].blocksBefore <= index || index == batch.blocks.count {
                switch batch.steps[step].step {
                case .open(let transfer, let plan): begin(transfer, plan)
                case .gap(let transfer, _, _, _): leave(transfer, &chains)
                case .close(let transfer, let end): close(transfer, end, at: step, &chains)
                case .event: break
                }
                step += 1
            }
            if index < batch.blocks.count { add(batch.blocks[index], at: index, to: &chains) }
        }
        return chains
    }

    private mutating func begin(_ transfer: TransferID, _ plan: TransferPlan) {
        guard plan.mayHaveMD5 else { return }
        guard open.count < limit else {
            counters.refused += 1
            return
        }
        var digest = oxbow_running_digest()
        unsafe oxbow_digest_begin(oxbow_md5, &digest)
        open[transfer] = Message(digest: digest)
    }

    private mutating func add(_ block: BlockDescriptor, at index: Int, to chains: inout DigestChains) {
        guard let place = open.index(forKey: block.transfer) else { return }
        guard block.offset == open.values[place].end, block.form == .raw else { return leave(block.transfer, &chains) }
        open.values[place].known = block.isIndexed ? open.values[place].known.map { $0 + 1 } : nil
        if open.values[place].known == Self.knownBlocksMax {
            counters.known += 1
            return leave(block.transfer, &chains)
        }
        open.values[place].end += UInt64(block.length)
        open.values[place].chain = chains.add(
            index, byteCount: Int(block.length), of: block.transfer, to: open.values[place].chain)
    }

    private mutating func close(_ transfer: TransferID, _ end: TransferEnd, at step: Int, _ chains: inout DigestChains)
    {
        guard let message = open[transfer] else { return }
        guard end.cause == nil, end.length ?? message.end == message.end, message.end > 0 else {
            return leave(transfer, &chains)
        }
        chains.close(message.chain, of: transfer, at: step)
    }

    /// Forgets a transfer, and what this batch has of it.
    private mutating func leave(_ transfer: TransferID, _ chains: inout DigestChains) {
        guard let message = open.removeValue(forKey: transfer), let chain = message.chain else { return }
        chains.drop(chain)
    }

    // MARK: Side by side

    /// Gives up the longest chains while they would leave too many lanes idle. Less than a block is always worth it: reading
    /// so little back costs more.
    private mutating func giveUpLongest(of chains: inout DigestChains, blockBytes: Int) {
        let past = (bytes: recent.bytes / 16 * 15, span: recent.span / 16 * 15)
        var left = chains.byteCount
        var dropped = 0
        var span = 0
        for chain in chains.all {
            span = max(chain.byteCount, (left + lanes - 1) / lanes)
            if chain.byteCount < blockBytes { break }
            if let lanesBusyMin, past.bytes + left >= lanesBusyMin * (past.span + span) { break }
            open[chain.transfer] = nil
            counters.givenUp += 1
            dropped += 1
            left -= chain.byteCount
            span = 0
        }
        chains.dropFirst(dropped)
        if left > 0 { recent = (past.bytes + left, past.span + span) }
    }

    private mutating func run(_ chains: DigestChains, in batch: inout IngestBatch, _ pool: BlockPool) {
        guard !chains.all.isEmpty else { return }
        var side = DigestLanes(
            count: chains.all.count, pieces: batch.blocks.count + chains.all.count, algorithm: .md5, kernel: kernel,
            lanesMin: lanesMin)
        for (message, chain) in chains.all.enumerated() {
            if let digest = open[chain.transfer]?.digest { side.resume(message, from: digest) }
            var next = chain.first
            while let index = next {
                let block = batch.blocks[index]
                next = chains.next[index]
                // The bytes outlive `run`: the batch holds the buffers, and nobody else writes to them.
                unsafe side.add(
                    UnsafeRawBufferPointer(start: pool.address(of: block.buffer), count: Int(block.length)),
                    to: message, isLast: chain.close != nil && next == nil)
            }
            if chain.first == nil {
                unsafe side.add(UnsafeRawBufferPointer(start: nil, count: 0), to: message, isLast: true)
            }
        }
        side.run()
        for (message, chain) in chains.all.enumerated() {
            guard let place = open.index(forKey: chain.transfer) else { continue }
            if let close = chain.close {
                batch.steps[close].digest = TransferDigest(
                    md5: MD5Value(side.value(of: message)), byteCount: open.values[place].end)
                open.remove(at: place)
                counters.finished += 1
            } else {
                open.values[place].digest = side.state(of: message)
                open.values[place].chain = nil
            }
        }
    }
}

/// The blocks of one batch as chains, one for each transfer whose digest is under way.
struct DigestChains {
    /// A transfer's blocks in the batch, and its end.
    struct Chain {
        var transfer: TransferID
        /// Its first and last block; nil when only its end is there.
        var first: Int?
        var last: Int?
        var byteCount = 0
        /// The step that closes the transfer.
        var close: Int?
        /// False when its digest will never be known.
        var isAlive = true
    }

    private(set) var all: [Chain] = []
    /// For each block, the next of its chain.
    private(set) var next: [Int?]

    init(blocks: Int) { next = Array(repeating: nil, count: blocks) }

    /// Bytes of all chains.
    var byteCount: Int { all.reduce(0) { $0 + $1.byteCount } }

    /// Adds a block to a chain, a new one when there is none, and returns the chain's place.
    mutating func add(_ block: Int, byteCount: Int, of transfer: TransferID, to chain: Int?) -> Int {
        let place = chain ?? all.count
        if chain == nil { all.append(Chain(transfer: transfer, first: block)) }
        if let last = all[place].last { next[last] = block }
        all[place].last = block
        all[place].byteCount += byteCount
        return place
    }

    /// Notes where a transfer ends.
    mutating func close(_ chain: Int?, of transfer: TransferID, at step: Int) {
        if let chain { all[chain].close = step } else { all.append(Chain(transfer: transfer, close: step)) }
    }

    mutating func drop(_ chain: Int) { all[chain].isAlive = false }

    mutating func dropFirst(_ count: Int) { all.removeFirst(count) }

    /// Leaves the chains that are alive, the longest first: lanes then end at about the same time. Their places are others.
    mutating func keepLongestFirst() {
        all.removeAll { !$0.isAlive }
        all.sort { ($0.byteCount, $1.transfer.number) > ($1.byteCount, $0.transfer.number) }
    }
}
