public import Blocks
internal import CLinux
internal import Catalog
internal import Glibc

/// Why a vault takes nothing more for now.
public enum VaultShortage: Sendable, Hashable, CustomStringConvertible {
    /// The file system has less room than storing may need.
    case disk(path: String, freeBytes: UInt64, neededBytes: UInt64)
    /// The vault's files have reached what its owner allows (`oxbow vault set --quota`).
    case quota(path: String, usedBytes: UInt64, quotaBytes: UInt64)
    /// The vault has as many live objects as its owner allows (`oxbow vault set --quota-objects`).
    case objects(path: String, objects: UInt64, quota: UInt64)

    /// True for limits that the owner set: nothing else fails by them.
    public var isQuota: Bool {
        switch self {
        case .disk: false
        case .quota, .objects: true
        }
    }

    /// What is short, and what gives room.
    public var description: String {
        switch self {
        case .disk(let path, let free, let needed):
            "the file system of vault \(path) has \(free) bytes free, storing needs \(needed); free space there, or run `oxbow collect`"
        case .quota(let path, let used, let quota):
            "vault \(path) has \(used) bytes, its quota is \(quota); raise it (`oxbow vault set --quota`), or run `oxbow collect`"
        case .objects(let path, let objects, let quota):
            "vault \(path) has \(objects) live objects, its quota is \(quota); raise it (`oxbow vault set --quota-objects`)"
        }
    }
}

/// What a vault's files take, looked at once in a while: between two looks what the writer appended is added.
struct VaultRoom {
    private var lookAt: UInt64 = 0
    private var usedBytes: UInt64 = 0
    private var quotaBytes: UInt64?
    /// Live objects that there may be; nil: as many as come.
    private(set) var quotaObjects: UInt64?
    private var storedAtLook: UInt64 = 0

    private static let lookNanoseconds: UInt64 = 1_000_000_000
    /// Left free for the catalog, whose tables are written anew when they are compacted, and for what a collection copies;
    /// on small file systems an eighth of them.
    private static let reserveBytes: UInt64 = 64 << 20

    /// What stands against storing `bytes` more; nil when nothing does. `stored`: bytes that the writer has stored so far.
    mutating func shortage(for bytes: UInt64, stored: UInt64, _ layout: VaultLayout) throws(VaultError)
        -> VaultShortage?
    {
        let now = monotonicClock()
        if now >= lookAt {
            lookAt = now + Self.lookNanoseconds
            // Anew each time: a quota may be raised while the writer waits.
            let about = try VaultDescription(reading: layout)
            (quotaBytes, quotaObjects) = (about.quotaBytes, about.quotaObjects)
            if quotaBytes != nil {
                usedBytes = Self.usedBytes(layout)
                storedAtLook = stored
            }
        }
        if let quotaBytes {
            let used = usedBytes + (stored - storedAtLook)
            if used + bytes > quotaBytes {
                return .quota(path: layout.root, usedBytes: used, quotaBytes: quotaBytes)
            }
        }
        var status = statvfs()
        guard unsafe statvfs(layout.root, &status) == 0 else {
            throw .system(operation: "inspect", path: layout.root, errno: errno)
        }
        let free = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
        let size = UInt64(status.f_blocks).multipliedReportingOverflow(by: UInt64(status.f_frsize))
        if free.overflow || size.overflow { return nil }
        let needed = bytes + min(Self.reserveBytes, size.partialValue / 8)
        return free.partialValue >= needed
            ? nil : .disk(path: layout.root, freeBytes: free.partialValue, neededBytes: needed)
    }

    /// Bytes of the vault's files, without packets that wait in its spool.
    static func usedBytes(_ layout: VaultLayout) -> UInt64 {
        var sum: UInt64 = 0
        for name in (try? namesInFolder(layout.root)) ?? [] where "\(layout.root)/\(name)" != layout.spool {
            sum += bytes(at: "\(layout.root)/\(name)")
        }
        return sum
    }

    private static func bytes(at path: String) -> UInt64 {
        var status = stat()
        // Files go while they are counted.
        guard unsafe lstat(path, &status) == 0 else { return 0 }
        guard status.st_mode & S_IFMT == S_IFDIR else { return UInt64(clamping: status.st_size) }
        return ((try? namesInFolder(path)) ?? []).reduce(0) { $0 + bytes(at: "\(path)/\($1)") }
    }
}

extension VaultWriter {
    /// What stands against storing this batch now; nil when there is room. A run that can wait asks before it appends.
    public mutating func shortage(for batch: IngestBatch) throws(VaultError) -> VaultShortage? {
        let bytes = batch.blocks.reduce(0) { $0 + UInt64($1.length) }
        if let shortage = try room.shortage(for: bytes, stored: counters.storedBlockBytes, layout) { return shortage }
        guard let quota = room.quotaObjects else {
            objectQuota = ObjectQuota()
            return nil
        }
        var objects = objectQuota
        defer { objectQuota = objects }
        return try objects.shortage(
            for: batch, quota: quota, path: layout.root, in: catalog, commit: { () throws(VaultError) in try commit() },
            isLive: { (name) throws(VaultError) in
                let versions = try asVaultError { () throws(CatalogError) in try ledger.versions(of: name) }
                return versions.first(where: \.isPresent)?.kind == .object
            })
    }
}

extension VaultLifecycle {
    /// Sets how many bytes the vault's files may take; nil: as many as the file system has. Also while a writer has the
    /// vault, who heeds it within a second.
    public static func setQuota(_ bytes: UInt64?, at path: String) throws(VaultError) {
        let layout = VaultLayout(root: path)
        var about = try VaultDescription(reading: layout)
        about.quotaBytes = bytes
        try about.write(to: layout)
    }

    /// Sets how many live objects the vault may have; nil: as many as come. As ``setQuota(_:at:)``.
    public static func setObjectQuota(_ objects: UInt64?, at path: String) throws(VaultError) {
        let layout = VaultLayout(root: path)
        var about = try VaultDescription(reading: layout)
        about.quotaObjects = objects
        try about.write(to: layout)
    }
}
