/// Where a vault keeps what, below its folder.
///
/// - `vault.json`: what the vault is (``VaultDescription``); written once.
/// - `keys.json`: the vault's keys, wrapped; only where it is encrypted.
/// - `backend.json`: where sealed segments go besides, and as which writer (``VaultBackend``); only in folders that have one.
/// - `lock`: held by the one writer (``VaultLock``).
/// - `segments/`: the truth (Storage).
/// - `catalog/`: RocksDB, a view that `oxbow rebuild` makes anew from the segments.
/// - `spool/`: packets that a live tap could not take in yet; of no worth once it ended.
/// - `collect.request`, `collect.reply`: what a command asks of the vault's writer (``CollectionMailbox``).
/// - `scrub.mark`: how far an interrupted scrub is; `scrub.damaged`: blocks that a scrub found damaged, for the writer.
/// - `migrations/`: journals and reports of migrations, one folder a target.
public struct VaultLayout: Sendable, Hashable {
    /// The vault's folder.
    public let root: String

    /// The layout below `root`; trailing slashes do not matter.
    public init(root: String) {
        var root = root
        while root.count > 1 && root.hasSuffix("/") { root.removeLast() }
        self.root = root
    }

    /// The vault's description.
    public var description: String { "\(root)/vault.json" }
    /// The wrapped keys of an encrypted vault.
    public var keys: String { "\(root)/keys.json" }
    /// Where segments go besides; only where the vault has a backend.
    public var backend: String { "\(root)/backend.json" }
    /// The writer's lock file.
    public var lock: String { "\(root)/lock" }
    /// The folder of segment files.
    public var segments: String { "\(root)/segments" }
    /// The folder of the RocksDB catalog.
    public var catalog: String { "\(root)/catalog" }
    /// The folder where a live tap keeps packets that wait for their turn; gone when no tap runs.
    public var spool: String { "\(root)/spool" }
    /// The file in which a command asks the writer to collect.
    public var collectionRequest: String { "\(root)/collect.request" }
    /// The writer's answer.
    public var collectionReply: String { "\(root)/collect.reply" }
    /// How far an interrupted scrub is.
    var scrubMark: String { "\(root)/scrub.mark" }
    /// Damaged blocks that the next writer is to forget.
    var scrubDamaged: String { "\(root)/scrub.damaged" }
    /// The folder of migration journals.
    public var migrations: String { "\(root)/migrations" }
}
