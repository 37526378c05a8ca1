internal import Blocks
internal import Capture
internal import Cleartext
internal import Dialects
internal import Exchanges
internal import Flows
internal import Packets

/// The front of the data plane, one value owned by one thread: frame in, batches of blocks and object events out.
///
/// Every layer is generic over the next, so the whole chain from packet to block buffer is specialised code without an
/// existential, an allocation or a lock per packet.
struct FrontEnd: ~Copyable, FrontStage {
    typealias Chain = FlowAssembler<CleartextEngine<HTTPEngine<DialectEngine<BlockSplitter<BatchHandOver>>>>>

    private(set) var decapsulator: Decapsulator
    private(set) var flows: Chain
    /// Number and time of the last frame.
    private(set) var lastPacket: UInt64 = 0
    private(set) var lastTime: UInt64 = 0
    private var ties = TieBreaker()

    /// What a front end is made of.
    struct Parts: Sendable {
        var pool: BlockPool
        var hashers: [BoundedQueue<IngestBatch>]
        /// Flow workers; with several, each has the queue of its number.
        var workers: Int
        var dialects: DialectOptions
        var tunnels: TunnelOptions
        var keys: KeyParts
    }

    /// What a front end does about TLS.
    struct KeyParts: Sendable {
        /// How much may wait, and how long.
        var limits: CleartextLimits
        /// Where it waits when memory is short.
        var spool: KeySpool?
        /// Whether secrets may come later than the packets they are for.
        var isExpected: Bool
        /// Where they come from while a tap runs.
        var tail: KeyLogTail?
        /// What is shown the flows that are read.
        var export: CleartextExportFiles?

        /// For one of `share` front ends that work side by side, and have one spool.
        init(
            _ options: SessionKeyOptions, spoolFolder: String, isExpected: Bool, tail: KeyLogTail? = nil,
            export: CleartextExportFiles?, share: Int = 1
        ) {
            self.export = export
            limits = options.limits(share: share)
            self.isExpected = isExpected
            self.tail = tail
            if isExpected, options.spoolBytes > 0 {
                spool = KeySpool(folder: spoolFolder, bytesMax: options.spoolBytes)
            }
        }
    }

    /// A front end for one thread.
    init(_ parts: Parts) {
        decapsulator = Decapsulator(options: parts.tunnels.decapsulator)
        flows = Self.chain(parts)
    }

    /// The engines behind a decapsulator: the only ones, or those of one of several workers, within its share of the limits.
    static func chain(_ parts: Parts, share: FlowShare? = nil) -> Chain {
        let limits = FrontLimits(parts, workers: share?.count ?? 1)
        let output =
            if let share {
                BatchHandOver(to: [parts.hashers[share.index]], pool: parts.pool, share: share)
            } else {
                BatchHandOver(to: parts.hashers, pool: parts.pool)
            }
        let splitter = BlockSplitter(pool: parts.pool, limits: limits.splitter, output: output)
        let dialects = DialectEngine(
            options: limits.dialects, sink: splitter, share: share?.index ?? 0, of: share?.count ?? 1, peers: share)
        let exchanges = HTTPEngine(limits: limits.exchanges, sink: dialects)
        let cleartext = CleartextEngine(
            sink: exchanges, limits: limits.cleartext, expectsSecrets: parts.keys.isExpected, spool: parts.keys.spool,
            export: parts.keys.export)
        return FlowAssembler(sink: cleartext, limits: limits.flows)
    }

    var counters: FrontCounters { FrontCounters(flows) }

    var report: FrontReport {
        var report = FrontReport(decapsulator)
        report.add(FrontReport(flows))
        return report
    }

    mutating func frame(_ frame: CapturedFrame, _ bytes: RawSpan) {
        let time = ties.time(frame.time)
        lastPacket = frame.number
        lastTime = max(lastTime, time)
        flows.expire(now: lastTime)
        flows.sink.expire(now: lastTime)
        let outcome = decapsulator.decode(
            bytes, linkType: frame.linkType, wireLength: Int(frame.wireLength), time: time)
        switch outcome {
        case .segment(let header, let tenant):
            flows.segment(header, bytes, time: time, packet: frame.number, tenant: tenant)
        case .reassembled(let header, let tenant):
            decapsulator.withDatagram { datagram in
                flows.segment(header, datagram, time: time, packet: frame.number, tenant: tenant)
            }
        case .held, .fault: break
        }
    }

    mutating func tick(now: UInt64) {
        lastTime = max(lastTime, now)
        flows.expire(now: lastTime)
        flows.sink.expire(now: lastTime)
    }

    mutating func note(_ loss: CaptureLoss) { flows.note(loss) }

    mutating func use(_ scope: Scope) { flows.sink.sink.sink.use(scope) }

    mutating func flush() { flows.sink.sink.sink.sink.flush(lastPacket: lastPacket) }

    mutating func take(_ secrets: [SecretEvent]) {
        if !secrets.isEmpty { flows.sink.take(secrets) }
    }

    var awaitsSecrets: Bool { flows.sink.waitingFlows > 0 }

    mutating func finish() -> FrontReport {
        decapsulator.finish()
        flows.finishCapture(time: lastTime, packet: lastPacket)
        flows.sink.finish()
        flush()
        return report
    }
}

/// Keeps the order of packets that carry the same time, since the catalog orders what happened by time alone: captures
/// of milliseconds or seconds have many such packets, and pcapng's simple packets have no time at all.
struct TieBreaker {
    private var last: UInt64 = .max
    private var rank: UInt64 = 0

    /// A packet's time, a nanosecond later for each packet of the same time directly before it.
    mutating func time(_ captured: UInt64) -> UInt64 {
        rank = captured == last ? rank &+ 1 : 0
        last = captured
        return captured &+ rank
    }
}

/// Sends batches to the hashers, round robin, so that their order can be restored by taking them back the same way.
struct BatchHandOver: BatchOutput, ~Copyable {
    private let pool: BlockPool
    private let queues: [BoundedQueue<IngestBatch>]
    private var next = 0
    /// Of one of several workers, whose batches are put in order by the writer.
    private let share: FlowShare?

    init(to queues: [BoundedQueue<IngestBatch>], pool: BlockPool, share: FlowShare? = nil) {
        self.queues = queues
        self.pool = pool
        self.share = share
    }

    var order: UInt64 { share?.order ?? 0 }

    /// Says how far the worker is, with an empty batch: all that it has was sent.
    mutating func mark() { send(IngestBatch()) }

    mutating func send(_ batch: consuming IngestBatch) {
        if let share {
            batch.source = share.index
            batch.complete = share.order
        }
        // A closed queue means that the writer failed; the run loop sees that and stops. Its buffers must come back even
        // so, or the splitter would wait for them for ever.
        let blocks = batch.blocks
        if !queues[next].push(batch) { pool.release(blocks) }
        next = (next + 1) % queues.count
    }
}
