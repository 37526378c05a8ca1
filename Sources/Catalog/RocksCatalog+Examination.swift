internal import CRocksDB
internal import CRocksEncryption

extension RocksCatalog {
    /// Reads every table file whole and compares it with its checksums. Throws ``CatalogError/corrupt(path:reason:)`` with
    /// the file's name at the first that is not what was written.
    ///
    /// Rows that are not in table files yet were proven when the catalog was opened.
    public func verifyFiles() throws(CatalogError) {
        var failure = RocksFailure()
        unsafe failure.collect { unsafe oxbow_rocks_verify(database, $0) }
        if let message = failure.text { throw CatalogError(rocksDB: message, path: path, operation: "verify") }
    }
}
