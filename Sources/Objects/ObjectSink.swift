/// Where a dialect sends what it read: payload of transfers, and events that refer to them.
///
/// For every transfer the calls come as `open`, then `payload` and `gap` in ascending order without overlap, then
/// `close`, and only then the event that uses the transfer (or ``ObjectEvent/discarded(_:reason:)``). Calls for several
/// transfers interleave. The sink is owned by one thread.
public protocol ObjectSink: ~Copyable {
    /// A transfer begins.
    mutating func open(_ transfer: TransferID, plan: TransferPlan)
    /// Payload bytes at `offset` within the transfer. The span is valid for this call only.
    mutating func payload(_ transfer: TransferID, _ bytes: RawSpan, at offset: UInt64)
    /// Payload bytes that are missing: `length` of them at `offset`, or all to the end when `length` is nil.
    mutating func gap(_ transfer: TransferID, at offset: UInt64, length: UInt64?, cause: GapCause)
    /// The transfer's payload ended.
    mutating func close(_ transfer: TransferID, _ end: TransferEnd)
    /// Something happened to an object.
    mutating func event(_ event: ObjectEvent)
}
