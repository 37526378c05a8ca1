/// The keys of an unlocked vault. Any number of threads may share them; they are wiped when the last one lets go.
public final class VaultKeys: Sendable {
    /// The vault's id, 16 bytes, in the order in which it is printed.
    public let vault: [UInt8]
    /// The epoch whose key encrypts what is written now.
    public let currentEpoch: UInt32
    /// Makes fingerprints that say nothing to who lacks it. One for the vault's life: equal blocks must stay equal.
    let fingerprints: SecretBytes
    /// Encrypts and authenticates the catalog, a view that can be made anew.
    let catalog: SecretBytes
    /// Data keys by epoch.
    let epochs: [UInt32: SecretBytes]

    init(
        vault: [UInt8], fingerprints: SecretBytes, catalog: SecretBytes, epochs: [UInt32: SecretBytes],
        currentEpoch: UInt32
    ) {
        precondition(vault.count == 16, "a vault's id has 16 bytes")
        self.vault = vault
        self.fingerprints = fingerprints
        self.catalog = catalog
        self.epochs = epochs
        self.currentEpoch = currentEpoch
    }

    /// New random keys of a new vault.
    public static func random(vault: [UInt8]) throws(EncryptionError) -> VaultKeys {
        VaultKeys(
            vault: vault, fingerprints: try .random(count: 32), catalog: try .random(count: 32),
            epochs: [1: try .random(count: 32)], currentEpoch: 1)
    }

    /// The same keys and one more, which encrypts from now on.
    public func withNextEpoch() throws(EncryptionError) -> VaultKeys {
        var epochs = epochs
        let next = (epochs.keys.max() ?? 0) + 1
        epochs[next] = try .random(count: 32)
        return VaultKeys(
            vault: vault, fingerprints: fingerprints, catalog: catalog, epochs: epochs, currentEpoch: next)
    }

    /// A hash that turns the SHA-256 of a block into its fingerprint.
    public func makeFingerprintHash() throws(EncryptionError) -> KeyedHash { try KeyedHash(fingerprints) }

    /// A key for one purpose of the catalog, derived by its name.
    public func catalogKey(_ purpose: String) throws(EncryptionError) -> SecretBytes {
        var hash = try KeyedHash(catalog)
        var code = unsafe try hash.code(of: Array(purpose.utf8).span.bytes)
        let key = unsafe SecretBytes(copying: code.span.bytes)
        for index in 0..<32 { code[index] = 0 }
        return key
    }

    func dataKey(_ epoch: UInt32) throws(EncryptionError) -> SecretBytes {
        guard let key = epochs[epoch] else { throw .unknownEpoch(epoch) }
        return key
    }
}
