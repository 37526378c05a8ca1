internal import Blocks
internal import Catalog
internal import Objects

/// How many live objects a vault has, as far as its owner's limit (`oxbow vault set --quota-objects`) makes one ask.
///
/// Far from the limit what may be new is only added up; near it the catalog is counted, which takes a microsecond or two for each
/// object, and so never more than a hundredth of the time.
struct ObjectQuota {
    /// Live objects, as counted last; nil before the first count.
    private var counted: UInt64?
    /// Objects that may have come since.
    private var addedSince: UInt64 = 0
    private var countAt: UInt64 = 0
    private static let countNanosecondsMin: UInt64 = 1_000_000_000
    private static let pausePerWork: UInt64 = 100

    /// Live objects at most, for all that is known without counting.
    private var objectsMax: UInt64? { counted.map { $0 + addedSince } }

    /// What stands against storing a batch with these events; nil when nothing does, and then the batch counts as stored.
    /// `commit` makes the catalog say what was stored so far; `isLive` knows what is to be committed, too.
    mutating func shortage(
        for batch: IngestBatch, quota: UInt64, path: String, in catalog: RocksCatalog,
        commit: () throws(VaultError) -> Void, isLive: (ObjectName) throws(VaultError) -> Bool
    ) throws(VaultError) -> VaultShortage? {
        var names: Set<ObjectName> = []
        for step in batch.steps {
            if case .event(let event) = step.step, let name = event.nameOfPossibleObject { names.insert(name) }
        }
        if names.isEmpty { return nil }
        if let known = objectsMax, known + UInt64(names.count) <= quota {
            addedSince += UInt64(names.count)
            return nil
        }
        if counted == nil || monotonicClock() >= countAt {
            try commit()
            try count(catalog)
        }
        var fresh: UInt64 = 0
        for name in names where try !isLive(name) { fresh += 1 }
        let known = objectsMax ?? 0
        // One that is there already may be replaced.
        guard fresh == 0 || known + fresh <= quota else {
            return .objects(path: path, objects: known, quota: quota)
        }
        addedSince += fresh
        return nil
    }

    private mutating func count(_ catalog: RocksCatalog) throws(VaultError) {
        let began = monotonicClock()
        var objects: UInt64 = 0
        try asVaultError { () throws(CatalogError) in
            try catalog.visitLive { _ in
                objects += 1
                return .next
            }
        }
        (counted, addedSince) = (objects, 0)
        let now = monotonicClock()
        countAt = now + max(Self.countNanosecondsMin, (now - began) * Self.pausePerWork)
    }
}

extension ObjectEvent {
    /// The name of an object that there may be by this event, and was not before.
    fileprivate var nameOfPossibleObject: ObjectName? {
        switch self {
        case .stored(let event): event.name
        case .read(let event): event.name
        case .described(let event): event.name
        case .copied(let event): event.target
        case .uploadCompleted(let event): event.name
        case .deleted, .uploadCreated, .partStored, .partCopied, .uploadAborted, .listed, .attempted, .discarded: nil
        }
    }
}
