public import Blocks
internal import Objects

// Pieces become whole blocks of the grid, so that the same content deduplicates however it came.

extension Ledger {
    /// Ranges to be written as one block, at most `max`. Work that is not carried out is not handed out again by this
    /// ledger; ``CatalogReading/pendingRegrid(after:max:)`` and ``queueRegrid(_:)`` find it later.
    public mutating func takeRegridWork(max: Int) throws(CatalogError) -> [RegridWork] {
        var work: [RegridWork] = []
        while work.count < max, let id = regridQueue.take(1).first {
            let from = regridCursors.removeValue(forKey: id) ?? 0
            guard let version = try version(id), version.isPresent, version.needsRegrid else { continue }
            let left = max - work.count
            if !version.holdings.slices.isEmpty {
                for slice in version.holdings.slices.prefix(left) {
                    let piece = ManifestPiece(
                        offset: slice.offset, length: slice.length, skip: slice.skip, blockLength: 0,
                        fingerprint: slice.fingerprint)
                    work.append(
                        RegridWork(
                            version: id, revision: version.revision, offset: slice.offset, length: slice.length,
                            pieces: [piece]))
                }
                continue
            }
            guard let size = version.size else { continue }
            let cells = try offGridCells(of: version, from: from, max: left)
            for cell in cells.offsets {
                let range = cell..<min(cell + blockSize, size)
                work.append(
                    RegridWork(
                        version: id, revision: version.revision, offset: cell,
                        length: UInt32(range.upperBound - range.lowerBound),
                        pieces: try pieces(of: version, in: range)))
            }
            if cells.offsets.count == left, let last = cells.offsets.last {
                regridCursors[id] = last + blockSize
                _ = regridQueue.add(id, max: .max)
            }
        }
        return work
    }

    /// Queues a version that ``CatalogReading/pendingRegrid(after:max:)`` found.
    public mutating func queueRegrid(_ id: VersionID) { _ = regridQueue.add(id, max: limits.workQueueMax) }

    /// Puts a block in the place of the pieces it was made of. The caller promises that its bytes are those of the pieces.
    /// False when the version is gone, its bytes were replaced, or the range is not wholly held.
    public mutating func replaceExtents(
        of id: VersionID, revision: UInt64, with block: Extent
    ) throws(CatalogError) -> Bool {
        guard var version = try version(id), version.revision == revision, block.length > 0 else { return false }
        let isSlice = version.holdings.slices.contains { $0.offset == block.offset && $0.length == block.length }
        if isSlice {
            var contribution = Contribution()
            contribution.extents = [block]
            _ = try join(contribution, to: &version, at: version.lastSeen)
            version.holdings.slices.removeAll { $0.offset == block.offset && $0.length == block.length }
        } else {
            guard let size = version.size, block.offset % blockSize == 0, block.offset < size,
                block.end == min(block.offset + blockSize, size),
                version.holdings.covered.contains(block.offset..<block.end)
            else { return false }
            try replace(block, in: &version, size: size)
        }
        var context = try begin(version.name)
        try settle(&version)
        try write(version, in: &context)
        try finish(context)
        // More slices, or cells that only now can be counted, wait.
        if isSlice, version.needsRegrid { queueRegrid(id) }
        return true
    }

    /// Puts a whole block in its cell; the pieces that lie within go. Pieces across a border stay, true as they are, until
    /// all cells are blocks.
    private mutating func replace(
        _ block: Extent, in version: inout VersionRecord, size: UInt64
    ) throws(CatalogError) {
        var wasOnGrid = false
        let owner = ManifestOwner.version(CatalogKey.version(version.id))
        try editExtents(of: &version.holdings, owner, page: block.offset / pageSpan) { extents in
            wasOnGrid = extents.contains { $0.offset == block.offset && $0.end == block.end }
            extents.removeAll { $0.offset >= block.offset && $0.end <= block.end }
            extents.insert(block, at: extents.firstIndex { $0.offset >= block.offset } ?? extents.count)
        }
        if !wasOnGrid, version.offGridCells > 0 { version.offGridCells -= 1 }
    }

    /// Drops what whole blocks made redundant: when every cell is a block, anything else.
    mutating func prune(_ version: inout VersionRecord) throws(CatalogError) {
        guard version.isWhole, version.offGridCells == 0, let size = version.size else { return }
        let blockSize = blockSize
        let cells = size / blockSize + (size % blockSize == 0 ? 0 : 1)
        guard version.holdings.extentCount > cells else { return }
        let owner = ManifestOwner.version(CatalogKey.version(version.id))
        let pages = version.holdings.isPaged ? try pageKeys(owner).map { $0.bigEndian(at: $0.count - 8) } : [0]
        for page in pages {
            try editExtents(of: &version.holdings, owner, page: page) { extents in
                var next: UInt64 = 0
                extents.removeAll { extent in
                    let isBlock =
                        extent.offset % blockSize == 0 && extent.offset >= next
                        && extent.end == min(extent.offset + blockSize, size)
                    if isBlock { next = extent.end }
                    return !isBlock
                }
            }
        }
    }

    /// Edits the extents of a page, or those of the record.
    private mutating func editExtents(
        of holdings: inout Holdings, _ owner: ManifestOwner, page: UInt64, _ edit: (inout [Extent]) -> Void
    ) throws(CatalogError) {
        var extents = holdings.inlineExtents
        let key = CatalogKey.page(owner, page)
        if holdings.isPaged { extents = try value(of: key, in: .manifests).map(ManifestPage.decode) ?? [] }
        let before = UInt64(extents.count)
        edit(&extents)
        holdings.extentCount = holdings.extentCount + UInt64(extents.count) - before
        if !holdings.isPaged {
            holdings.inlineExtents = extents
        } else if extents.isEmpty {
            overlay.set(key, in: .manifests, nil)
        } else {
            try put(key, in: .manifests, ManifestPage.encode(extents))
        }
    }

    /// Cells of the grid that no single block fills, from the cell at `start` on: their number, and the offsets of the
    /// first `max` of them.
    func offGridCells(
        of version: VersionRecord, from start: UInt64, max: Int
    ) throws(CatalogError) -> (count: UInt64, offsets: [UInt64]) {
        guard let size = version.size else { return (0, []) }
        let blockSize = blockSize
        var next = start
        var count: UInt64 = 0
        var offsets: [UInt64] = []
        // A version may have billions of cells: only a caller that hands them out wants the list.
        func skip(to offset: UInt64) {
            count += (offset - next + blockSize - 1) / blockSize
            while next < offset {
                if max != .max, offsets.count < max { offsets.append(next) }
                if max == .max || offsets.count == max { break }
                next += blockSize
            }
            next = offset
        }
        try visitExtents(of: version, from: start) { extent in
            guard extent.offset % blockSize == 0, extent.offset >= next,
                extent.end == min(extent.offset + blockSize, size)
            else { return .next }
            skip(to: extent.offset)
            next = extent.end == size ? size : extent.end
            return max != .max && offsets.count >= max ? .stop : .next
        }
        if next < size { skip(to: size) }
        return (count, offsets)
    }
}
