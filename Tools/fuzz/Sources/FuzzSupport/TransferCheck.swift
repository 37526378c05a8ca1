public import Objects

/// Holds the dialects to the promises of ``ObjectSink``: payload and gaps of a transfer ascend without holes between its
/// open and its close, and exactly one event uses or discards it.
public struct TransferCheck: ObjectSink, ~Copyable {
    private struct Transfer {
        /// Offset of what comes next; nil behind a gap without length.
        var next: UInt64? = 0
        var hasEnded = false
    }

    /// Called with every payload slice and its offset, for targets that know what the payload must be.
    public var onPayload: ((RawSpan, UInt64) -> Void)?
    /// Ends in order.
    public private(set) var ends: [TransferEnd] = []
    private var transfers: [TransferID: Transfer] = [:]
    private var opened: UInt64 = 0

    /// A check that has seen nothing.
    public init(onPayload: ((RawSpan, UInt64) -> Void)? = nil) { self.onPayload = onPayload }

    /// Transfers that no event has used or discarded.
    public var unused: Int { transfers.count }

    private mutating func advance(_ transfer: TransferID, _ offset: UInt64, _ length: UInt64?) {
        guard let known = transfers[transfer], !known.hasEnded else {
            breach("transfer \(transfer.number) is not open")
        }
        require(length != 0, "nothing, at \(offset)")
        require(known.next == offset, "\(offset) where \(known.next.map(String.init) ?? "nothing") is next")
        transfers[transfer]?.next = length.map { offset + $0 }
    }

    /// The next number.
    public mutating func open(_ transfer: TransferID, plan: TransferPlan) {
        opened += 1
        require(transfer.number == opened, "transfer \(transfer.number) where \(opened) is next")
        transfers[transfer] = Transfer()
    }

    /// Payload at the transfer's next offset.
    public mutating func payload(_ transfer: TransferID, _ bytes: RawSpan, at offset: UInt64) {
        advance(transfer, offset, UInt64(bytes.byteCount))
        onPayload?(bytes, offset)
    }

    /// A gap at the transfer's next offset.
    public mutating func gap(_ transfer: TransferID, at offset: UInt64, length: UInt64?, cause: GapCause) {
        advance(transfer, offset, length)
    }

    /// The transfer's only end.
    public mutating func close(_ transfer: TransferID, _ end: TransferEnd) {
        guard let known = transfers[transfer], !known.hasEnded else {
            breach("transfer \(transfer.number) is not open")
        }
        if end.cause == nil, let length = end.length {
            require(known.next == length, "whole at \(known.next.map(String.init) ?? "nothing") of \(length)")
        }
        transfers[transfer]?.hasEnded = true
        ends.append(end)
    }

    /// The only event that names a transfer, after its end.
    public mutating func event(_ event: ObjectEvent) {
        let used: TransferID? =
            switch event {
            case .stored(let event): event.transfer
            case .read(let event): event.transfer
            case .partStored(let event): event.transfer
            case .discarded(let transfer, _): transfer
            default: nil
            }
        guard let used else { return }
        require(transfers[used]?.hasEnded == true, "transfer \(used.number) used before its end, or twice")
        transfers[used] = nil
    }
}
