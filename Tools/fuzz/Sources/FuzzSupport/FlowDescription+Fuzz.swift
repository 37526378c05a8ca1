public import Flows

extension FlowDescription {
    /// A flow between two hosts, to a server's port.
    public static func toServer(port: UInt16, startedMidStream: Bool) -> FlowDescription {
        FlowDescription(
            text: "10.0.0.1:1000 > 10.0.0.2:\(port)", initiatorAddress: "10.0.0.1", responderAddress: "10.0.0.2",
            initiatorPort: 1_000, responderPort: port, startedMidStream: startedMidStream)
    }
}
