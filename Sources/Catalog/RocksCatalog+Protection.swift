internal import Encryption

// In a vault with keys, a row of every table has a code behind its value. Rows of the block index have none: a block that
// is not where the index says does not decrypt.

extension RocksCatalog {
    func rowHash(_ protection: CatalogProtection) throws(CatalogError) -> RowHash {
        do throws(EncryptionError) {
            return try protection.makeRowHash()
        } catch {
            throw .storage(path: path, operation: "encryption", reason: error.description)
        }
    }

    /// What is stored for a value: itself, or with its code behind it.
    func row(
        _ value: [UInt8], key: [UInt8], _ table: CatalogTable, _ hash: inout RowHash?
    ) throws(CatalogError) -> [UInt8] {
        do throws(EncryptionError) {
            return try hash?.protect(value, key: key, table) ?? value
        } catch {
            throw .storage(path: path, operation: "encryption", reason: error.description)
        }
    }

    /// The value of a row that has a code behind it.
    func checked(
        _ row: [UInt8], key: [UInt8], _ table: CatalogTable, _ hash: inout RowHash
    ) throws(CatalogError) -> [UInt8] {
        do throws(EncryptionError) {
            if let value = try hash.check(row, key: key, table) { return value }
        } catch {
            throw .storage(path: path, operation: "encryption", reason: error.description)
        }
        throw .corrupt(path: path, reason: "a row of \(table.name) was changed by another hand")
    }
}
