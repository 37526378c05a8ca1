internal import Dialects
internal import Exchanges
internal import Flows

/// What happened to the packets of one interface. Once a tap has ended,
/// `received` = `processed` + `droppedByKernel` + `droppedByOverload` + `unread`, and `unread` is 0 unless the interface went
/// away with packets in its ring.
public struct InterfaceReport: Sendable, Codable {
    /// The interface.
    public var name: String
    /// Packets that passed the filter, those among them that the kernel then had no room for.
    public var received: UInt64 = 0
    /// Packets that were taken in.
    public var processed: UInt64 = 0
    /// Bytes captured.
    public var capturedBytes: UInt64 = 0
    /// Packets that found the kernel's ring full.
    public var droppedByKernel: UInt64 = 0
    /// Packets that the interface had no room for, as its driver says; they are not among `received`.
    public var droppedByInterface: UInt64 = 0
    /// Packets left out by the policy `shed-flow-classes`, since storage could not keep up.
    public var droppedByOverload: UInt64 = 0
    /// Bytes of these.
    public var overloadBytes: UInt64 = 0
    /// Those among `droppedByOverload` of any flow, since no memory was free.
    public var droppedByOverrun: UInt64 = 0
    /// Flows of packets that the policy left out; of one overload up to 65,536 are told apart.
    public var overloadFlows: UInt64 = 0
    /// Packets still in the ring; while the tap runs, those on their way.
    public var unread: UInt64 = 0
    /// Packets cut at the snapshot length.
    public var snapped: UInt64 = 0
    /// True while it is captured; false while it is away.
    public var isUp = true
    /// How often the interface went away.
    public var lostTimes: UInt64 = 0
    /// For how long it was away.
    public var outageSeconds: Double = 0
    /// Memory that waiting packets take now.
    public var queueBytes: UInt64 = 0
    /// Memory that they may take.
    public var queueBytesMax: UInt64 = 0
    /// Disk that waiting packets take now.
    public var spoolBytes: UInt64 = 0
    /// Disk that they may take.
    public var spoolBytesMax: UInt64 = 0
    /// Pieces of the spool, of 1 MiB each, that could not be read again: their packets are lost.
    public var spoolReadErrors: UInt64 = 0
    /// True while the spool cannot be written.
    public var isSpoolFaulty = false
    /// Bytes that went through the spool on disk.
    public var spooledBytes: UInt64 = 0
    /// The most bytes that the spool held.
    public var spoolPeakBytes: UInt64 = 0
    /// The most memory that waiting packets took.
    public var queuePeakBytes: UInt64 = 0
    /// True while flows are left out.
    public var isShedding = false

    init(name: String) { self.name = name }
}

/// What a tap saw, did and lost: a replay's report, and what happened at each interface.
public struct TapReport: Sendable, Encodable {
    /// As of a replay; `packets` are those taken in.
    public var replay: ReplayReport
    /// One of each interface, in the order in which they were named.
    public var interfaces: [InterfaceReport]

    private enum Key: String, CodingKey { case kind, interfaces }

    /// The replay's report with two more keys, so that readers of the one can read the other.
    public func encode(to encoder: any Encoder) throws {
        try replay.encode(to: encoder)
        var container = encoder.container(keyedBy: Key.self)
        try container.encode("report", forKey: .kind)
        try container.encode(interfaces, forKey: .interfaces)
    }
}

/// How a tap is doing.
public struct TapStatus: Sendable {
    /// Seconds since it began.
    public var seconds: Double
    /// Frames that reached the front end.
    public var packets: UInt64
    /// Connections open now.
    public var openFlows: Int
    /// Payload bytes of TCP delivered so far.
    public var deliveredBytes: UInt64
    /// Payload bytes of TCP that are missing.
    public var gapBytes: UInt64
    /// One of each interface.
    public var interfaces: [InterfaceReport]
    /// Everything counted so far, as the report at the end has it; at most a second old.
    public var report: ReplayReport
    /// The storing half.
    public var store: StoreStatus
    /// What the vault holds.
    public var holdings: Holdings
    /// Endpoints that the vault has seen, in the order of their names.
    public var endpoints: [EndpointTraffic]
    /// Problems told so far, those in `problems` among them.
    public var problemCount: UInt64
    /// Endpoints seen for the first time since the last call.
    public var newEndpoints: [EndpointSighting]
    /// Connections left out since the last call because storage could not keep up, each once in an overload.
    public var leftOut: [LeftOutFlow]
    /// What went wrong since the last call.
    public var problems: [String]
}

/// What nodes sent to an endpoint and read from it.
public struct EndpointTraffic: Sendable, Hashable {
    /// The family of the store: `s3`, `http`.
    public var cloud: String
    /// The host, as objects are named by it.
    public var host: String
    /// Bytes that uploads brought into the vault. Each counts once.
    public var uploadedBytes: UInt64
    /// Bytes that reads brought into the vault and no upload had.
    public var readBytes: UInt64
}

/// An endpoint that nodes began to talk to: perhaps their owner changes the cloud.
public struct EndpointSighting: Sendable, Hashable, Codable {
    /// The family of the store: `s3`, `http`.
    public var cloud: String
    /// The host, as objects are named by it.
    public var host: String
    /// When it was first seen, nanoseconds since 1970 UTC.
    public var firstSeen: UInt64
}
