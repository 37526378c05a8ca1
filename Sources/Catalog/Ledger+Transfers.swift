public import Blocks
public import Objects

extension Ledger {
    /// A transfer begins.
    public mutating func open(_ transfer: TransferID, _ plan: TransferPlan) {
        guard transfers.count < limits.openTransfersMax else {
            counters.transfersRefused += 1
            return
        }
        transfers[transfer] = OpenTransfer(plan: plan)
    }

    /// A block of the transfer is stored; its offset counts from the transfer's first byte. Extents come ascending.
    public mutating func add(_ extent: Extent, to transfer: TransferID) {
        guard let index = transfers.index(forKey: transfer) else {
            counters.extentsRefused += 1
            return
        }
        guard pendingExtents < limits.pendingExtentsMax else {
            counters.extentsRefused += 1
            report(extent.offset..<extent.end, .limit, at: index)
            return
        }
        pendingExtents += 1
        transfers.values[index].extents.append(extent)
    }

    /// Payload of the transfer is missing; `length` nil: all to the end.
    public mutating func gap(_ transfer: TransferID, at offset: UInt64, length: UInt64?, cause: GapCause) {
        guard let index = transfers.index(forKey: transfer) else { return }
        let (end, overflows) = offset.addingReportingOverflow(length ?? .max)
        report(offset..<(overflows ? .max : end), cause, at: index)
    }

    /// The transfer's payload ended. `digest` is the MD5 of all of it, where that was computed as it came.
    public mutating func close(_ transfer: TransferID, _ end: TransferEnd, digest: TransferDigest? = nil) {
        guard let index = transfers.index(forKey: transfer) else { return }
        transfers.values[index].end = end
        transfers.values[index].digest = digest
    }

    private mutating func report(
        _ range: Range<UInt64>, _ cause: GapCause, at index: Dictionary<TransferID, OpenTransfer>.Index
    ) {
        guard transfers.values[index].cutAt == nil else { return }
        transfers.values[index].reported.report(range, cause, max: limits.gapsPerTransferMax)
        if transfers.values[index].reported.isOverflown { transfers.values[index].cutAt = range.lowerBound }
    }

    /// Ends a transfer that belongs to no object.
    mutating func drop(_ transfer: TransferID) {
        guard let dropped = transfers.removeValue(forKey: transfer) else { return }
        pendingExtents -= dropped.extents.count
    }

    /// Takes a closed transfer as a contribution to an object in which its first byte has the offset `base`.
    ///
    /// A transfer that was refused at its opening brings nothing, by the limit.
    mutating func take(_ transfer: TransferID, at base: UInt64, length: UInt64?) -> Contribution {
        guard let taken = transfers.removeValue(forKey: transfer) else {
            var nothing = ReportedGaps()
            nothing.report(0..<UInt64.max, .limit)
            var contribution = Contribution()
            contribution.reported = nothing.shifted(by: base, limitedTo: length)
            return contribution
        }
        pendingExtents -= taken.extents.count
        return taken.contribution(at: base, length: length, outside: &counters.extentsOutside)
    }
}
