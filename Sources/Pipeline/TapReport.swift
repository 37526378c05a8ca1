internal import Dialects
internal import Exchanges
internal import Flows

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
