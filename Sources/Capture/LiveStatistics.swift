/// What happened to the packets of an interface.
///
/// Once the intake was closed and the ring read to its end, `received` = `delivered` + `droppedByKernel`.
public struct LiveStatistics: Hashable, Sendable {
    /// Packets that passed the filter, those among them that the kernel then had no room for.
    public var received: UInt64 = 0
    /// Packets given to the reader.
    public var delivered: UInt64 = 0
    /// Bytes of them, as captured.
    public var deliveredBytes: UInt64 = 0
    /// Packets of which only a part was captured.
    public var snapped: UInt64 = 0
    /// Packets that found the ring full.
    public var droppedByKernel: UInt64 = 0
    /// Packets of loopback: the kernel shows each twice, going out and coming in, and one of the two is left out by the
    /// filter before it is received.
    public var loopbackCopies: UInt64 = 0
    /// Packets that the interface itself had no room for, as far as its driver says.
    public var droppedByInterface: UInt64 = 0

    /// All zero.
    public init() {}

    /// Adds the counters of another capture of the same interface.
    public mutating func add(_ other: LiveStatistics) {
        received &+= other.received
        delivered &+= other.delivered
        deliveredBytes &+= other.deliveredBytes
        snapped &+= other.snapped
        droppedByKernel &+= other.droppedByKernel
        droppedByInterface &+= other.droppedByInterface
        loopbackCopies &+= other.loopbackCopies
    }
}
