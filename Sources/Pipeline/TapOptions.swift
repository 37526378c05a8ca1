public import Capture
public import Dialects
public import Vaults

/// What a live tap shall do.
public struct TapOptions: Sendable {
    /// The interfaces, by name; `any` for all.
    public var interfaces: [String]
    /// Rings of each interface, 1 to 16, among which the kernel shares its packets out by flow; each has a thread.
    public var rings: Int
    /// How they are captured.
    public var live: LiveOptions
    /// Where to, and everything that a replay has as well; its list of captures is not used.
    public var storing: ReplayOptions
    /// Bytes of memory for packets that wait for their turn, over all interfaces; each has at least 8 MiB.
    public var queueBytes: Int
    /// Bytes of disk for packets that memory has no room for, over all interfaces; 0 for none.
    public var spoolBytes: Int
    /// How often `progress` of ``TapRun/run(progress:)`` is called, in milliseconds.
    public var progressMilliseconds: Int

    /// Options with defaults.
    public init(interfaces: [String], vault: String, dialects: DialectOptions = DialectOptions()) {
        self.interfaces = interfaces
        rings = 1
        storing = ReplayOptions(captures: [], vault: vault, dialects: dialects)
        live = LiveOptions()
        queueBytes = 64 << 20
        spoolBytes = 1 << 30
        progressMilliseconds = 200
    }
}

/// What may change while a tap runs; nil leaves a thing as it is.
public struct TapChange: Sendable {
    /// The scope of what is asked from now on.
    public var scope: Scope?
    /// The filter of the capture; `.some(nil)` takes it away.
    public var filter: String??
    /// The bound of the spool.
    public var spoolBytes: Int?
    /// The bound of the memory for packets that wait, at most 1 GiB for each interface unless more was asked for at start.
    public var queueBytes: Int?
    /// When the vault commits.
    public var durability: Durability?
    /// Opens the key logs anew.
    public var reopensKeyLogs = false
    /// The key logs from now on, if a tap has any.
    public var keyLogs: [String]?

    /// Nothing changes.
    public init() {}
}
