internal import Blocks
internal import Objects

/// What a transfer brings to a version or a part: extents and reasons of what it lacks, in offsets of the object.
struct Contribution {
    /// Sorted by offset.
    var extents: [Extent] = []
    /// Sorted by offset.
    var slices: [BlockSlice] = []
    /// Why bytes of the transfer are missing.
    var reported: [ReportedGaps.Entry] = []
    /// MD5 of all bytes that the transfer brought, when they begin the object and it is known.
    var digest: TransferDigest?
    /// Bytes of the extents.
    var byteCount: UInt64 { extents.reduce(0) { $0 &+ UInt64($1.length) } }

    /// The first gaps, for the history.
    var gapsForHistory: [Gap] {
        reported.prefix(16).map { entry in
            let isOpen = entry.range.upperBound == .max
            let length = entry.range.upperBound - entry.range.lowerBound
            return Gap(offset: entry.range.lowerBound, length: isOpen ? nil : length, cause: entry.cause)
        }
    }

    /// True when the extents cover `0 ..< size` one after the other.
    func isWhole(_ size: UInt64) -> Bool {
        var position: UInt64 = 0
        for extent in extents {
            guard extent.offset <= position else { return false }
            position = max(position, extent.end)
        }
        return position >= size
    }
}

/// A transfer whose event has not come yet.
struct OpenTransfer {
    var plan: TransferPlan
    /// Ascending, offsets within the transfer.
    var extents: [Extent] = []
    /// MD5 of its payload, once it has ended and when it was computed.
    var digest: TransferDigest?
    var reported = ReportedGaps()
    /// From where on gaps were no longer recorded one by one.
    var cutAt: UInt64?
    var end: TransferEnd?

    init(plan: TransferPlan) { self.plan = plan }

    /// What the transfer brings to an object in which its first byte has the offset `base`. `length` is the payload's
    /// length where the event knows it better.
    func contribution(at base: UInt64, length: UInt64?, outside: inout UInt64) -> Contribution {
        var contribution = Contribution()
        contribution.extents.reserveCapacity(extents.count)
        for extent in extents {
            let (offset, overflows) = extent.offset.addingReportingOverflow(base)
            if overflows || offset.addingReportingOverflow(UInt64(extent.length)).overflow {
                outside += 1
                continue
            }
            contribution.extents.append(Extent(offset: offset, length: extent.length, fingerprint: extent.fingerprint))
        }
        if base == 0 { contribution.digest = digest }
        var reported = reported
        let payload = length ?? end?.length ?? plan.expectedLength
        let position = max(extents.last?.end ?? 0, reported.entries.last?.range.upperBound ?? 0)
        if let cause = end?.cause, position < payload ?? .max {
            reported.report(position..<(payload ?? .max), cause, max: .max)
        }
        if let cutAt { reported.report(cutAt..<UInt64.max, .limit, max: .max) }
        contribution.reported = reported.shifted(by: base, limitedTo: payload)
        return contribution
    }
}

extension ReportedGaps {
    /// The entries within the first `length` bytes (nil: all), moved `distance` bytes towards the end; "to the end"
    /// stays so when there is no such length.
    func shifted(by distance: UInt64, limitedTo length: UInt64?) -> [Entry] {
        entries.compactMap { entry in
            let range = entry.range.clamped(to: 0..<(length ?? .max))
            let (start, overflows) = range.lowerBound.addingReportingOverflow(distance)
            let (end, endOverflows) = range.upperBound.addingReportingOverflow(distance)
            guard !range.isEmpty, !overflows else { return nil }
            return Entry(range: start..<(endOverflows ? .max : end), cause: entry.cause)
        }
    }
}
