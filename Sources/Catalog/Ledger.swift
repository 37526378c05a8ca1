internal import Blocks
public import Objects

/// Turns transfers and object events into versions, manifests, gaps and history: the rules of the catalog, without I/O,
/// clock or lock of its own.
///
/// The ledger reads the store and keeps its changes in an overlay until ``takeMutations()`` hands them out and
/// ``committed()`` says that the store has them. It is owned by one thread. Applying the same events again changes
/// nothing; events of different names commute, and so do events of one name as far as the cloud's own order of versions
/// (answer times, version ids, Last-Modified) is known. When a call throws, the store failed or a row is damaged: the
/// changes since the last take are incomplete, and the ledger is to be dropped.
public struct Ledger<Store: CatalogReading>: ~Copyable {
    /// Bytes of a whole block.
    public let blockSize: UInt64
    /// The bounds in force.
    public let limits: LedgerLimits
    /// What was done.
    public internal(set) var counters = LedgerCounters()

    let store: Store
    var overlay = Overlay()
    var transfers: [TransferID: OpenTransfer] = [:]
    var pendingExtents = 0
    var verificationQueue = WorkQueue<VersionID>()
    var regridQueue = WorkQueue<VersionID>()
    var copyQueue = WorkQueue<VersionID>()
    /// How far the grid of a queued version was looked through.
    var regridCursors: [VersionID: UInt64] = [:]
    /// Ends of the keys of full histories, ascending: newest first.
    var fullHistories: [[UInt8]: [[UInt8]]] = [:]
    var endpoints: [[UInt8]: EndpointRecord] = [:]

    /// A ledger over `store`. `blockSize` is that of the vault, a power of two.
    public init(store: Store, blockSize: Int, limits: LedgerLimits = LedgerLimits()) {
        self.store = store
        self.blockSize = UInt64(max(1, blockSize))
        self.limits = limits
    }

    /// Span of a page of a manifest in bytes.
    var pageSpan: UInt64 { blockSize * ManifestPage.blocks }

    /// Bytes of rows that wait for the next take: commit before it grows beyond what the vault may hold in memory.
    public var pendingBytes: Int { overlay.pendingBytes }

    /// Number of transfers whose event has not come.
    public var openTransferCount: Int { transfers.count }

    /// Hands out the changes since the last take, the last value of each changed row, in an order in which every prefix is
    /// sound: pages before the versions that refer to them, deletions last. They stay visible to the ledger's own reads.
    public mutating func takeMutations() -> [CatalogMutation] {
        flushEndpoints()
        return overlay.takeMutations()
    }

    /// The mutations of all takes so far are in the store, which now answers for them.
    public mutating func committed() { overlay.committed(takes: overlay.takenCount) }

    /// The mutations of the oldest take that was not committed are in the store: for vaults that take a batch while the
    /// one before is still being written.
    public mutating func committedOldestTake() { overlay.committed(takes: 1) }

    /// Applies what happened to an object. The transfer that the event refers to must be closed.
    public mutating func apply(_ event: ObjectEvent) throws(CatalogError) {
        counters.events += 1
        switch event {
        case .stored(let event): try apply(event)
        case .read(let event): try apply(event)
        case .described(let event): try apply(event)
        case .copied(let event): try apply(event)
        case .deleted(let event): try apply(event)
        case .uploadCreated(let event): try applyCreated(event)
        case .partStored(let event): try apply(event)
        case .partCopied(let event): try apply(event)
        case .uploadCompleted(let event): try apply(event)
        case .uploadAborted(let event): try applyAborted(event)
        case .listed(let event): try apply(event)
        case .attempted(let event): try apply(event)
        case .discarded(let transfer, _): drop(transfer)
        }
    }
}

extension Ledger: CatalogReading {
    /// The value of a row with the changes that are not in the store yet.
    public func value(of key: [UInt8], in table: CatalogTable) throws(CatalogError) -> [UInt8]? {
        if let changed = overlay.value(of: key, in: table) { return changed }
        return try store.value(of: key, in: table)
    }

    /// Visits rows with the changes that are not in the store yet.
    public func scan(
        _ table: CatalogTable, prefix: [UInt8], from start: [UInt8]?,
        _ visit: (_ key: [UInt8], _ value: [UInt8]) throws(CatalogError) -> VisitStep
    ) throws(CatalogError) {
        try overlay.scan(table, over: store, prefix: prefix, from: start, visit)
    }
}

/// Things to do, each once, in the order in which they were found; bounded.
struct WorkQueue<Item: Hashable> {
    private var items: [Item] = []
    private var members: Set<Item> = []

    /// False when the queue is full.
    mutating func add(_ item: Item, max: Int) -> Bool {
        if members.contains(item) { return true }
        guard items.count < max else { return false }
        items.append(item)
        members.insert(item)
        return true
    }

    /// Takes the first `count` items.
    mutating func take(_ count: Int) -> [Item] {
        let taken = Array(items.prefix(count))
        items.removeFirst(taken.count)
        for item in taken { members.remove(item) }
        return taken
    }

    var isEmpty: Bool { items.isEmpty }
}
