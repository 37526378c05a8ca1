public import Blocks

extension CatalogReading where Self: ~Copyable {
    /// Visits the extents of a version that end behind `offset`, sorted by their own offset. They may overlap.
    public func visitExtents(
        of version: VersionRecord, from offset: UInt64 = 0,
        _ visit: (Extent) throws(CatalogError) -> VisitStep
    ) throws(CatalogError) {
        try visitExtents(
            of: version.holdings, owner: .version(CatalogKey.version(version.id)), from: offset, visit)
    }

    func visitExtents(
        of holdings: Holdings, owner: @autoclosure () -> ManifestOwner, from offset: UInt64 = 0,
        _ visit: (Extent) throws(CatalogError) -> VisitStep
    ) throws(CatalogError) {
        guard holdings.isPaged else {
            for extent in holdings.inlineExtents where extent.end > offset {
                if try visit(extent) == .stop { return }
            }
            return
        }
        // An extent is at most a block long: the page before the one of `offset` matters only for its last block.
        let longest = holdings.pageSpan / ManifestPage.blocks
        let firstPage = (offset - min(offset, longest)) / holdings.pageSpan
        let owner = owner()
        try scan(.manifests, prefix: CatalogKey.pages(owner), from: CatalogKey.page(owner, firstPage)) {
            (_, value) throws(CatalogError) in
            for extent in try ManifestPage.decode(value) where extent.end > offset {
                if try visit(extent) == .stop { return .stop }
            }
            return .next
        }
    }

    /// Visits what stands in `range` of a version, ascending and without overlap; where nothing is held there is a hole.
    public func visitPieces(
        of version: VersionRecord, in range: Range<UInt64>,
        _ visit: (ManifestPiece) throws(CatalogError) -> VisitStep
    ) throws(CatalogError) {
        var position = range.lowerBound
        try visitExtents(of: version, from: range.lowerBound) { extent throws(CatalogError) in
            guard position < range.upperBound, extent.offset < range.upperBound else { return .stop }
            guard extent.end > position else { return .next }
            let start = max(position, extent.offset)
            let end = min(extent.end, range.upperBound)
            position = end
            return try visit(
                ManifestPiece(
                    offset: start, length: UInt32(end - start), skip: UInt32(start - extent.offset),
                    blockLength: extent.length, fingerprint: extent.fingerprint))
        }
    }

    /// The pieces of ``visitPieces(of:in:_:)`` in a list.
    public func pieces(of version: VersionRecord, in range: Range<UInt64>) throws(CatalogError) -> [ManifestPiece] {
        var pieces: [ManifestPiece] = []
        try visitPieces(of: version, in: range) { piece in
            pieces.append(piece)
            return .next
        }
        return pieces
    }

    /// All extents of a version in a list. For versions of moderate size: a gigabyte has some ten thousands.
    public func extents(of version: VersionRecord) throws(CatalogError) -> [Extent] {
        var extents: [Extent] = []
        try visitExtents(of: version) { extent in
            extents.append(extent)
            return .next
        }
        return extents
    }
}
