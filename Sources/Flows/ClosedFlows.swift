/// Flows that ended a short while ago, so that what still trickles in opens no phantom flow: the observer's TIME-WAIT
/// (RFC 9293 §3.6.1).
///
/// At most `capacity` are remembered; the one that closed first is forgotten for the next. 80 bytes each.
struct ClosedFlows: ~Copyable {
    /// A flow that ended.
    struct Record: BitwiseCopyable {
        var key: FlowKey
        var hash: UInt32
        /// Capture time of the end.
        var closedAt: UInt64
        /// Per sender, by its place in the key: sequence number of offset 0, and of the byte after the last.
        var firstOrigin: UInt32
        var firstEnd: UInt32
        var secondOrigin: UInt32
        var secondEnd: UInt32
        /// Whether those are known.
        var firstIsKnown: Bool
        var secondIsKnown: Bool
        /// Ended by RST: bytes beyond the end may still be in flight.
        var wasReset: Bool
    }

    private var records = Slab<Record>(capacity: 64)
    private var order = SlotList()

    /// Flows remembered.
    var count: Int { order.count }
    /// The one that closed first; -1 when there is none.
    var oldest: Int32 { order.first }

    subscript(index: Int32) -> Record { records[index] }

    mutating func insert(_ record: Record) -> Int32 {
        let index = records.insert(record)
        order.append(index)
        return index
    }

    mutating func remove(_ index: Int32) {
        order.remove(index)
        records.remove(index)
    }
}
