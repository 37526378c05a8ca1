internal import Encryption
internal import Glibc
internal import Storage

/// Where a vault's keys are, and how they are had.
enum VaultKeyring {
    /// Longest `keys.json`, in bytes.
    private static let fileBytesMax = 1 << 20

    /// The keys of a vault, opened with the owner's secret; nil for a vault in clear.
    static func unlock(
        _ layout: VaultLayout, _ about: VaultDescription, _ secret: VaultSecret?
    ) throws(VaultError) -> VaultKeys? {
        guard about.isEncrypted else {
            // Somebody who took the word `encryption` out of vault.json must not get what comes next in clear.
            guard secret == nil else { throw .notEncrypted(path: layout.root) }
            return nil
        }
        let file = try read(layout, about)
        guard let secret else { throw .needsKey(path: layout.root, kinds: file.kinds.map(\.rawValue)) }
        return try asVaultError(layout) { () throws(EncryptionError) in try file.unlock(secret) }
    }

    /// Reads `keys.json`.
    static func read(_ layout: VaultLayout, _ about: VaultDescription) throws(VaultError) -> KeyFile {
        let bytes: [UInt8]
        do throws(VaultError) {
            bytes = try readWholeFile(layout.keys, limit: fileBytesMax)
        } catch {
            guard case .system(_, _, ENOENT) = error else { throw error }
            throw .damagedKeys(path: layout.keys, reason: "it is not there")
        }
        return try asVaultError(layout) { () throws(EncryptionError) in try KeyFile(bytes, vault: about.id.bytes) }
    }

    /// Writes `keys.json`, whole or not at all.
    static func write(_ file: KeyFile, _ layout: VaultLayout) throws(VaultError) {
        let bytes = try asVaultError(layout) { () throws(EncryptionError) in try file.encoded() }
        try writeFileDurably(layout.keys, bytes)
    }

    /// Runs a call on keys and words its error as the vault's.
    static func asVaultError<Value>(
        _ layout: VaultLayout, _ body: () throws(EncryptionError) -> Value
    ) throws(VaultError) -> Value {
        do throws(EncryptionError) {
            return try body()
        } catch {
            switch error {
            case .wrongSecret: throw .wrongKey(path: layout.root)
            case .malformedKeys, .notAuthentic, .unknownEpoch:
                throw .damagedKeys(path: layout.keys, reason: error.description)
            case .library, .weakSecret: throw .encryption(error.description)
            }
        }
    }
}
