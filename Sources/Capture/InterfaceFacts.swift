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
    /// The link's speed in Mbit/s; nil when the driver does not say.
    public var megabitsPerSecond: Int?
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
        megabitsPerSecond = Self.speed(name)
        offloads = []
        let queries = [("tso", oxbow_query_tso), ("gso", oxbow_query_gso), ("gro", oxbow_query_gro)]
        for (offload, query) in queries where unsafe oxbow_interface_feature(descriptor, name, query) == 1 {
            offloads.append(offload)
        }
    }

    /// What the kernel says in /sys/class/net/NAME/speed (sysfs-class-net): -1, or an error on reading, for unknown.
    private static func speed(_ name: String) -> Int? {
        let descriptor = unsafe oxbow_open("/sys/class/net/\(name)/speed", O_RDONLY, 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var text = [UInt8](repeating: 0, count: 16)
        let count = unsafe read(descriptor, &text, text.count)
        let digits = text.prefix(max(0, count)).prefix { $0 != 10 }
        guard let speed = Int(String(decoding: digits, as: UTF8.self)), speed > 0 else { return nil }
        return speed
    }
}
