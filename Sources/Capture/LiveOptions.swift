/// How an interface is captured.
public struct LiveOptions: Hashable, Sendable {
    /// BPF filter in the language of `tcpdump`, run by the kernel; nil for everything.
    public var filter: String?
    /// Most bytes taken of a frame, 64 to 262,144. The default is above any frame that an offload puts together, so that
    /// nothing is cut.
    public var snapLength: Int
    /// Bytes of the ring that the kernel fills while nobody reads, 1 MiB to 2 GiB. 64 MiB hold half a second of a 1 Gbit/s
    /// link; libpcap's own 2 MiB lost up to 8 % in our measurements.
    public var bufferBytes: Int
    /// How long the kernel may keep a part-filled block of the ring back, 1 to 10,000 ms: less wakes the reader more often.
    public var timeoutMilliseconds: Int
    /// Deliver each packet at once. The kernel then uses a ring of fixed slots (TPACKET_V2), which holds far fewer packets.
    public var isImmediate: Bool
    /// Take frames for other stations too: for mirror ports.
    public var isPromiscuous: Bool

    /// The defaults.
    public init() {
        snapLength = 262_144
        bufferBytes = 64 << 20
        timeoutMilliseconds = 20
        isImmediate = false
        isPromiscuous = false
    }
}
