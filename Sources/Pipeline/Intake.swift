internal import Capture
internal import Flows
internal import Objects
internal import Packets

/// Where a capture thread puts its frames: into the arenas of a relay, or nowhere, by a policy that has a name and counters.
///
/// The policy, `shed-flow-classes`: while more than 90 % of queue and spool are full, whole classes of flows are left out
/// (8 of 64, then 16, 32, all), both directions alike, so that the rest stays whole; below 50 % all come in again.
struct Intake: ~Copyable, FrameSink {
    /// What was left out.
    struct Losses: Sendable {
        /// Packets of classes that were shed.
        var shedPackets: UInt64 = 0
        var shedBytes: UInt64 = 0
        /// Different flows of which packets were left out; of one overload up to 65,536 are told apart.
        var shedFlows: UInt64 = 0
        /// Packets of any flow for which no arena was free.
        var overrunPackets: UInt64 = 0
        var overrunBytes: UInt64 = 0
    }

    private(set) var losses = Losses()
    /// Packets put into arenas.
    private(set) var handedOver: UInt64 = 0
    private let relay: FrameRelay
    /// Finds the flow of a frame while some are left out.
    private var decapsulator: Decapsulator
    private var arena: Int32?
    private var position = 0
    /// The first so many classes are shed.
    private var shedClasses = 0
    private var shedFlows: Set<ShedFlow> = []
    /// Flows among these that were not handed to ``takeLeftOut()`` yet.
    private var leftOut: [LeftOutFlow] = []
    /// A loss that the front end has not been told of.
    private var untold: CaptureLoss?

    private struct ShedFlow: Hashable {
        var low: UInt64
        var ports: UInt32
    }

    private static var shedFlowsMax: Int { 65_536 }

    init(into relay: FrameRelay, tunnels: TunnelOptions = TunnelOptions()) {
        self.relay = relay
        decapsulator = Decapsulator(options: tunnels.decapsulator)
    }

    /// True when everything taken was handed on.
    var isFlushed: Bool { position == 0 && untold == nil }

    /// True while flows are left out.
    var isShedding: Bool { shedClasses > 0 }

    @inline(__always)
    mutating func frame(_ frame: CapturedFrame, _ bytes: RawSpan) {
        if shedClasses > 0, sheds(frame, bytes) { return }
        let size = FrameRecord.size(content: bytes.byteCount)
        guard let arena = room(for: size) else {
            losses.overrunPackets &+= 1
            losses.overrunBytes &+= UInt64(frame.wireLength)
            if case .segment(let header, _) = decapsulator.decode(
                bytes, linkType: frame.linkType, wireLength: Int(frame.wireLength), time: frame.time)
            {
                name(header, frame)
            }
            miss(frame, classes: .max)
            return
        }
        unsafe FrameRecord.write(frame, bytes, to: relay.address(of: arena) + position)
        position += size
        handedOver &+= 1
    }

    /// Flows left out that were not given out before, each once in an overload.
    mutating func takeLeftOut() -> [LeftOutFlow] {
        guard !leftOut.isEmpty else { return [] }
        defer { leftOut = [] }
        return leftOut
    }

    /// Tells the front end of a loss, with what comes next.
    mutating func note(_ loss: CaptureLoss) {
        guard let arena = room(for: FrameRecord.size(content: FrameRecord.lossBytes)) else {
            if untold == nil { untold = loss }
            return
        }
        unsafe FrameRecord.write(loss, to: relay.address(of: arena) + position)
        position += FrameRecord.size(content: FrameRecord.lossBytes)
    }

    /// Memory stayed full for too long, whatever the spool has room for: sheds more.
    mutating func escalate() { shedClasses = min(FlowClass.count, max(8, shedClasses * 2)) }

    /// Hands on what has gathered.
    mutating func flush() {
        tell()
        if let arena { relay.publish(arena, byteCount: position) }
        arena = nil
        position = 0
        adapt()
    }

    /// Hands on what has gathered if the front end waits for it; while it is busy, an arena may fill up first.
    mutating func flushIfIdle() {
        guard position > 0 || untold != nil || shedClasses > 0 else { return }
        if relay.isEmpty { flush() }
    }

    /// The arena with room for so many bytes; nil when there is none.
    @inline(__always)
    private mutating func room(for size: Int) -> Int32? {
        if let arena, position + size <= FrameRelay.arenaBytes { return arena }
        return nextArena(for: size)
    }

    private mutating func nextArena(for size: Int) -> Int32? {
        if let full = arena { relay.publish(full, byteCount: position) }
        position = 0
        arena = relay.acquire()
        adapt()
        guard let arena else { return nil }
        if let loss = untold {
            untold = nil
            unsafe FrameRecord.write(loss, to: relay.address(of: arena))
            position = FrameRecord.size(content: FrameRecord.lossBytes)
        }
        return size <= FrameRelay.arenaBytes - position ? arena : nil
    }

    /// Writes the loss that was not told yet.
    private mutating func tell() {
        guard let loss = untold else { return }
        untold = nil
        note(loss)
    }

    /// Sheds more or nothing, by how full the relay is.
    private mutating func adapt() {
        let fill = relay.fill
        if fill > 0.9 {
            escalate()
        } else if fill < 0.5, shedClasses > 0 || !shedFlows.isEmpty {
            shedClasses = 0
            // The next overload names them anew.
            shedFlows.removeAll(keepingCapacity: true)
        }
    }

    /// True when the frame belongs to a class that is shed, and was counted as that.
    private mutating func sheds(_ frame: CapturedFrame, _ bytes: RawSpan) -> Bool {
        // What is no TCP segment costs little and harms no flow; of fragments the flow is not known one by one.
        guard
            case .segment(let header, _) = decapsulator.decode(
                bytes, linkType: frame.linkType, wireLength: Int(frame.wireLength), time: frame.time),
            FlowClass(header).number < shedClasses
        else { return false }
        losses.shedPackets &+= 1
        losses.shedBytes &+= UInt64(frame.wireLength)
        name(header, frame)
        miss(frame, classes: shedClasses == FlowClass.count ? .max : (1 << UInt64(shedClasses)) - 1)
        // Nothing that is shed fills an arena, so this is where an end of the overload is noticed.
        if losses.shedPackets & 1023 == 0 { adapt() }
        return true
    }

    /// Remembers the flow that a packet left out belongs to.
    private mutating func name(_ header: SegmentHeader, _ frame: CapturedFrame) {
        guard shedFlows.count < Self.shedFlowsMax else { return }
        let ports = UInt32(min(header.sourcePort, header.destinationPort)) << 16
        let flow = ShedFlow(
            low: header.source.low ^ header.destination.low,
            ports: ports | UInt32(max(header.sourcePort, header.destinationPort)))
        guard shedFlows.insert(flow).inserted else { return }
        losses.shedFlows &+= 1
        leftOut.append(LeftOutFlow(header, since: frame.time))
    }

    private mutating func miss(_ frame: CapturedFrame, classes: UInt64) {
        if var loss = untold {
            loss.classes |= classes
            loss.from = min(loss.from, frame.time)
            loss.through = max(loss.through, frame.time)
            untold = loss
        } else {
            untold = CaptureLoss(cause: .overload, classes: classes, from: frame.time, through: frame.time)
        }
    }
}
