internal import Blocks
internal import Objects

// How the bytes of a transfer join what is held already.

extension Ledger {
    /// Extents kept in the record itself: most objects then are one row, and a busy one is cheap to rewrite.
    static var inlineExtentsMax: Int { 16 }

    /// Joins a contribution with a version: new bytes are added, known ones are not duplicated, gaps heal, what is still
    /// missing gets its cause. Returns the number of bytes that are new.
    mutating func join(
        _ contribution: Contribution, to version: inout VersionRecord, at time: UInt64
    ) throws(CatalogError) -> UInt64 {
        let owner = ManifestOwner.version(CatalogKey.version(version.id))
        try replaceIfMismatching(contribution, in: &version, owner)
        var healed: [ReportedGaps.Entry] = []
        let joined = try join(
            contribution, to: &version.holdings, of: owner, size: version.size, healed: &healed)
        for entry in healed { version.heal(entry, at: time, max: limits.healedPerVersionMax) }
        return joined
    }

    /// A whole copy takes the place of bytes that are proven wrong.
    private mutating func replaceIfMismatching(
        _ contribution: Contribution, in version: inout VersionRecord, _ owner: ManifestOwner
    ) throws(CatalogError) {
        guard version.state == .mismatch, let size = version.size, contribution.isWhole(size) else { return }
        var held: [Extent] = []
        try visitExtents(of: version.holdings, owner: owner) { extent in
            held.append(extent)
            return .next
        }
        guard held != contribution.extents else { return }
        try deletePages(owner)
        version.holdings = Holdings()
        version.revision += 1
        version.state = .partial
        for index in version.digests.indices { version.digests[index].outcome = .untested }
    }

    /// Joins a contribution with holdings of `size` bytes (nil: not known).
    mutating func join(
        _ contribution: Contribution, to holdings: inout Holdings, of owner: ManifestOwner, size: UInt64?,
        healed: inout [ReportedGaps.Entry]
    ) throws(CatalogError) -> UInt64 {
        var joined: UInt64 = 0
        if !holdings.isPaged, holdings.inlineExtents.count + contribution.extents.count > Self.inlineExtentsMax {
            try movePages(of: &holdings, owner)
        }
        if holdings.isPaged {
            var rest = contribution.extents[...]
            while let first = rest.first {
                let page = first.offset / pageSpan
                let end = rest.firstIndex { $0.offset / pageSpan != page } ?? rest.endIndex
                let key = CatalogKey.page(owner, page)
                var extents: [Extent] = []
                if holdings.extentCount > 0, let bytes = try value(of: key, in: .manifests) {
                    extents = try ManifestPage.decode(bytes)
                }
                let before = joined
                joined += admit(rest[..<end], to: &extents, &holdings, size: size, healed: &healed)
                if joined != before { overlay.set(key, in: .manifests, ManifestPage.encode(extents)) }
                rest = rest[end...]
            }
        } else if !contribution.extents.isEmpty {
            var extents = holdings.inlineExtents
            joined = admit(contribution.extents[...], to: &extents, &holdings, size: size, healed: &healed)
            holdings.inlineExtents = extents
        }
        admit(contribution.slices, to: &holdings, size: size)
        for entry in contribution.reported {
            for missing in holdings.covered.missing(within: entry.range.clamped(to: 0..<(size ?? .max))) {
                holdings.reported.report(missing, entry.cause)
            }
        }
        return joined
    }

    /// Adds those of `candidates` that bring new bytes to a sorted list of extents. All begin within one page.
    private mutating func admit(
        _ candidates: ArraySlice<Extent>, to extents: inout [Extent], _ holdings: inout Holdings, size: UInt64?,
        healed: inout [ReportedGaps.Entry]
    ) -> UInt64 {
        var joined: UInt64 = 0
        let wasEmpty = extents.isEmpty
        for candidate in candidates {
            let range = candidate.offset..<candidate.end
            guard range.upperBound <= size ?? .max, UInt64(candidate.length) <= blockSize else {
                counters.extentsOutside += 1
                continue
            }
            let missing = holdings.covered.missing(within: range)
            guard !missing.isEmpty else {
                counters.extentsKnown += 1
                continue
            }
            let hasRoom =
                holdings.covered.ranges.count < limits.rangesPerVersionMax || holdings.covered.touches(range)
            guard hasRoom, extents.count < limits.extentsPerPageMax else {
                counters.rangesRefused += 1
                for range in missing { holdings.reported.report(range, .limit) }
                continue
            }
            extents.append(candidate)
            holdings.extentCount += 1
            holdings.covered.insert(range)
            if !holdings.reported.entries.isEmpty { healed += holdings.reported.withdraw(range) }
            for range in missing { joined += range.upperBound - range.lowerBound }
            counters.extentsJoined += 1
        }
        if !wasEmpty, joined > 0 { extents.sort { ($0.offset, $0.length) < ($1.offset, $1.length) } }
        if !holdings.slices.isEmpty {
            let covered = holdings.covered
            holdings.slices.removeAll { covered.contains($0.offset..<$0.end) }
        }
        return joined
    }

    private mutating func admit(_ slices: [BlockSlice], to holdings: inout Holdings, size: UInt64?) {
        for slice in slices where slice.end <= size ?? .max {
            let isKnown =
                holdings.covered.contains(slice.offset..<slice.end) || holdings.slices.contains(slice)
            guard !isKnown else { continue }
            guard holdings.slices.count < limits.slicesPerVersionMax else {
                counters.slicesRefused += 1
                holdings.reported.report(slice.offset..<slice.end, .limit)
                continue
            }
            holdings.slices.append(slice)
        }
    }

    /// Moves extents from the record to pages.
    private mutating func movePages(of holdings: inout Holdings, _ owner: ManifestOwner) throws(CatalogError) {
        var rest = holdings.inlineExtents[...]
        while let first = rest.first {
            let page = first.offset / pageSpan
            let end = rest.firstIndex { $0.offset / pageSpan != page } ?? rest.endIndex
            overlay.set(CatalogKey.page(owner, page), in: .manifests, ManifestPage.encode(Array(rest[..<end])))
            rest = rest[end...]
        }
        holdings.inlineExtents = []
        holdings.pageSpan = pageSpan
    }

    /// Joins what `source` holds with a version, page by page, moved `distance` bytes towards the end and limited to the
    /// first `length` bytes of the source (nil: all).
    mutating func join(
        _ source: Holdings, of owner: ManifestOwner, movedBy distance: UInt64, limitedTo length: UInt64?,
        to version: inout VersionRecord, at time: UInt64
    ) throws(CatalogError) -> UInt64 {
        var joined: UInt64 = 0
        func moved(_ extents: [Extent]) -> [Extent] {
            extents.compactMap { extent in
                guard extent.end <= length ?? .max, !extent.end.addingReportingOverflow(distance).overflow else {
                    return nil
                }
                return Extent(
                    offset: extent.offset + distance, length: extent.length, fingerprint: extent.fingerprint)
            }
        }
        if source.isPaged {
            for key in try pageKeys(owner) {
                guard let bytes = try value(of: key, in: .manifests) else { continue }
                var contribution = Contribution()
                contribution.extents = moved(try ManifestPage.decode(bytes))
                joined += try join(contribution, to: &version, at: time)
            }
        }
        var contribution = Contribution()
        contribution.extents = moved(source.inlineExtents)
        contribution.slices = source.slices.compactMap { slice in
            guard slice.end <= length ?? .max, !slice.end.addingReportingOverflow(distance).overflow else { return nil }
            var slice = slice
            slice.offset += distance
            return slice
        }
        contribution.reported = source.reported.shifted(by: distance, limitedTo: length)
        joined += try join(contribution, to: &version, at: time)
        return joined
    }

    /// Brings the version's state in line with what is held and checked.
    mutating func settle(_ version: inout VersionRecord) throws(CatalogError) {
        guard version.kind == .object else { return }
        if version.isWhole, version.state == .partial {
            version.offGridCells = try offGridCells(of: version, from: 0, max: .max).count
        }
        if version.isWhole { version.copySource = nil }
        try prune(&version)
        version.state = version.settledState
    }
}

extension VersionRecord {
    /// Remembers that a reported gap was filled.
    fileprivate mutating func heal(_ entry: ReportedGaps.Entry, at time: UInt64, max: Int) {
        let length = entry.range.upperBound - entry.range.lowerBound
        if let last = healed.last, last.cause == entry.cause, last.time == time,
            last.offset + last.length == entry.range.lowerBound
        {
            healed[healed.count - 1].length += length
            return
        }
        healed.append(HealedGap(offset: entry.range.lowerBound, length: length, cause: entry.cause, time: time))
        if healed.count > max { healed.removeFirst(healed.count - max) }
    }
}
