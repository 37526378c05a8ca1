internal import Flows
internal import Packets

/// The dispatcher's side of the ways to the workers: numbers what happens, writes it into arenas, and hands these over.
///
/// Batches are handed to all workers at once, an empty one to whoever has no part in it: so each of them learns how far the
/// capture is, and none waits for another that has nothing to do.
@safe
struct SegmentLanes: ~Copyable {
    /// The latest time of any packet so far, nanoseconds since 1970 UTC.
    var now: UInt64 = 0
    /// The number given out last.
    private var order: UInt64 = 0
    private var begin: UInt64 = 0
    /// The time at `begin`.
    private var beginNow: UInt64 = 0
    /// Number of the last packet that was a segment.
    private var lastSegment: UInt64 = 0
    /// Records in the present batch.
    private var count = 0
    private var commands: [FlowCommand] = []
    private var lanes: [Lane]

    private struct Lane {
        let arenas: SegmentArenas
        var arena: Int32
        var position = 0
    }

    init(to arenas: [SegmentArenas]) { lanes = arenas.map { Lane(arenas: $0, arena: $0.acquire()) } }

    /// Copies a segment into the arena of its flow's worker.
    mutating func send(_ header: SegmentHeader, _ bytes: RawSpan, time: UInt64, packet: UInt64, tenant: UInt32) {
        order &+= 1
        lastSegment = packet
        var header = header
        let start = header.payloadOffset
        // What contradicts its frame goes on without bytes, to be counted where all such are.
        let isSound =
            start >= 0 && header.capturedPayloadLength >= 0
            && start <= bytes.byteCount && header.capturedPayloadLength <= bytes.byteCount - start
        let length = isSound ? header.capturedPayloadLength : 0
        header.payloadOffset = 0
        header.capturedPayloadLength = length
        if !isSound { header.payloadLength = -1 }
        let record = SegmentRecord(
            order: order, time: time, now: now, packet: packet, header: header, tenant: tenant,
            kind: SegmentRecord.Kind.segment.rawValue)
        write(record, isSound ? bytes.extracting(start..<start + length) : RawSpan(), to: lane(of: header))
    }

    /// Tells all workers to look at the flows that wait or are idle.
    mutating func tick() {
        order &+= 1
        let header = SegmentHeader(
            source: IPAddress(ipv4: 0), sourcePort: 0, destination: IPAddress(ipv4: 0), destinationPort: 0,
            sequence: SequenceNumber(0), capturedPayloadLength: 0, payloadLength: 0)
        let record = SegmentRecord(
            order: order, time: now, now: now, packet: lastSegment, header: header, tenant: 0,
            kind: SegmentRecord.Kind.tick.rawValue)
        for lane in lanes.indices { put(record, RawSpan(), to: lane) }
        count += 1
        if count >= SegmentArenas.batchRecords { handOver() }
    }

    /// Tells all workers something, after all that was sent before.
    mutating func command(_ command: FlowCommand) {
        if count > 0 { handOver() }
        order &+= 1
        begin = order
        beginNow = now
        commands.append(command)
    }

    /// Hands over what there is.
    mutating func handOver(flushes: Bool = false) {
        guard count > 0 || !commands.isEmpty || flushes else { return }
        for index in lanes.indices {
            let lane = lanes[index]
            // A refusal means that the worker ended, which it does only when it was told to.
            lane.arenas.filled.push(
                SegmentBatch(
                    commands: commands, arena: lane.arena, byteCount: lane.position, begin: begin, now: beginNow,
                    end: order &+ 1,
                    flushes: flushes))
        }
        commands = []
        order &+= 1
        begin = order
        beginNow = now
        count = 0
        for index in lanes.indices {
            lanes[index].arena = lanes[index].arenas.acquire()
            lanes[index].position = 0
        }
    }

    /// The worker of a flow.
    @inline(__always)
    private func lane(of header: SegmentHeader) -> Int { FlowClass(header).number % lanes.count }

    @inline(__always)
    private mutating func write(_ record: SegmentRecord, _ payload: RawSpan, to lane: Int) {
        put(record, payload, to: lane)
        count += 1
        if count >= SegmentArenas.batchRecords || lanes[lane].position >= SegmentArenas.batchBytes { handOver() }
    }

    /// Writes a record. There is room: a batch ends before less than a frame of the largest size is left.
    @inline(__always)
    private mutating func put(_ record: SegmentRecord, _ payload: RawSpan, to lane: Int) {
        let position = lanes[lane].position
        let size = SegmentRecord.bytes + (payload.byteCount + 7) & ~7
        precondition(position + size <= SegmentArenas.arenaBytes, "a frame larger than any capture gives out")
        // Safe: within the arena, which is this side's until it is handed over.
        let place = unsafe lanes[lane].arenas.address(of: lanes[lane].arena) + position
        unsafe place.storeBytes(of: record, as: SegmentRecord.self)
        unsafe payload.withUnsafeBytes { source in
            guard let start = source.baseAddress else { return }
            unsafe (place + SegmentRecord.bytes).copyMemory(from: start, byteCount: source.count)
        }
        lanes[lane].position = position + size
    }
}
