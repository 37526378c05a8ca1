public import Blocks
public import Compression
public import Encryption
internal import FoundationEssentials
internal import Storage

// Folders of vaults that have a backend. On the medium:
//
// - `vault.json`, `keys.json`: as in the folder; what the vault is, and its wrapped keys
// - `writers/<writer>.json`: one for each folder that writes or wrote
// - `segments/<writer>/<number>.oxs`

extension VaultLifecycle {
    /// Makes a folder that writes to a backend: of a new vault, or of the one that the backend has. In the second case
    /// `secret` must open it, and the other settings must be its own or nil. True: the vault was there.
    public static func create(
        at path: String, backend: VaultBackend, blockSize: BlockSize? = nil, compression: CompressionMethod? = nil,
        secret: VaultSecret? = nil
    ) throws(VaultError) -> (about: VaultDescription, isJoined: Bool) {
        try backend.check()
        let layout = VaultLayout(root: path)
        try prepareFolder(layout)
        let lock = try VaultLock(layout)
        if (try? VaultDescription(reading: layout)) != nil { throw .alreadyAVault(path: layout.root) }
        let medium = try BackendFiles.open(backend.url)
        var backend = backend
        backend.writer = try BackendFiles.claimWriter(on: medium)
        // Before vault.json, which makes the folder a vault: one that forgot its backend would write to its folder alone.
        try backend.write(to: layout)
        let isJoined = try BackendFiles.fetch(to: layout, from: medium)
        let about = try describe(layout, blockSize: blockSize, compression: compression, secret: secret)
        let keys = try VaultKeyring.unlock(layout, about, secret)
        if !isJoined { try BackendFiles.publish(layout, to: medium) }
        _ = try VaultRecovery.openForWriting(layout, about, keys)
        _ = consume lock
        return (about, isJoined)
    }
}

extension VaultRebuild {
    /// Makes a folder for a vault that its backend has, from that alone, and its catalog.
    ///
    /// Without `writer` the folder shows what all writers stored, and only reads. With one it goes on in the place of the
    /// folder that wrote as that writer, which must be gone for good.
    public static func restore(
        from url: String, to path: String, as writer: UInt32? = nil, secret: VaultSecret? = nil,
        checksBlocks: Bool = false, progress: (_ done: UInt64, _ total: UInt64) -> Void = { _, _ in }
    ) throws(VaultError) -> Report {
        let layout = VaultLayout(root: path)
        try VaultLifecycle.prepareFolder(layout)
        if (try? VaultDescription(reading: layout)) != nil { throw .alreadyAVault(path: layout.root) }
        let medium = try BackendFiles.open(url)
        var backend = VaultBackend(url: url)
        if let writer {
            backend.writer = writer
            backend.firstSequence = try BackendFiles.sequence(after: writer, on: medium)
        }
        try backend.write(to: layout)
        guard try BackendFiles.fetch(to: layout, from: medium) else {
            throw .backend(place: medium.place, reason: "there is no vault; `oxbow vault init --backend` makes one")
        }
        return try run(at: path, secret: secret, checksBlocks: checksBlocks, progress: progress)
    }
}

/// What a vault keeps on its medium beside segments.
enum BackendFiles {
    private static let bytesMax: UInt64 = 1 << 20

    /// Opens a medium, and repeats what fails in passing.
    static func open(_ url: String) throws(VaultError) -> any SegmentMedium {
        try asVaultError { () throws(StorageError) in RetryingMedium(try SegmentMedia.open(url)) }
    }

    /// Brings `keys.json` and `vault.json` into a folder; false when the medium has no vault.
    static func fetch(to layout: VaultLayout, from medium: any SegmentMedium) throws(VaultError) -> Bool {
        func bytes(_ name: String) throws(VaultError) -> [UInt8]? {
            try asVaultError { () throws(StorageError) in try medium.contents(of: name, limit: bytesMax) }
        }
        guard let about = try bytes("vault.json") else { return false }
        if let keys = try bytes("keys.json") { try writeFileDurably(layout.keys, keys) }
        try writeFileDurably(layout.description, about)
        return true
    }

    /// Puts `keys.json` and `vault.json` of a new vault on the medium, the keys first.
    static func publish(_ layout: VaultLayout, to medium: any SegmentMedium) throws(VaultError) {
        let about = try readWholeFile(layout.description, limit: Int(bytesMax))
        if let keys = try? readWholeFile(layout.keys, limit: Int(bytesMax)) { try put("keys.json", keys, medium) }
        try put("vault.json", about, medium)
    }

    /// Puts a changed `vault.json` and `keys.json` in the place of the medium's.
    static func replace(_ layout: VaultLayout) throws(VaultError) {
        guard let backend = try VaultBackend(reading: layout) else { return }
        let medium = try open(backend.url)
        for (name, path) in [("keys.json", layout.keys), ("vault.json", layout.description)] {
            guard let bytes = try? readWholeFile(path, limit: Int(bytesMax)) else { continue }
            try asVaultError { () throws(StorageError) in
                if try medium.contents(of: name, limit: bytesMax) == bytes { return }
                _ = try medium.put(name, bytes, onlyIfAbsent: false)
            }
        }
    }

    private static func put(_ name: String, _ bytes: [UInt8], _ medium: any SegmentMedium) throws(VaultError) {
        try asVaultError { () throws(StorageError) in
            guard try medium.put(name, bytes, onlyIfAbsent: true) == .present else { return }
            // A repeated put may meet its own first attempt.
            guard try medium.contents(of: name, limit: bytesMax) != bytes else { return }
            throw .medium(
                operation: "make a vault in", place: medium.place,
                reason: "somebody else made one at this moment. Empty this folder and say `oxbow vault init` again",
                isPassing: false)
        }
    }

    /// Draws a writer's number that nobody has, and leaves word that it is taken.
    static func claimWriter(on medium: any SegmentMedium) throws(VaultError) -> UInt32 {
        while true {
            let writer = UInt32.random(in: 1...UInt32.max)
            let name = "writers/\(SegmentNumber.name(ofWriter: writer)).json"
            let bytes = Array("{\"created\": \(wallClock()), \"token\": \"\(VaultID.random())\"}\n".utf8)
            let isOurs = try asVaultError { () throws(StorageError) in
                if try medium.put(name, bytes, onlyIfAbsent: true) == .stored { return true }
                // A repeated put may meet its own first attempt.
                return try medium.contents(of: name, limit: bytesMax) == bytes
            }
            if isOurs { return writer }
        }
    }

    /// Where a folder begins to count that goes on in the place of a lost one: so far on that it meets none of the
    /// numbers that the lost one may have used without sending them.
    static func sequence(after writer: UInt32, on medium: any SegmentMedium) throws(VaultError) -> UInt32 {
        let name = SegmentNumber.name(ofWriter: writer)
        let objects = try asVaultError { () throws(StorageError) in try medium.objects(under: "segments/\(name)/") }
        let isKnown = try asVaultError { () throws(StorageError) in try medium.size(of: "writers/\(name).json") } != nil
        guard isKnown || !objects.isEmpty else {
            throw .backend(place: medium.place, reason: "no writer \(name) ever wrote there; leave --writer out")
        }
        let last = objects.compactMap { SegmentNumber(objectName: $0.name)?.sequence }.max() ?? 0
        guard last < UInt32.max - 2 * Self.takeOverStep else {
            throw .backend(place: medium.place, reason: "writer \(name) has used up its numbers; leave --writer out")
        }
        return (last / takeOverStep + 1) * takeOverStep + 1
    }

    private static let takeOverStep: UInt32 = 65_536

    /// Marks the segments that the medium has: those of the folder's writer, or of all writers in a folder that reads.
    static func markStored(_ backend: VaultBackend, _ directory: SegmentDirectory) throws(VaultError) {
        let medium = try open(backend.url)
        try asVaultError { () throws(StorageError) in
            let folder = backend.writer.map { "segments/\(SegmentNumber.name(ofWriter: $0))/" } ?? "segments/"
            for object in try medium.objects(under: folder) {
                guard let number = SegmentNumber(objectName: object.name)?.value else { continue }
                // Rewritten elsewhere, and about to go.
                if directory.isRetired(number) { continue }
                // A mark that a crash damaged counts as none.
                let known = try? directory.stored(number)
                if known?.size == object.size { continue }
                try directory.markStored(number, StoredSegment(size: object.size))
            }
        }
    }
}
