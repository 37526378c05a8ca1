internal import CLinux
internal import Glibc

/// What the kernel says of an interface.
public struct InterfaceFacts: Hashable, Sendable {
    /// True when it is administratively up.
    public var isUp: Bool
    /// True when it has a carrier.
    public var isRunning: Bool
    /// Most bytes of a packet on the wire; nil when the kernel does not say.
    public var mtu: Int?
    /// Offloads by which the capture sees segments larger than the wire's: `tso`, `gso`, `gro`.
    public var offloads: [String]

    /// The facts of an interface; nil when there is none of the name.
    public init?(_ name: String) {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        let flags = unsafe oxbow_interface_flags(descriptor, name)
        guard flags >= 0 else { return nil }
        isUp = flags & Int32(IFF_UP) != 0
        isRunning = flags & Int32(IFF_RUNNING) != 0
        let mtu = unsafe oxbow_interface_mtu(descriptor, name)
        self.mtu = mtu > 0 ? Int(mtu) : nil
        offloads = []
        let queries = [("tso", oxbow_query_tso), ("gso", oxbow_query_gso), ("gro", oxbow_query_gro)]
        for (offload, query) in queries where unsafe oxbow_interface_feature(descriptor, name, query) == 1 {
            offloads.append(offload)
        }
    }
}
