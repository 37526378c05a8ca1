public import Blocks
internal import Catalog
public import Compression
public import Encryption
internal import Objects
internal import Storage

/// How a vault is exported.
public struct ExportOptions: Sendable {
    /// Block size of a new vault; nil: the source's. An existing one must have it.
    public var blockSize: BlockSize?
    /// How blocks are made smaller; nil: as the source's, or as an existing vault is set to.
    public var compression: CompressionMethod?
    /// What opens the target; nil for a vault in clear.
    public var secret: VaultSecret?
    /// Only names whose URL begins with this.
    public var prefix: String?
    /// Only what was current at this time, nanoseconds since 1970 UTC; nil: every version that is kept.
    public var moment: UInt64?
    /// Reads everything that was added back from the target.
    public var readsBack = true

    /// Everything, as the source has it.
    public init() {}
}

/// What an export did.
public struct ExportReport: Sendable, Hashable, Codable {
    /// Versions and tombstones that were added or brought up to date.
    public var versionsAdded: UInt64 = 0
    /// Versions and tombstones that were there already.
    public var versionsKept: UInt64 = 0
    /// Bytes of objects that were read from the source.
    public var bytesRead: UInt64 = 0
    /// Bytes of blocks that the target lacked.
    public var bytesAdded: UInt64 = 0
    /// Versions that were read back from the target.
    public var versionsReadBack: UInt64 = 0
    /// What could not be exported, or was read back otherwise, in words; empty when all is well.
    public var problems: [String] = []

    /// Nothing done.
    public init() {}
}

/// Copies a vault, or a selection of it, into another vault, which may have other blocks, compression and keys: a backup that
/// can be used as it is. What is there already is not read again, so a second export into the same folder adds what is
/// new, and one that was stopped goes on. Nothing is removed from the target but rows whose place the source corrected.
///
/// Only reads the source: it works beside a tap. It sees what was committed when it began.
public struct VaultExport: ~Copyable {
    private var source: VaultReader
    private let reopen: () throws -> VaultReader
    private var writer: VaultWriter
    private let options: ExportOptions
    private let hasher: BlockHasher
    private var report = ExportReport()
    /// Versions that were added and are not read back yet.
    private var added: [VersionID] = []

    /// An export of the vault that `reopen` opens into the folder `path`.
    public init(to path: String, options: ExportOptions, reopen: @escaping () throws -> VaultReader) throws {
        let source = try reopen()
        let hasher = try BlockHasher()
        let layout = VaultLayout(root: path)
        if let about = try? VaultDescription(reading: layout), about.id == source.about.id {
            throw VaultError.sameVault(path: path)
        }
        let isNew = (try? VaultDescription(reading: layout)) == nil
        writer = try VaultWriter(
            path: path, blockSize: isNew ? options.blockSize ?? source.about.blockSize : options.blockSize,
            compression: options.compression ?? (isNew ? source.about.compression : nil), secret: options.secret)
        self.source = source
        self.reopen = reopen
        self.options = options
        self.hasher = hasher
    }

    /// Runs it. `progress` is called for each version with the number of versions done and of bytes read.
    public mutating func run(progress: (_ versions: UInt64, _ bytes: UInt64) -> Void = { _, _ in }) throws
        -> ExportReport
    {
        var last: ObjectName?
        while true {
            let names = try names(after: last)
            guard let end = names.last else { break }
            for name in names where options.prefix.map({ name.url.hasPrefix($0) }) ?? true {
                try export(name)
                progress(report.versionsAdded + report.versionsKept, report.bytesRead)
            }
            last = end
            if added.count >= Self.readBackAt { try readBack() }
        }
        if options.prefix == nil { try exportEndpoints() }
        try writer.close()
        try readBack()
        report.bytesAdded = writer.counters.newBlockBytes
        return report
    }

    private func names(after last: ObjectName?) throws -> [ObjectName] {
        var names: [ObjectName] = []
        try source.catalog.scan(.names, prefix: [], from: last.map(CatalogKey.name)) { (key, _) throws(CatalogError) in
            let name = try CatalogKey.name(decoding: key)
            if name != last { names.append(name) }
            return names.count < 256 ? .next : .stop
        }
        return names
    }

    private mutating func export(_ name: ObjectName) throws {
        var versions = try source.catalog.versions(of: name)
        if let moment = options.moment {
            versions = versions.filter { $0.stands(asOf: moment) }.prefix(1).map { $0.asOf(moment) }
            versions.removeAll { $0.kind == .tombstone }
        }
        for version in versions.reversed() { try export(version) }
        if options.moment == nil {
            // Read before it was uploaded, to the vault's eyes: the source has it under its true place by now.
            for known in try writer.ledger.versions(of: name)
            where !known.isFromAnswer && !versions.contains(where: { $0.id == known.id }) {
                _ = try writer.ledger.forget(known.id)
            }
        }
        try exportRows(of: name)
        try writer.commitIfDue()
    }

    private mutating func export(_ version: VersionRecord) throws {
        if try writer.ledger.refreshAdoption(of: version) {
            report.versionsKept += 1
            return
        }
        do {
            try copy(version)
        } catch let error as VaultError {
            guard error.isOfSource else { throw error }
            // A collection beside us may have moved the blocks since the source was opened: what is kept has a new place.
            source = try reopen()
            guard let now = try source.catalog.version(version.id) else { return }
            do {
                try copy(options.moment.map { now.asOf($0) } ?? now)
            } catch let error as VaultError {
                guard error.isOfSource else { throw error }
                report.problems.append(error.description)
            }
        }
    }

    /// Copies a version's bytes onto the target's grid, then its row.
    private mutating func copy(_ version: VersionRecord) throws {
        var adopted = try writer.ledger.beginAdoption(of: version)
        let (source, pool) = (source, writer.pool)
        for range in version.holdings.covered.ranges {
            var cutter = ExportCutter(range: range, blockBytes: writer.about.blockSize.bytes)
            defer { cutter.abandon(to: pool) }
            try source.visitBytes(of: version, in: range) { bytes in
                report.bytesRead += UInt64(bytes.byteCount)
                var taken = 0
                while taken < bytes.byteCount {
                    taken += try cutter.take(bytes.extracting(droppingFirst: taken), from: pool)
                    if cutter.isFull { try store(&cutter, into: &adopted) }
                }
            }
            try store(&cutter, into: &adopted)
        }
        try writer.ledger.finishAdoption(of: version, as: adopted)
        report.versionsAdded += 1
        added.append(version.id)
    }

    private mutating func store(_ cutter: inout ExportCutter, into version: inout VersionRecord) throws {
        guard !cutter.blocks.isEmpty else { return }
        var batch = IngestBatch()
        batch.blocks = cutter.blocks
        hasher.hash(&batch.blocks, in: writer.pool)
        try asVaultError { () throws(EncryptionError) in try VaultFingerprints.key(&batch.blocks, writer.keys) }
        try writer.storeBlocks(of: batch)
        let extents = batch.blocks.map { Extent(offset: $0.offset, length: $0.length, fingerprint: $0.fingerprint) }
        try writer.ledger.adopt(extents, into: &version)
        cutter.release(to: writer.pool)
        try writer.commitIfDue()
    }

    /// History and evidence of a name.
    private mutating func exportRows(of name: ObjectName) throws {
        let key = CatalogKey.name(name)
        var history: [(key: [UInt8], value: [UInt8])] = []
        try source.catalog.scan(.history, prefix: key, from: nil) { key, value in
            history.append((key, value))
            return .next
        }
        try writer.ledger.adoptHistory(of: name, rows: history)
        guard options.moment == nil else { return }
        if let value = try source.catalog.value(of: key, in: .evidence) {
            try writer.ledger.adoptRow(key, value, in: .evidence)
        }
    }

    private mutating func exportEndpoints() throws {
        var rows: [(key: [UInt8], value: [UInt8])] = []
        try source.catalog.scan(.endpoints, prefix: [], from: nil) { key, value in
            rows.append((key, value))
            return .next
        }
        for row in rows { try writer.ledger.adoptRow(row.key, row.value, in: .endpoints) }
    }

    /// Reads what was added from the target's files, every block and every digest that once matched.
    private mutating func readBack() throws {
        defer { added = [] }
        guard options.readsBack else { return }
        try writer.commit()
        let target = try writer.makeReader()
        for id in added {
            guard let version = try target.catalog.version(id), version.kind == .object else { continue }
            let check = try target.verify(version)
            report.versionsReadBack += 1
            if check.isDamaged { report.problems += check.problems.map { "\(version.name.url) in the export: \($0)" } }
        }
    }

    /// So many versions are read back together.
    private static var readBackAt: Int { 4096 }
}

extension VaultError {
    /// True for what the source's files may be to blame for, by damage or because they moved.
    fileprivate var isOfSource: Bool {
        switch self {
        case .missingBlock, .damagedBlock, .notHeld: true
        default: false
        }
    }
}
