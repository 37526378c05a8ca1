public import Blocks
public import Objects

/// Bytes of an object that stand in a block.
public struct BlockUse: Sendable, Hashable {
    /// What they are of.
    public enum Owner: Sendable, Hashable {
        /// A version.
        case version(VersionRecord)
        /// A part of an upload that is not in a version yet.
        case part(upload: UploadRecord, number: Int)
    }

    /// What they are of.
    public var owner: Owner
    /// Offset of the first of them within the version or part.
    public var offset: UInt64
    /// Their number.
    public var length: UInt32
    /// How many bytes of the block come before them.
    public var skip: UInt32
    /// The block.
    public var fingerprint: Fingerprint

    /// The object.
    public var name: ObjectName {
        switch owner {
        case .version(let version): version.name
        case .part(let upload, _): upload.name
        }
    }
}

extension CatalogReading where Self: ~Copyable {
    /// Visits every use of those blocks that `isWanted` says, by versions, removed ones too, and by parts of uploads. Reads
    /// all manifests: for what is asked seldom, of many blocks at once.
    public func visitUses(
        where isWanted: (Fingerprint) -> Bool, _ visit: (BlockUse) throws(CatalogError) -> VisitStep
    ) throws(CatalogError) {
        var isDone = false
        try scan(.versions, prefix: [], from: nil) { (key, value) throws(CatalogError) in
            let version = try VersionRecord(id: try CatalogKey.versionID(decoding: key), decoding: value)
            let owner = ManifestOwner.version(key)
            try visitUses(of: version.holdings, by: .version(version), owner, isWanted) { use throws(CatalogError) in
                isDone = try visit(use) == .stop
                return isDone ? .stop : .next
            }
            return isDone ? .stop : .next
        }
        if isDone { return }
        try visitUploads(includingClosed: true) { upload throws(CatalogError) in
            for part in try parts(of: upload) {
                let owner = BlockUse.Owner.part(upload: upload, number: part.number)
                try visitUses(of: part.holdings, by: owner, .part(part.key), isWanted) { use throws(CatalogError) in
                    isDone = try visit(use) == .stop
                    return isDone ? .stop : .next
                }
            }
            return isDone ? .stop : .next
        }
    }

    private func visitUses(
        of holdings: Holdings, by user: BlockUse.Owner, _ owner: ManifestOwner, _ isWanted: (Fingerprint) -> Bool,
        _ visit: (BlockUse) throws(CatalogError) -> VisitStep
    ) throws(CatalogError) {
        try visitExtents(of: holdings, owner: owner) { extent throws(CatalogError) in
            guard isWanted(extent.fingerprint) else { return .next }
            return try visit(
                BlockUse(
                    owner: user, offset: extent.offset, length: extent.length, skip: 0,
                    fingerprint: extent.fingerprint))
        }
        for slice in holdings.slices where isWanted(slice.fingerprint) {
            let use = BlockUse(
                owner: user, offset: slice.offset, length: slice.length, skip: slice.skip,
                fingerprint: slice.fingerprint)
            if try visit(use) == .stop { return }
        }
    }
}
