public import Blocks
internal import CRocksDB
internal import Glibc
internal import Synchronization

/// The catalog and the block index in one RocksDB database: a column family per table, one more for the index.
///
/// It is a view of the segment files, never the only place of anything: commits are not forced to the disk, and after a
/// crash the caller replays the log from ``checkpoint()``. A commit is atomic over all tables, so what survives a crash
/// is a sound earlier state.
///
/// Sendable without the compiler's check: the stored properties never change after `init`; RocksDB's DB object may be
/// read and written by any number of threads (RocksDB wiki, "Basic Operations", Concurrency), options and column family
/// handles are only read by those calls, and every other object of the C interface that a call needs (batch, iterator,
/// slices) is made and freed within the call. `deinit` runs when no call can be under way any more.
@safe public final class RocksCatalog: CatalogWriting, @unchecked Sendable {
    /// How a catalog is opened.
    public enum Mode: Sendable, Hashable {
        /// For writing; made when it is missing.
        case create
        /// For writing; it must be there.
        case readWrite
        /// As it was at the moment of opening; other processes may write at the same time. Writing throws.
        case readOnly
    }

    /// Version of the tables and records, kept in the table `meta`.
    static let format = "1"
    /// Keys of `meta` that belong to the catalog itself.
    private static let formatKey = Array("catalog/format".utf8)
    private static let checkpointKey = Array("catalog/checkpoint".utf8)
    /// Every database has this column family; nothing is kept in it.
    private static let families = ["default", "blocks"] + CatalogTable.allCases.map(\.name)

    /// The database's folder.
    public let path: String
    /// How it was opened.
    public let mode: Mode

    let database: OpaquePointer
    let configuration: RocksConfiguration
    /// Outlives the database, which stands on it; nil for a catalog in clear.
    let protection: CatalogProtection?
    /// What ``indexMoment`` is made of; each grows after its write.
    private let indexCommits = Atomic<UInt64>(0)
    let indexWithdrawals = Atomic<UInt64>(0)
    /// In the order of ``families``.
    private let handles: [OpaquePointer]

    /// Opens the catalog in the folder `path`.
    ///
    /// Throws ``CatalogError/locked(path:)``, ``CatalogError/missing(path:)``, ``CatalogError/unfinished(path:)`` (only for
    /// reading), ``CatalogError/corrupt(path:reason:)``, ``CatalogError/wrongVersion(path:found:expected:)`` or
    /// ``CatalogError/storage(path:operation:reason:)``.
    public init(
        path: String, mode: Mode, options: RocksOptions = RocksOptions(), protection: CatalogProtection? = nil
    ) throws(CatalogError) {
        guard mode == .create || Self.exists(path + "/CURRENT") else { throw .missing(path: path) }
        guard
            let configuration = RocksConfiguration(
                options, isReadOnly: mode == .readOnly, createsMissing: mode == .create)
        else { throw .storage(path: path, operation: "open", reason: "out of memory") }
        protection?.attach(to: configuration.database)
        var opened: (database: OpaquePointer, handles: [OpaquePointer])?
        var failure: CatalogError?
        // A writer may replace files between the moment a reader looks for them and the moment it opens them.
        for attempt in 1...(mode == .readOnly ? 5 : 1) {
            do throws(CatalogError) {
                unsafe opened = try unsafe Self.open(path, mode, configuration)
                break
            } catch {
                failure = error
                guard attempt < 5, case .corrupt(_, let reason) = error, reason.contains("No such file") else { break }
            }
        }
        guard let opened = unsafe opened else {
            throw failure ?? .storage(path: path, operation: "open", reason: "no attempt was made")
        }
        unsafe database = unsafe opened.database
        unsafe handles = unsafe opened.handles
        self.configuration = configuration
        self.protection = protection
        self.path = path
        self.mode = mode
        try checkFormat()
    }

    deinit {
        unsafe handles.forEach { unsafe rocksdb_column_family_handle_destroy($0) }
        unsafe rocksdb_close(database)
    }

    private static func exists(_ path: String) -> Bool { unsafe path.withCString { unsafe access($0, F_OK) } == 0 }

    private static func open(
        _ path: String, _ mode: Mode, _ configuration: borrowing RocksConfiguration
    ) throws(CatalogError) -> (database: OpaquePointer, handles: [OpaquePointer]) {
        var failure = RocksFailure()
        let count = families.count
        var options = unsafe [OpaquePointer?]()
        for name in families {
            unsafe options.append(name == "blocks" ? configuration.blocks.pointer : configuration.tables.pointer)
        }
        var handles = unsafe [OpaquePointer?](repeating: nil, count: count)
        let names = unsafe families.map { unsafe UnsafePointer<CChar>(strdup($0)) }
        defer { unsafe names.forEach { unsafe free(UnsafeMutablePointer(mutating: $0)) } }
        let database = unsafe failure.collect { error in
            mode == .readOnly
                ? unsafe rocksdb_open_for_read_only_column_families(
                    configuration.database.pointer, path, Int32(count), names, options, &handles, 0, error)
                : unsafe rocksdb_open_column_families(
                    configuration.database.pointer, path, Int32(count), names, options, &handles, error)
        }
        if let message = failure.text { throw CatalogError(rocksDB: message, path: path, operation: "open") }
        let made = unsafe handles.compactMap(\.self)
        guard let database = unsafe database, unsafe made.count == count else {
            throw .storage(path: path, operation: "open", reason: "RocksDB returned no database")
        }
        return unsafe (database, made)
    }

    private func checkFormat() throws(CatalogError) {
        if let found = try value(of: Self.formatKey, in: .meta) {
            let format = String(decoding: found, as: UTF8.self)
            guard format == Self.format else { throw .wrongVersion(path: path, found: format, expected: Self.format) }
        } else if try !isEmpty() {
            // The format is the first row that is ever written, and RocksDB keeps the order of writes.
            throw .corrupt(path: path, reason: "the row of its format is gone")
        } else if mode == .readOnly {
            throw .unfinished(path: path)
        } else {
            let mutation = CatalogMutation(table: .meta, key: Self.formatKey, value: Array(Self.format.utf8))
            try commit([mutation], index: [], checkpoint: nil)
        }
    }

    private func isEmpty() throws(CatalogError) -> Bool {
        var rows = 0
        for index in 0..<Self.families.count {
            try unsafe scan(handles[index], prefix: [], from: nil) { _, _ in
                rows += 1
                return .stop
            }
        }
        return rows == 0
    }

    /// The column family of a table.
    @unsafe private func family(_ table: CatalogTable) -> OpaquePointer { unsafe handles[Int(table.rawValue) + 1] }

    /// The column family of the block index.
    @unsafe var blockFamily: OpaquePointer { unsafe handles[1] }

    /// The value of a row.
    public func value(of key: [UInt8], in table: CatalogTable) throws(CatalogError) -> [UInt8]? {
        let row = try unsafe get(key, family(table))
        guard let row, let protection else { return row }
        var hash = try rowHash(protection)
        return try checked(row, key: key, table, &hash)
    }

    func get(_ key: [UInt8], _ family: OpaquePointer) throws(CatalogError) -> [UInt8]? {
        var failure = RocksFailure()
        let slice = unsafe key.withUnsafeBytes { key in
            unsafe failure.collect { error in
                unsafe rocksdb_get_pinned_cf(
                    database, configuration.read.pointer, family, key.assumingMemoryBound(to: CChar.self).baseAddress,
                    key.count, error)
            }
        }
        if let message = failure.text { throw CatalogError(rocksDB: message, path: path, operation: "read") }
        guard let slice = unsafe slice else { return nil }
        defer { unsafe rocksdb_pinnableslice_destroy(slice) }
        var length = 0
        let bytes = unsafe rocksdb_pinnableslice_value(slice, &length)
        return unsafe [UInt8](UnsafeRawBufferPointer(start: bytes, count: length))
    }

    /// Visits rows in order, as they were when the scan began.
    public func scan(
        _ table: CatalogTable, prefix: [UInt8], from start: [UInt8]?,
        _ visit: (_ key: [UInt8], _ value: [UInt8]) throws(CatalogError) -> VisitStep
    ) throws(CatalogError) {
        guard let protection else { return try unsafe scan(family(table), prefix: prefix, from: start, visit) }
        var hash = try rowHash(protection)
        try unsafe scan(family(table), prefix: prefix, from: start) { (key, row) throws(CatalogError) in
            try visit(key, try checked(row, key: key, table, &hash))
        }
    }

    func scan(
        _ family: OpaquePointer, prefix: [UInt8], from start: [UInt8]?,
        _ visit: (_ key: [UInt8], _ value: [UInt8]) throws(CatalogError) -> VisitStep
    ) throws(CatalogError) {
        guard
            let iterator = unsafe RocksResource(
                rocksdb_create_iterator_cf(database, configuration.read.pointer, family),
                destroy: { unsafe rocksdb_iter_destroy($0) })
        else { throw .storage(path: path, operation: "scan", reason: "out of memory") }
        var first = prefix
        if let start, prefix.lexicographicallyPrecedes(start) { first = start }
        unsafe first.withUnsafeBytes { bytes in
            // An empty key has no address; RocksDB then begins at the first row.
            if let address = bytes.baseAddress, !first.isEmpty {
                unsafe rocksdb_iter_seek(iterator.pointer, address.assumingMemoryBound(to: CChar.self), bytes.count)
            } else {
                unsafe rocksdb_iter_seek_to_first(iterator.pointer)
            }
        }
        while unsafe rocksdb_iter_valid(iterator.pointer) != 0 {
            var length = 0
            let keyBytes = unsafe rocksdb_iter_key(iterator.pointer, &length)
            let key = unsafe [UInt8](UnsafeRawBufferPointer(start: keyBytes, count: length))
            guard key.starts(with: prefix) else { break }
            let valueBytes = unsafe rocksdb_iter_value(iterator.pointer, &length)
            let value = unsafe [UInt8](UnsafeRawBufferPointer(start: valueBytes, count: length))
            if try visit(key, value) == .stop { return }
            unsafe rocksdb_iter_next(iterator.pointer)
        }
        var failure = RocksFailure()
        unsafe failure.collect { unsafe rocksdb_iter_get_error(iterator.pointer, $0) }
        if let message = failure.text { throw CatalogError(rocksDB: message, path: path, operation: "scan") }
    }

    /// Applies mutations, index entries and the checkpoint in one write.
    public func commit(
        _ mutations: [CatalogMutation], index entries: [BlockIndexEntry], checkpoint: CatalogCheckpoint?
    ) throws(CatalogError) {
        let batch = try RocksBatch(path: path)
        var hash: RowHash?
        if let protection { hash = try rowHash(protection) }
        for mutation in mutations {
            if let value = mutation.value {
                let row = try row(value, key: mutation.key, mutation.table, &hash)
                unsafe batch.put(mutation.key, row, family(mutation.table))
            } else {
                unsafe batch.delete(mutation.key, family(mutation.table))
            }
        }
        for entry in entries { unsafe batch.put(entry, blockFamily) }
        if let checkpoint {
            var encoder = RecordEncoder()
            encoder.number(1, checkpoint.segment)
            encoder.number(2, checkpoint.offset)
            let row = try row(encoder.bytes, key: Self.checkpointKey, .meta, &hash)
            unsafe batch.put(Self.checkpointKey, row, family(.meta))
        }
        try write(batch)
        if !entries.isEmpty { indexCommits.add(1, ordering: .sequentiallyConsistent) }
    }

    /// The index as it is now. What is looked up behind this call is at least as new.
    public var indexMoment: IndexMoment {
        IndexMoment(
            commits: indexCommits.load(ordering: .sequentiallyConsistent),
            withdrawals: indexWithdrawals.load(ordering: .sequentiallyConsistent))
    }

    func write(_ batch: borrowing RocksBatch) throws(CatalogError) {
        guard mode != .readOnly else { throw .readOnly(path: path) }
        var failure = RocksFailure()
        unsafe failure.collect {
            unsafe rocksdb_write(database, configuration.write.pointer, batch.resource.pointer, $0)
        }
        if let message = failure.text { throw CatalogError(rocksDB: message, path: path, operation: "commit") }
    }

    /// The checkpoint of the last commit that carried one.
    public func checkpoint() throws(CatalogError) -> CatalogCheckpoint? {
        guard let bytes = try value(of: Self.checkpointKey, in: .meta) else { return nil }
        var checkpoint = CatalogCheckpoint(segment: 0, offset: 0)
        var decoder = RecordDecoder(bytes, record: "checkpoint")
        while let field = try decoder.next() {
            switch field.number {
            case 1: checkpoint.segment = try decoder.number(field)
            case 2: checkpoint.offset = try decoder.number(field)
            default: break
            }
        }
        return checkpoint
    }

    /// Forces all commits so far to the disk, so that the next open has nothing to replay. For an orderly end.
    public func synchronize() throws(CatalogError) {
        guard mode != .readOnly else { return }
        var failure = RocksFailure()
        unsafe failure.collect { unsafe rocksdb_flush_wal(database, 1, $0) }
        if let message = failure.text { throw CatalogError(rocksDB: message, path: path, operation: "synchronize") }
    }

    /// How much is held and used.
    public var statistics: CatalogStatistics {
        var statistics = CatalogStatistics()
        for table in CatalogTable.allCases {
            statistics.rows[table] = unsafe property("rocksdb.estimate-num-keys", family(table))
        }
        statistics.blocks = unsafe property("rocksdb.estimate-num-keys", blockFamily)
        unsafe handles.forEach { handle in
            statistics.diskBytes += unsafe property("rocksdb.total-sst-files-size", handle)
            statistics.writeBufferBytes += unsafe property("rocksdb.cur-size-all-mem-tables", handle)
            statistics.tableReaderBytes += unsafe property("rocksdb.estimate-table-readers-mem", handle)
        }
        statistics.cacheBytes = unsafe UInt64(rocksdb_cache_get_usage(configuration.cache.pointer))
        return statistics
    }

    private func property(_ name: String, _ family: OpaquePointer) -> UInt64 {
        var value: UInt64 = 0
        return unsafe rocksdb_property_int_cf(database, family, name, &value) == 0 ? value : 0
    }
}

/// A write that is applied as a whole.
@safe struct RocksBatch: ~Copyable {
    let resource: RocksResource

    init(path: String) throws(CatalogError) {
        guard
            let resource = unsafe RocksResource(
                rocksdb_writebatch_create(), destroy: { unsafe rocksdb_writebatch_destroy($0) })
        else { throw .storage(path: path, operation: "commit", reason: "out of memory") }
        self.resource = resource
    }

    func put(_ key: [UInt8], _ value: [UInt8], _ family: OpaquePointer) {
        unsafe key.withUnsafeBytes { key in
            unsafe value.withUnsafeBytes { value in
                unsafe rocksdb_writebatch_put_cf(
                    resource.pointer, family, key.assumingMemoryBound(to: CChar.self).baseAddress, key.count,
                    value.assumingMemoryBound(to: CChar.self).baseAddress, value.count)
            }
        }
    }

    func delete(_ key: [UInt8], _ family: OpaquePointer) {
        unsafe key.withUnsafeBytes { key in
            unsafe rocksdb_writebatch_delete_cf(
                resource.pointer, family, key.assumingMemoryBound(to: CChar.self).baseAddress, key.count)
        }
    }
}
