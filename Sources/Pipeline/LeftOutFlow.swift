public import Packets

/// A connection of which packets were left out, since storage could not keep up: what it carried cannot be told, so it is
/// named by its ends.
public struct LeftOutFlow: Sendable, Hashable {
    /// Who sent the first packet that was left out.
    public var source: IPAddress
    /// From which port.
    public var sourcePort: UInt16
    /// To whom it went.
    public var destination: IPAddress
    /// To which port.
    public var destinationPort: UInt16
    /// When that was, nanoseconds since 1970 UTC.
    public var since: UInt64

    init(_ header: SegmentHeader, since: UInt64) {
        (source, sourcePort) = (header.source, header.sourcePort)
        (destination, destinationPort) = (header.destination, header.destinationPort)
        self.since = since
    }

    /// As `oxbow why` names flows: `10.0.0.1:40000 > 10.0.0.2:80`.
    public var text: String { "\(source.bracketed):\(sourcePort) > \(destination.bracketed):\(destinationPort)" }
}
