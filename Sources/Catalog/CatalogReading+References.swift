public import Blocks

// What refers to blocks: what a collection must keep.

extension CatalogTable {
    /// The tables whose rows refer to blocks.
    public static let referring: [CatalogTable] = [.versions, .parts, .manifests]

    /// Calls `visit` with every fingerprint that a row of this table refers to; none for tables that refer to no blocks.
    public func visitReferences(
        inRow key: [UInt8], _ value: [UInt8], _ visit: (Fingerprint) -> Void
    ) throws(CatalogError) {
        switch self {
        case .versions:
            try VersionRecord(id: try CatalogKey.versionID(decoding: key), decoding: value).holdings.visitOwn(visit)
        case .parts: try PartRecord(key: key, decoding: value).holdings.visitOwn(visit)
        case .manifests: for extent in try ManifestPage.decode(value) { visit(extent.fingerprint) }
        default: return
        }
    }
}

extension Holdings {
    /// Visits the fingerprints that stand in the record itself, not in pages.
    fileprivate func visitOwn(_ visit: (Fingerprint) -> Void) {
        for extent in inlineExtents { visit(extent.fingerprint) }
        for slice in slices { visit(slice.fingerprint) }
    }
}

extension CatalogReading where Self: ~Copyable {
    /// Visits every fingerprint that a version, a part or a slice refers to, some more than once: what a collection must
    /// keep, beside the blocks of transfers that are still open.
    public func visitReferences(_ visit: (Fingerprint) -> Void) throws(CatalogError) {
        for table in CatalogTable.referring {
            try scan(table, prefix: [], from: nil) { (key, value) throws(CatalogError) in
                try table.visitReferences(inRow: key, value, visit)
                return .next
            }
        }
    }

    /// Visits the references of at most `max` rows of a table from the key `start` on. Returns the key to go on from, or
    /// nil at the table's end.
    public func visitReferences(
        in table: CatalogTable, from start: [UInt8]?, max: Int, _ visit: (Fingerprint) -> Void
    ) throws(CatalogError) -> [UInt8]? {
        var rows = 0
        var next: [UInt8]?
        try scan(table, prefix: [], from: start) { (key, value) throws(CatalogError) in
            guard rows < max else {
                next = key
                return .stop
            }
            rows += 1
            try table.visitReferences(inRow: key, value, visit)
            return .next
        }
        return next
    }
}

extension Ledger {
    /// Visits the blocks of transfers whose events have not come yet: no row refers to them.
    public func visitOpenReferences(_ visit: (Fingerprint) -> Void) {
        for transfer in transfers.values {
            for extent in transfer.extents { visit(extent.fingerprint) }
        }
    }
}
