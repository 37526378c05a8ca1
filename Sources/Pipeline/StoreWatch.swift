internal import Blocks
internal import Synchronization
public import Vaults

/// How the storing half of a run is doing.
public struct StoreStatus: Sendable {
    /// What the vault's writer did so far.
    public var counters = VaultCounters()
    /// Bytes of block buffers that are in use now.
    public var bufferBytes: UInt64 = 0
    /// Bytes of all block buffers.
    public var bufferBytesMax: UInt64 = 0
    /// How long the commits since the last status took, in nanoseconds; of more than 1,024 the latest are left out.
    public var commitDurations: [UInt64] = []
    /// Versions that could not be read back for their check, so far.
    public var checkFailures: UInt64 = 0
    /// Why nothing more is stored for now; nil while there is room.
    public var shortage: VaultShortage?
    /// How the sending to the vault's backend is doing; nil for a vault without one.
    public var upload: UploadStatus?

    init() {}
}

/// Where the writer's thread says how it is doing, and takes new settings.
final class StoreWatch: Sendable {
    private let status = Mutex(StoreStatus())
    private let durability = Mutex<Durability?>(nil)
    private let pool = Mutex<BlockPool?>(nil)
    private let uploads = Mutex<(@Sendable () -> UploadStatus?)?>(nil)

    private static var durationsMax: Int { 1024 }

    /// Looks at this pool's buffers too.
    func see(_ newPool: BlockPool) { pool.withLock { $0 = newPool } }

    /// Asks this for the sending to the backend: also while the writer waits for it, and says nothing.
    func see(uploads ask: (@Sendable () -> UploadStatus?)?) { uploads.withLock { $0 = ask } }

    /// What was said last; takes the durations along.
    func take() -> StoreStatus {
        var taken = status.withLock { status in
            defer { status.commitDurations = [] }
            return status
        }
        if let pool = pool.withLock({ $0 }) {
            taken.bufferBytes = UInt64(pool.inUse * pool.blockSize.bytes)
            taken.bufferBytesMax = UInt64(pool.capacity * pool.blockSize.bytes)
        }
        if let ask = uploads.withLock({ $0 }), let upload = ask() {
            taken.upload = upload
            // The last word stays when the writer has gone.
            status.withLock { $0.upload = upload }
        }
        return taken
    }

    /// Says how the writer is doing.
    func tell(_ counters: VaultCounters, commitDurations: [UInt64], checkFailures: Int) {
        status.withLock { status in
            status.counters = counters
            status.checkFailures = UInt64(checkFailures)
            let room = Self.durationsMax - status.commitDurations.count
            status.commitDurations.append(contentsOf: commitDurations.prefix(max(0, room)))
        }
    }

    /// Says what is short, and with nil that there is room.
    func tell(_ shortage: VaultShortage?) { status.withLock { $0.shortage = shortage } }

    /// Commits by these bounds from now on.
    func use(_ newDurability: Durability) { durability.withLock { $0 = newDurability } }

    /// Bounds that the writer has not taken yet.
    func takeDurability() -> Durability? { durability.withLock { $0.take() } }
}
