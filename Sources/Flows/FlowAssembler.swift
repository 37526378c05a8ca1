public import Packets

/// Turns the segments of any number of TCP connections into ordered bytes, gaps and ends per half-connection.
///
/// It is a pure state machine: segments and their capture times in, calls of the sink out; the same segments give the
/// same calls. One thread owns it. Bytes that come in order go on as slices of the frame, without a copy; only what has
/// to wait is copied, within ``FlowLimits``.
///
/// What it promises its sink is said at ``StreamSink``. A hole becomes a gap when the peer has acknowledged it and the
/// slack has passed, when a budget is exhausted, or when the flow ends; until then a retransmission heals it.
public struct FlowAssembler<Sink: StreamSink & ~Copyable>: ~Copyable {
    @usableFromInline var tracker: FlowTracker

    /// Where everything goes. It may be changed between calls, for instance to read its own counters.
    public var sink: Sink

    /// An assembler that owns its sink.
    public init(
        sink: consuming Sink, limits: FlowLimits = FlowLimits(), checksumPolicy: ChecksumPolicy = .auto
    ) {
        tracker = FlowTracker(limits: limits, checksumPolicy: checksumPolicy, seed: FlowHashSeed())
        self.sink = sink
    }

    /// An assembler whose flow table places keys by a seed that is given: output must not depend on it.
    init(sink: consuming Sink, limits: FlowLimits, checksumPolicy: ChecksumPolicy, seed: FlowHashSeed) {
        tracker = FlowTracker(limits: limits, checksumPolicy: checksumPolicy, seed: seed)
        self.sink = sink
    }

    /// What was seen and done so far.
    public var counters: FlowCounters { tracker.counters }

    /// Flows open now.
    public var openFlows: Int { tracker.openFlows }

    /// Takes a segment: its header, the frame that holds its payload, its capture time in nanoseconds since 1970 UTC,
    /// and the packet's number in this run. `tenant` keeps equal addresses of two networks apart. A header that
    /// contradicts its frame is counted and ignored.
    @inlinable
    public mutating func segment(
        _ header: SegmentHeader, _ frame: RawSpan, time: UInt64, packet: UInt64, tenant: UInt32 = 0
    ) {
        let payload = tracker.admit(header, frame, time: time, packet: packet, tenant: tenant)
        if payload.isPresent {
            let start = header.payloadOffset
            sink.bytes(
                payload.flow, payload.half, frame.extracting(start..<(start &+ header.payloadLength)),
                at: payload.offset, isSegmentStart: true,
                SegmentContext(time: time, packet: packet, acknowledged: payload.acknowledged))
        } else if !tracker.deliveries.isEmpty {
            deliver(frame)
        }
    }

    /// Lets capture time pass: declares holes whose slack is over and ends idle flows. Call it as often as you like, at
    /// least every ``FlowLimits/expiryInterval``; between those it costs a comparison.
    @inlinable
    public mutating func expire(now: UInt64) {
        guard tracker.beginExpiry(now) else { return }
        while tracker.expireNext() { deliver(RawSpan()) }
    }

    /// The same for one of several assemblers: `packet` is the number of the last segment that any of them was given.
    @inlinable
    public mutating func expire(now: UInt64, packet: UInt64) {
        tracker.note(packet: packet)
        expire(now: now)
    }

    /// Takes note of packets that the capture lost: holes of that time get its cause instead of
    /// ``GapCause/notCaptured``.
    public mutating func note(_ loss: CaptureLoss) { tracker.losses.note(loss) }

    /// Ends all flows with ``StreamEnd/captureEnded``, in the order in which they opened, after delivering what waits.
    /// The assembler may be used for another capture afterwards.
    @inlinable
    public mutating func finishCapture(time: UInt64, packet: UInt64) {
        for slot in tracker.beginFinish(time: time, packet: packet) {
            tracker.conclude(slot, .captureEnded)
            deliver(RawSpan())
        }
        tracker.endFinish()
    }

    /// Performs what the tracker decided.
    @inlinable
    mutating func deliver(_ frame: RawSpan) {
        var index = 0
        while index < tracker.deliveries.count {
            switch tracker.deliveries[index] {
            case .open(let flow, let opening, let context):
                sink.open(flow, opening.description, context)
            case .frameBytes(let flow, let half, let start, let count, let offset, let isSegmentStart, let context):
                sink.bytes(
                    flow, half, frame.extracting(start..<(start + count)), at: offset, isSegmentStart: isSegmentStart,
                    context)
            case .bufferedBytes(let flow, let half, let piece, let offset, let isSegmentStart, let context):
                tracker.withBytes(of: piece) { bytes in
                    sink.bytes(flow, half, bytes, at: offset, isSegmentStart: isSegmentStart, context)
                }
            case .gap(let flow, let half, let offset, let length, let cause, let context):
                sink.gap(flow, half, at: offset, length: length, cause: cause, context)
            case .end(let flow, let half, let reason, let context):
                sink.end(flow, half, reason, context)
            case .close(let flow, let context):
                sink.close(flow, context)
            }
            index += 1
        }
        tracker.forgetDeliveries()
    }
}

// Everything it holds is its own; it may move to another thread as a whole.
extension FlowAssembler: Sendable where Sink: Sendable & ~Copyable {}
