internal import Blocks
internal import Catalog
public import Encryption
internal import Glibc
internal import Storage

/// Makes a vault's catalog and block index anew from its segment files.
public enum VaultRebuild {
    /// What was found.
    public struct Report: Sendable, Hashable, Codable {
        /// Segment files read.
        public var segments = 0
        /// Block records in them.
        public var blocks: UInt64 = 0
        /// Catalog records in them.
        public var records: UInt64 = 0
        /// Damage, in words; empty when every file is whole.
        public var damage: [String] = []
    }

    /// Rebuilds the vault in the folder `path`. The old catalog stays until the new one is complete. `checksBlocks`: reads
    /// every block, and leaves damaged ones out of the index, so that the next replay of their traffic stores them again.
    /// `progress` is called with the number of segments read and of all.
    public static func run(
        at path: String, secret: VaultSecret? = nil, checksBlocks: Bool = false,
        progress: (_ done: UInt64, _ total: UInt64) -> Void = { _, _ in }
    ) throws(VaultError) -> Report {
        let layout = VaultLayout(root: path)
        let about = try VaultDescription(reading: layout)
        let lock = try VaultLock(layout)
        let keys = try VaultKeyring.unlock(layout, about, secret)
        let store = try VaultRecovery.store(layout, about, keys)
        try makeFolder(layout.segments)
        if let backend = try VaultBackend(reading: layout) { try BackendFiles.markStored(backend, store.directory) }
        let protection = try VaultRecovery.protection(layout, keys)
        let fresh = layout.catalog + ".new"
        if try folderExists(fresh) { try removeFolder(fresh) }
        var report = Report()
        do {
            let catalog = try asVaultError { () throws(CatalogError) in
                try RocksCatalog(path: fresh, mode: .create, protection: protection)
            }
            let numbers = try asVaultError { () throws(StorageError) in try store.segmentNumbers() }
            let writers = Dictionary(grouping: numbers) { SegmentNumber($0).writer }.sorted { $0.key < $1.key }
            for (writer, segments) in writers {
                // The log of each writer is one history; what two of them say of one thing is weighed afterwards.
                let isFirst = writer == writers.first?.key
                let scratch = fresh + ".writer"
                if try folderExists(scratch) { try removeFolder(scratch) }
                let own =
                    isFirst
                    ? catalog
                    : try asVaultError { () throws(CatalogError) in
                        try RocksCatalog(path: scratch, mode: .create, protection: protection)
                    }
                for number in segments {
                    progress(UInt64(report.segments), UInt64(numbers.count))
                    var application = SegmentApplication(
                        segment: number, of: store, to: own, checksBlocks: checksBlocks)
                    try application.apply(from: 0, durableTo: 0)
                    report.damage += application.damage
                    report.segments += 1
                    report.blocks += application.blocks
                    report.records += application.records
                }
                if isFirst { continue }
                try asVaultError { () throws(CatalogError) in
                    var merge = CatalogMerge(of: own, into: catalog)
                    try merge.run()
                }
            }
            if try folderExists(fresh + ".writer") { try removeFolder(fresh + ".writer") }
            try asVaultError { () throws(CatalogError) in try catalog.synchronize() }
        }
        let old = layout.catalog + ".old"
        if try folderExists(old) { try removeFolder(old) }
        if try folderExists(layout.catalog) {
            guard unsafe rename(layout.catalog, old) == 0 else {
                throw .system(operation: "rename", path: layout.catalog, errno: errno)
            }
        }
        guard unsafe rename(fresh, layout.catalog) == 0 else {
            throw .system(operation: "rename", path: fresh, errno: errno)
        }
        try syncFolder(layout.root)
        if try folderExists(old) { try removeFolder(old) }
        _ = consume lock
        return report
    }

    private static func folderExists(_ path: String) throws(VaultError) -> Bool {
        if unsafe access(path, F_OK) == 0 { return true }
        guard errno == ENOENT else { throw .system(operation: "look for", path: path, errno: errno) }
        return false
    }
}
