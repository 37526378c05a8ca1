internal import Capture
internal import Cleartext
internal import Dialects
internal import Flows
internal import Packets

/// Spreads the flows over several workers: takes tunnels and fragments off, and copies each segment into the batch of the
/// worker that has its connection.
///
/// The worker is chosen by ``FlowClass``, which is equal for both directions; since it is that of the innermost segment, all
/// copies of a packet and all ways that it takes through tunnels come to the same worker.
struct FlowDispatcher: ~Copyable, FrontStage {
    private(set) var lastPacket: UInt64 = 0
    private var lastTime: UInt64 = 0
    private var decapsulator: Decapsulator
    private var ties = TieBreaker()
    private var clock = ExpiryClock()
    private var lanes: SegmentLanes
    private var workers: FlowWorkers

    /// Starts the workers, as many as there are queues to hashers.
    init(_ parts: FrontEnd.Parts) {
        workers = FlowWorkers(parts)
        decapsulator = Decapsulator(options: parts.tunnels.decapsulator)
        lanes = SegmentLanes(to: workers.arenas)
    }

    var counters: FrontCounters { workers.counters }

    var report: FrontReport {
        var report = FrontReport(decapsulator)
        for part in workers.latestReports() { report.add(part) }
        return report
    }

    var awaitsSecrets: Bool { workers.awaitsSecrets }

    mutating func frame(_ frame: CapturedFrame, _ bytes: RawSpan) {
        let time = ties.time(frame.time)
        lastPacket = frame.number
        lastTime = max(lastTime, time)
        lanes.now = lastTime
        if clock.isDue(lastTime) { lanes.tick() }
        let outcome = decapsulator.decode(
            bytes, linkType: frame.linkType, wireLength: Int(frame.wireLength), time: time)
        switch outcome {
        case .segment(let header, let tenant):
            clock.take(segmentAt: time)
            lanes.send(header, bytes, time: time, packet: frame.number, tenant: tenant)
        case .reassembled(let header, let tenant):
            clock.take(segmentAt: time)
            decapsulator.withDatagram { datagram in
                lanes.send(header, datagram, time: time, packet: frame.number, tenant: tenant)
            }
        case .held, .fault: break
        }
    }

    mutating func tick(now: UInt64) {
        lastTime = max(lastTime, now)
        lanes.now = lastTime
        if clock.isDue(lastTime) { lanes.tick() }
        // Nothing more comes for now: what there is must not wait for a full batch.
        lanes.handOver()
    }

    mutating func note(_ loss: CaptureLoss) { lanes.command(.loss(loss)) }

    mutating func use(_ scope: Scope) { lanes.command(.scope(scope)) }

    mutating func take(_ secrets: [SecretEvent]) {
        if !secrets.isEmpty { lanes.command(.secrets(secrets)) }
    }

    mutating func flush() { lanes.handOver(flushes: true) }

    mutating func finish() -> FrontReport {
        decapsulator.finish()
        lanes.command(.finish(packet: lastPacket, time: lastTime))
        lanes.handOver(flushes: true)
        var report = FrontReport(decapsulator)
        for part in workers.finish() { report.add(part) }
        return report
    }
}
