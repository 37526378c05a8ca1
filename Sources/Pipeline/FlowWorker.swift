internal import Blocks
internal import Cleartext
internal import Dialects
internal import Exchanges
internal import Flows
internal import Packets
internal import Synchronization

/// One worker: owns the flows of its share with their TLS and HTTP state, and whatever is known from them.
@safe
struct FlowWorker: ~Copyable {
    private var flows: FrontEnd.Chain
    private let share: FlowShare
    private let state: FlowWorkers.State
    /// Batches since something was last handed on.
    private var heldBatches = 0

    /// A block or event waits for a full batch no longer than for so many batches of segments: the others' events wait too.
    private static var heldBatchesMax: Int { 4 }

    init(_ parts: FrontEnd.Parts, _ share: FlowShare, state: FlowWorkers.State) {
        flows = FrontEnd.chain(parts, share: share)
        self.share = share
        self.state = state
    }

    /// The thread's body.
    mutating func run(_ input: SegmentArenas) {
        while let batch = input.filled.pop() {
            share.begin(batch.begin)
            // Before secrets come: a wait that was over does not end well after all.
            flows.sink.expire(now: batch.now)
            for command in batch.commands { perform(command) }
            read(batch, input)
            input.release(batch.arena)
            share.begin(batch.end)
            flows.sink.sink.sink.learn()
            handOn(flushes: batch.flushes)
            state.counters.withLock { $0 = FrontCounters(flows) }
            state.put { FrontReport(flows) }
            state.awaitsSecrets.store(flows.sink.waitingFlows > 0, ordering: .relaxed)
        }
        share.begin(.max)
        flows.sink.sink.sink.sink.flush(lastPacket: 0)
        flows.sink.sink.sink.sink.output.mark()
        state.put(isLast: true) { FrontReport(flows) }
    }

    private mutating func perform(_ command: FlowCommand) {
        switch command {
        case .secrets(let secrets): flows.sink.take(secrets)
        case .scope(let scope): flows.sink.sink.sink.use(scope)
        case .loss(let loss): flows.note(loss)
        case .finish(let packet, let time):
            flows.finishCapture(time: time, packet: packet)
            flows.sink.finish()
        }
    }

    private mutating func read(_ batch: SegmentBatch, _ input: SegmentArenas) {
        let start = unsafe UnsafeRawPointer(input.address(of: batch.arena))
        var offset = 0
        while offset < batch.byteCount {
            // Safe: the dispatcher wrote whole records, and the arena is this worker's until it is released.
            let record = unsafe (start + offset).load(as: SegmentRecord.self)
            share.begin(record.order)
            if record.kind == SegmentRecord.Kind.tick.rawValue {
                // Twice: a leap of time counts once it is confirmed, which the dispatcher has seen done.
                flows.expire(now: record.now, packet: record.packet)
                flows.expire(now: record.now, packet: record.packet)
                flows.sink.expire(now: record.now)
                offset += SegmentRecord.bytes
                continue
            }
            let length = record.header.capturedPayloadLength
            let payload = unsafe RawSpan(_unsafeStart: start + offset + SegmentRecord.bytes, byteCount: length)
            flows.expire(now: record.now)
            flows.sink.expire(now: record.now)
            flows.segment(record.header, payload, time: record.time, packet: record.packet, tenant: record.tenant)
            offset += SegmentRecord.bytes + (length + 7) & ~7
        }
    }

    /// Hands on what has gathered when it is asked for or was held for long, and says in any case how far this worker is
    /// as soon as nothing is held.
    private mutating func handOn(flushes: Bool) {
        heldBatches += 1
        if flushes || heldBatches >= Self.heldBatchesMax {
            flows.sink.sink.sink.sink.flush(lastPacket: 0)
            flows.sink.sink.sink.sink.output.mark()
            heldBatches = 0
        }
    }
}
