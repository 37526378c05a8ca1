/// Where and when something was seen, so that `oxbow why` can name the packets.
public struct Observation: Hashable, Sendable {
    /// Capture time of the packet that completed it, nanoseconds since 1970 UTC.
    public var time: UInt64
    /// Capture time of the first packet that belonged to it, nanoseconds since 1970 UTC.
    public var firstTime: UInt64
    /// Number of the completing packet in this run, counted from 1.
    public var packet: UInt64
    /// The connection as `source:port > destination:port`, initiator first.
    public var flow: String

    /// An observation of its parts.
    public init(time: UInt64, firstTime: UInt64, packet: UInt64, flow: String) {
        self.time = time
        self.firstTime = firstTime
        self.packet = packet
        self.flow = flow
    }
}
