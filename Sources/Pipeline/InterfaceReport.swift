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
    /// Packets of loopback. The kernel shows each twice, going out and coming in; the copy is left out before it is received,
    /// and so is not among `received`.
    public var loopbackCopies: UInt64 = 0
    /// Packets received by each ring of the interface, which add up to `received`: how evenly the kernel shares them out.
    public var ringReceived: [UInt64] = [0]
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

    /// Adds what happened at another ring of the same interface.
    mutating func add(ring other: InterfaceReport) {
        received &+= other.received
        processed &+= other.processed
        capturedBytes &+= other.capturedBytes
        droppedByKernel &+= other.droppedByKernel
        // The driver counts for the interface, and every ring is told the same.
        droppedByInterface = max(droppedByInterface, other.droppedByInterface)
        droppedByOverload &+= other.droppedByOverload
        overloadBytes &+= other.overloadBytes
        droppedByOverrun &+= other.droppedByOverrun
        overloadFlows &+= other.overloadFlows
        unread &+= other.unread
        loopbackCopies &+= other.loopbackCopies
        ringReceived += other.ringReceived
        snapped &+= other.snapped
        isUp = isUp && other.isUp
        // They go away and come back together.
        lostTimes = max(lostTimes, other.lostTimes)
        outageSeconds = max(outageSeconds, other.outageSeconds)
        queueBytes &+= other.queueBytes
        queueBytesMax &+= other.queueBytesMax
        spoolBytes &+= other.spoolBytes
        spoolBytesMax &+= other.spoolBytesMax
        spoolReadErrors &+= other.spoolReadErrors
        isSpoolFaulty = isSpoolFaulty || other.isSpoolFaulty
        spooledBytes &+= other.spooledBytes
        spoolPeakBytes &+= other.spoolPeakBytes
        queuePeakBytes &+= other.queuePeakBytes
        isShedding = isShedding || other.isShedding
    }

    /// One report of each interface, from those of all rings, in their order.
    static func joining(rings: [InterfaceReport]) -> [InterfaceReport] {
        var interfaces: [InterfaceReport] = []
        for ring in rings {
            if interfaces.last?.name == ring.name {
                interfaces[interfaces.count - 1].add(ring: ring)
            } else {
                interfaces.append(ring)
            }
        }
        return interfaces
    }
}
