internal import CRocksDB
internal import CRocksEncryption
public import Encryption

/// What keeps a catalog from strangers' eyes and hands: every file encrypted beneath RocksDB, and a code beside every row.
///
/// Sendable without the compiler's check: nothing changes after `init`; RocksDB's environments serve any number of threads;
/// `deinit` runs when no catalog that uses it is left.
@safe
public final class CatalogProtection: @unchecked Sendable {
    private let environment: OpaquePointer
    private let rowKey: SecretBytes

    /// The protection of a vault with these keys; nil when there is no memory, or the RocksDB that is loaded is laid out
    /// otherwise than this release knows.
    public init?(_ keys: VaultKeys) throws(EncryptionError) {
        rowKey = try keys.catalogKey("catalog rows")
        let made = unsafe try keys.catalogKey("catalog files").withBytes { key in
            unsafe key.withUnsafeBytes { key in
                unsafe oxbow_rocks_encryption_create(key.assumingMemoryBound(to: UInt8.self).baseAddress)
            }
        }
        guard let made = unsafe made else { return nil }
        unsafe environment = made
    }

    deinit { unsafe oxbow_rocks_encryption_destroy(environment) }

    func attach(to options: borrowing RocksResource) {
        unsafe oxbow_rocks_encryption_attach(environment, options.pointer)
    }

    /// What makes and checks the codes of rows, for one thread.
    func makeRowHash() throws(EncryptionError) -> RowHash { RowHash(hash: try KeyedHash(rowKey)) }
}

/// The codes of rows: HMAC-SHA-256 of table, key and value, its first 16 bytes behind the value. Encryption beneath RocksDB
/// hides rows but lets their bits be turned unseen, RocksDB's checksums with them.
struct RowHash: ~Copyable {
    static let byteCount = 16
    fileprivate var hash: KeyedHash

    /// The value with its code behind it.
    mutating func protect(_ value: [UInt8], key: [UInt8], _ table: CatalogTable) throws(EncryptionError) -> [UInt8] {
        let code = try code(of: value, key, table)
        return value + (0..<Self.byteCount).map { code[$0] }
    }

    /// The value without its code; nil when that is not its own.
    mutating func check(_ row: [UInt8], key: [UInt8], _ table: CatalogTable) throws(EncryptionError) -> [UInt8]? {
        guard row.count >= Self.byteCount else { return nil }
        let value = Array(row.dropLast(Self.byteCount))
        let code = try code(of: value, key, table)
        var difference: UInt8 = 0
        for index in 0..<Self.byteCount { difference |= code[index] ^ row[value.count + index] }
        return difference == 0 ? value : nil
    }

    private mutating func code(
        of value: [UInt8], _ key: [UInt8], _ table: CatalogTable
    ) throws(EncryptionError) -> [32 of UInt8] {
        var head: [UInt8] = [table.rawValue]
        head.append(bigEndian: UInt64(key.count))
        head.append(contentsOf: key)
        return unsafe try hash.code(of: head.span.bytes, value.span.bytes)
    }
}
