public import Blocks
public import Compression
public import Dialects
public import Encryption
internal import Packets
public import Vaults

/// What a replay shall do.
public struct ReplayOptions: Sendable {
    /// The captures, one stream of time together.
    public var captures: [String]
    /// The vault's folder.
    public var vault: String
    /// Waits, instead of ending with an error, while disk or quota have no room: for a tap, which cannot be run again.
    public var waitsForRoom = false
    /// Where TLS secrets come from.
    public var keys = SessionKeyOptions()
    /// BPF filter in the language of `tcpdump`, or nil.
    public var filter: String?
    /// What is taken for a tunnel, and whether tenants are told apart.
    public var tunnels = TunnelOptions()
    /// What becomes objects, and where.
    public var dialects: DialectOptions
    /// Block size of a new vault; nil for the default, or for an existing vault.
    public var blockSize: BlockSize?
    /// How this run's blocks are made smaller; nil for what the vault is set to.
    public var compression: CompressionMethod?
    /// What opens an encrypted vault; a new vault is encrypted when there is one.
    public var secret: VaultSecret?
    /// Threads that hash and compress blocks, when there is one flow worker; several have one each.
    public var hashers: Int
    /// Threads that reassemble, decrypt and parse, each a share of the connections. The result does not depend on it.
    public var workers: Int
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
        workers = 1
        poolBytes = BlockPool.defaultBudgetBytes
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

/// What of the network's own wrapping a run is told, for whoever does not import Packets.
public struct TunnelOptions: Sendable, Hashable {
    /// UDP ports of VXLAN.
    public var vxlanPorts: [UInt16]
    /// UDP ports of GENEVE.
    public var genevePorts: [UInt16]
    /// True when equal addresses in different chains of VLAN and VNI are different connections.
    public var separatesTenants: Bool

    /// Tags, label stacks and tunnel headers in one frame, 1 or more; frames with more are refused.
    public var encapsulationsMax: Int
    /// Bytes of memory for fragments that wait for others.
    public var fragmentBytes: Int

    /// The ports one meets, and all tenants as one.
    public init() {
        let options = DecapsulatorOptions()
        vxlanPorts = options.vxlanPorts
        genevePorts = options.genevePorts
        separatesTenants = options.separatesTenants
        encapsulationsMax = options.limits.encapsulationsMax
        fragmentBytes = options.limits.fragments.bytesMax
    }

    var decapsulator: DecapsulatorOptions {
        var options = DecapsulatorOptions()
        options.vxlanPorts = vxlanPorts
        options.genevePorts = genevePorts
        options.separatesTenants = separatesTenants
        options.limits.encapsulationsMax = encapsulationsMax
        options.limits.fragments.bytesMax = fragmentBytes
        return options
    }
}
