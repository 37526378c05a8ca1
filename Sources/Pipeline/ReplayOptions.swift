public import Blocks
public import Dialects
public import Vaults

/// What a replay shall do.
public struct ReplayOptions: Sendable {
    /// The captures, one stream of time together.
    public var captures: [String]
    /// The vault's folder.
    public var vault: String
    /// Files with TLS secrets in the NSS key log format, which may still grow.
    public var keyLogs: [String] = []
    /// BPF filter in the language of `tcpdump`, or nil.
    public var filter: String?
    /// What becomes objects, and where.
    public var dialects: DialectOptions
    /// Block size of a new vault; nil for the default, or for an existing vault.
    public var blockSize: BlockSize?
    /// Threads that hash blocks.
    public var hashers: Int
    /// Bytes for block buffers: the back-pressure between capture and disk.
    public var poolBytes: Int
    /// When the vault commits.
    public var durability: Durability

    /// Options with defaults.
    public init(captures: [String], vault: String, dialects: DialectOptions = DialectOptions()) {
        self.captures = captures
        self.vault = vault
        self.dialects = dialects
        hashers = 1
        poolBytes = 128 << 20
        durability = Durability()
    }
}

/// How far a replay is.
public struct ReplayProgress: Sendable {
    /// Bytes of the capture files read.
    public var bytesRead: UInt64
    /// Bytes of the capture files.
    public var bytesTotal: UInt64
    /// Packets read.
    public var packets: UInt64
}
