public import Blocks
public import Compression
public import Encryption
internal import Storage

/// Makes vaults, and changes what may change of them.
public enum VaultLifecycle {
    /// Makes an empty vault in the folder `path`, which must be new or empty; an encrypted one when there is a secret.
    public static func create(
        at path: String, blockSize: BlockSize? = nil, compression: CompressionMethod? = nil,
        secret: VaultSecret? = nil
    ) throws(VaultError) -> VaultDescription {
        let layout = VaultLayout(root: path)
        try prepareFolder(layout)
        let lock = try VaultLock(layout)
        if (try? VaultDescription(reading: layout)) != nil { throw .alreadyAVault(path: layout.root) }
        let about = try describe(layout, blockSize: blockSize, compression: compression, secret: secret)
        // Whole at once: a reader must not find a vault without segments or catalog.
        _ = try VaultRecovery.openForWriting(layout, about, VaultKeyring.unlock(layout, about, secret))
        _ = consume lock
        return about
    }

    /// True when the vault in the folder `path` opens with a secret only.
    public static func needsKey(_ path: String) -> Bool {
        (try? VaultDescription(reading: VaultLayout(root: path)))?.isEncrypted ?? false
    }

    /// Moves a vault to the current format; the format it had.
    ///
    /// Format 2 differs from 1 by what may be stored, not by what is: nothing but the description is written, atomically.
    public static func upgrade(at path: String) throws(VaultError) -> Int {
        var found = 0
        try change(at: path) { about in
            found = about.format
            guard about.format < VaultDescription.currentFormat else { return }
            about.format = VaultDescription.currentFormat
            about.compression = VaultDescription.standardCompression
        }
        return found
    }

    /// Sets how new blocks are made smaller; those that are stored stay as they are.
    public static func setCompression(_ compression: CompressionMethod, at path: String) throws(VaultError) {
        try change(at: path) { (about) throws(VaultError) in
            try check(compression, about, path: path)
            about.compression = compression
        }
    }

    /// Changes what opens an encrypted vault, or begins a new epoch of its data keys. Writes `keys.json` and no data.
    ///
    /// `new` replaces everything that opened the vault, or comes beside it with `keepingOthers`; nil leaves that as it is.
    /// `startsEpoch`: what is written from now on is encrypted with a new key.
    public static func rekey(
        at path: String, with secret: VaultSecret, to new: VaultSecret?, keepingOthers: Bool = false,
        startsEpoch: Bool = false
    ) throws(VaultError) {
        let layout = VaultLayout(root: path)
        let about = try VaultDescription(reading: layout)
        guard about.isEncrypted else { throw .notEncrypted(path: layout.root) }
        // A writer goes on with the keys that it has; two that change them would undo one another.
        let lock = try VaultLock(layout)
        // Of a vault with a backend, other folders may have changed its keys.
        if let backend = try VaultBackend(reading: layout) {
            _ = try BackendFiles.fetch(to: layout, from: BackendFiles.open(backend.url))
        }
        let file = try VaultKeyring.read(layout, about)
        let changed = try VaultKeyring.asVaultError(layout) { () throws(EncryptionError) in
            var file = file
            if startsEpoch { file = try file.withNextEpoch(secret) }
            if let new { file = try file.reopened(by: new, with: secret, keepingOthers: keepingOthers) }
            return file
        }
        try VaultKeyring.write(changed, layout)
        try BackendFiles.replace(layout)
        _ = consume lock
    }

    private static func change(
        at path: String, _ body: (inout VaultDescription) throws(VaultError) -> Void
    ) throws(VaultError) {
        let layout = VaultLayout(root: path)
        // Before the lock, which would leave its file in a folder that is no vault.
        _ = try VaultDescription(reading: layout)
        let lock = try VaultLock(layout)
        var about = try VaultDescription(reading: layout)
        let before = about
        try body(&about)
        if about != before {
            try about.write(to: layout)
            try BackendFiles.replace(layout)
        }
        _ = consume lock
    }

    /// Makes the folder, and refuses one that holds anything but a vault or the beginnings of one.
    static func prepareFolder(_ layout: VaultLayout) throws(VaultError) {
        try makeFolder(layout.root)
        let names = try namesInFolder(layout.root)
        guard !names.contains("vault.json") else { return }
        // A half-made vault has nothing else: it is finished now.
        let own: Set = ["lock", "backend.json", "vault.json.new", "keys.json", "keys.json.new", "segments", "catalog"]
        guard names.allSatisfy(own.contains) else { throw .notEmpty(path: layout.root) }
    }

    /// Reads `vault.json`, or writes a new one when the vault has none yet.
    static func describe(
        _ layout: VaultLayout, blockSize: BlockSize?, compression: CompressionMethod?, secret: VaultSecret?
    ) throws(VaultError) -> VaultDescription {
        do throws(VaultError) {
            let about = try VaultDescription(reading: layout)
            if let blockSize, blockSize != about.blockSize {
                throw .blockSize(path: layout.root, found: about.blockSize.bytes, asked: blockSize.bytes)
            }
            if let compression { try check(compression, about, path: layout.root) }
            return about
        } catch {
            guard case .notAVault = error else { throw error }
            let about = VaultDescription(
                blockSize: blockSize ?? .standard, created: wallClock(),
                compression: compression ?? VaultDescription.standardCompression, isEncrypted: secret != nil)
            if let secret {
                // Before the description, which makes it a vault: one without keys could never be read.
                let file = try VaultKeyring.asVaultError(layout) { () throws(EncryptionError) in
                    try KeyFile(.random(vault: about.id.bytes), openedBy: secret)
                }
                try VaultKeyring.write(file, layout)
            }
            try about.write(to: layout)
            return about
        }
    }

    private static func check(
        _ compression: CompressionMethod, _ about: VaultDescription, path: String
    ) throws(VaultError) {
        guard about.format > 1 || compression == .none else {
            throw .needsUpgrade(path: path, found: about.format, feature: "compression")
        }
    }
}
