import Packets

@testable import Flows

/// Either end of a test connection.
enum Side {
    case client
    case server
}

/// A segment of a test connection.
struct Segment {
    var side: Side = .client
    var sequence: UInt32
    var acknowledgement: UInt32?
    var flags: TCPFlags = []
    var payload: [UInt8] = []
    /// Bytes of payload that the capture kept; nil: all.
    var captured: Int?
    var checksum: ChecksumVerdict = .valid
    var isSuperSegment = false
    var clientPort: UInt16 = 40_000
    var tenant: UInt32 = 0
    var isIPv6 = false

    var header: SegmentHeader {
        let client = isIPv6 ? IPAddress(ipv6High: 0x2001_0db8 << 32, low: 7) : IPAddress(ipv4: 0x0a00_0007)
        let server = isIPv6 ? IPAddress(ipv6High: 0x2001_0db8 << 32, low: 1) : IPAddress(ipv4: 0xc000_0201)
        let fromClient = side == .client
        var flags = flags
        if acknowledgement != nil { flags.insert(.ack) }
        return SegmentHeader(
            source: fromClient ? client : server, sourcePort: fromClient ? clientPort : 80,
            destination: fromClient ? server : client, destinationPort: fromClient ? 80 : clientPort,
            sequence: SequenceNumber(sequence), acknowledgement: SequenceNumber(acknowledgement ?? 0), flags: flags,
            payloadOffset: Tap.headerLength, capturedPayloadLength: captured ?? payload.count,
            payloadLength: payload.count, checksum: checksum, isSuperSegment: isSuperSegment)
    }
}

/// A connection's numbering, so that tests speak of offsets.
struct Talk {
    var clientISN: UInt32 = 1_000
    var serverISN: UInt32 = 900_000
    var clientPort: UInt16 = 40_000

    func isn(_ side: Side) -> UInt32 { side == .client ? clientISN : serverISN }

    /// A segment at an offset of its half, which acknowledges `ack` bytes of the other.
    func data(
        _ side: Side, _ offset: UInt64, _ payload: [UInt8], ack: UInt64? = 0, flags: TCPFlags = []
    ) -> Segment {
        let opposite: Side = side == .client ? .server : .client
        return Segment(
            side: side, sequence: isn(side) &+ 1 &+ UInt32(truncatingIfNeeded: offset),
            acknowledgement: ack.map { isn(opposite) &+ 1 &+ UInt32(truncatingIfNeeded: $0) }, flags: flags,
            payload: payload, clientPort: clientPort)
    }

    func ack(_ side: Side, _ offset: UInt64, ack: UInt64) -> Segment { data(side, offset, [], ack: ack) }
    func fin(_ side: Side, _ offset: UInt64, _ payload: [UInt8] = [], ack: UInt64? = 0) -> Segment {
        data(side, offset, payload, ack: ack, flags: [.fin])
    }
    func reset(_ side: Side, _ offset: UInt64, ack: UInt64? = nil) -> Segment {
        data(side, offset, [], ack: ack, flags: [.rst])
    }

    var syn: Segment { Segment(side: .client, sequence: clientISN, flags: [.syn], clientPort: clientPort) }
    var synAck: Segment {
        Segment(
            side: .server, sequence: serverISN, acknowledgement: clientISN &+ 1, flags: [.syn], clientPort: clientPort)
    }
    /// The three segments that open the connection (RFC 9293 §3.5).
    var handshake: [Segment] { [syn, synAck, ack(.client, 0, ack: 0)] }
}

/// An assembler, a clock and a packet count.
struct Tap: ~Copyable {
    static let headerLength = 11

    var assembler: FlowAssembler<Recorder>
    var time: UInt64 = 1_700_000_000_000_000_000
    var packet: UInt64 = 0
    /// Nanoseconds from packet to packet.
    var pace: UInt64 = 10_000

    init(
        limits: FlowLimits = FlowLimits(), checksumPolicy: ChecksumPolicy = .auto, recorder: Recorder = Recorder(),
        seed: FlowHashSeed = FlowHashSeed()
    ) {
        assembler = FlowAssembler(sink: recorder, limits: limits, checksumPolicy: checksumPolicy, seed: seed)
    }

    mutating func send(_ segment: Segment) {
        time += pace
        packet += 1
        let captured = segment.captured ?? segment.payload.count
        let frame = [UInt8](repeating: 0xEE, count: Self.headerLength) + segment.payload.prefix(captured)
        assembler.segment(segment.header, frame.span.bytes, time: time, packet: packet, tenant: segment.tenant)
    }

    mutating func send(_ segments: [Segment]) {
        for segment in segments { send(segment) }
    }

    /// Lets time pass without packets.
    mutating func wait(seconds: Double) {
        let end = time + UInt64(seconds * 1e9)
        // In steps, as a live capture does: a leap of more than a minute would have to be confirmed.
        while time < end {
            time = min(end, time + 30_000_000_000)
            assembler.expire(now: time)
        }
    }

    mutating func finish() { assembler.finishCapture(time: time, packet: packet) }

    var flows: [Recorder.Flow] { assembler.sink.flows }
    var violations: [String] { assembler.sink.violations }
    var counters: FlowCounters { assembler.counters }
}

/// `count` bytes of which no two neighbours of 251 are equal; never 0, which stands for gaps in the recorder.
func pattern(_ count: Int, from offset: UInt64 = 0) -> [UInt8] {
    (0..<UInt64(count)).map { UInt8(1 + (offset + $0) % 251) }
}
