internal import Foundation
internal import Storage

/// What was asked of a vault's medium.
public struct MediumCalls: Sendable, Hashable {
    /// Puts that it answered.
    public var puts: UInt64 = 0
    /// Reads that it answered.
    public var reads: UInt64 = 0
    /// Other calls that it answered.
    public var others: UInt64 = 0
    /// Calls that failed.
    public var failures: UInt64 = 0
    /// Bytes that were read.
    public var bytesRead: UInt64 = 0
    /// Requests that were repeated within these calls.
    public var repeatedRequests: UInt64 = 0
    /// Nanoseconds that the calls took, of all threads.
    public var nanoseconds: UInt64 = 0

    /// Nothing asked.
    public init() {}

    init(_ counts: MeteredMedium.Counts) {
        puts = counts.puts
        reads = counts.reads
        others = counts.others
        failures = counts.failures
        bytesRead = counts.bytesRead
        repeatedRequests = counts.repeatedRequests
        nanoseconds = counts.nanoseconds
    }
}

/// How the sending of segments to the medium is doing.
public struct UploadStatus: Sendable, Hashable {
    /// Segments that the medium took from this run.
    public var segmentsStored: UInt64 = 0
    /// Their bytes.
    public var bytesStored: UInt64 = 0
    /// Segments that wait.
    public var segmentsWaiting: UInt64 = 0
    /// Their bytes.
    public var bytesWaiting: UInt64 = 0
    /// Attempts that failed.
    public var failures: UInt64 = 0
    /// Why the last attempt failed; nil since one went well.
    public var lastFailure: String?
    /// Most bytes that may wait, the open segment's among them.
    public var bytesWaitingMax: UInt64 = 0
    /// What was asked of the medium, for reading too.
    public var calls = MediumCalls()

    /// Nothing sent.
    public init() {}
}

/// Sends sealed segments to the medium on threads of its own, keeps the folder's spool and cache within their bounds, and
/// lets the writer wait.
///
/// A segment's file may go only when the medium has the segment for sure: it said so, and states the right length. Until
/// then attempts are repeated without end, with pauses that grow to 30 s; the file is the spool. Ends when it goes.
final class SegmentUploader: Sendable {
    private struct State {
        var status = UploadStatus()
        /// What waits, the oldest first, with its length.
        var waiting: [(number: UInt64, size: UInt64)] = []
        /// What is being sent.
        var underWay: [UInt64: UInt64] = [:]
        /// Retired segments whose objects are to go.
        var toRemove: [UInt64] = []
        /// How many of them are being removed.
        var removalsUnderWay = 0
        /// Segments that the medium had or may have had before they were sent: those of an earlier run.
        var leftOvers: Set<UInt64> = []
        /// Bytes of the folder's segment files that the medium has.
        var cachedBytes: UInt64 = 0
        /// When something last got on, nanoseconds of the monotonic clock.
        var lastProgress = monotonicClock()
        /// What no repetition mends.
        var conflict: String?
        var isEnding = false
        var threads = 0
        /// True when the medium is known to have what the vault is.
        var isDescribed = false
    }

    private let state: BackendLock<State>
    private let store: FileBlockStore
    private let backend: VaultBackend
    private static let threadCount = 2
    private static let pauseMillisecondsMax = 30_000

    /// Starts to send what an earlier run left. `open` is the segment that is being written; it stays.
    init(
        _ store: FileBlockStore, _ backend: VaultBackend, _ layout: VaultLayout, open: UInt64?
    ) throws(VaultError) {
        self.store = store
        self.backend = backend
        var first = State()
        let local = try asVaultError { () throws(StorageError) in try store.directory.localSegments() }
        for segment in local where segment.number != open {
            if segment.isStored {
                first.cachedBytes += segment.size
            } else {
                first.waiting.append((segment.number, segment.size))
                first.leftOvers.insert(segment.number)
            }
        }
        first.threads = Self.threadCount
        state = BackendLock(first)
        for _ in 0..<Self.threadCount {
            let (state, store, backend) = (self.state, store, backend)
            let thread = Thread { Self.run(state, store, backend, layout) }
            thread.name = "uploader"
            thread.start()
        }
    }

    deinit { end() }

    /// How it is doing.
    var status: UploadStatus {
        var status = state.withLock { Self.status(of: $0) }
        status.bytesWaitingMax = backend.spoolBytes
        if let remote = store.directory.remote { status.calls = MediumCalls(remote.calls) }
        return status
    }

    /// Takes a segment that was sealed.
    func take(_ number: UInt64, size: UInt64) {
        state.withLock { state in
            if state.waiting.isEmpty, state.underWay.isEmpty { state.lastProgress = monotonicClock() }
            state.waiting.append((number, size))
        }
    }

    /// Takes the objects of retired segments away, when nothing is to be sent. What fails is tried by the next collection.
    func remove(_ numbers: [UInt64]) {
        state.withLock { state in
            for number in numbers where !state.toRemove.contains(number) { state.toRemove.append(number) }
        }
    }

    /// Waits until the spool has room for `more` bytes besides the `open` ones of the segment that is being written. Throws
    /// when `givesUp` says so and nothing has got on for a while, or when no waiting helps.
    func waitForRoom(_ more: UInt64, open: UInt64, givesUp: () -> Bool) throws(VaultError) {
        try wait(givesUp) { state in Self.waitingBytes(state) + open + more <= backend.spoolBytes }
    }

    /// Waits until the medium has everything that it was given, or nothing has got on for a while and `givesUp` says so.
    func waitUntilEmpty(givesUp: () -> Bool) throws(VaultError) {
        try wait(givesUp) { state in
            state.waiting.isEmpty && state.underWay.isEmpty && state.toRemove.isEmpty && state.removalsUnderWay == 0
        }
    }

    /// How long nothing may have got on before somebody who wants to end gives up, in nanoseconds.
    static let patienceNanoseconds: UInt64 = 30_000_000_000

    private func wait(_ givesUp: () -> Bool, until isDone: (State) -> Bool) throws(VaultError) {
        let failure = state.wait { state -> VaultError?? in
            if let conflict = state.conflict { return .some(.backend(place: backend.url, reason: conflict)) }
            if isDone(state) { return .some(nil) }
            let silence = monotonicClock() - state.lastProgress
            guard silence >= Self.patience(backend), givesUp() else { return nil }
            let reason = state.status.lastFailure ?? "it takes nothing"
            return .some(
                .backend(
                    place: backend.url,
                    reason:
                        "\(reason). \(state.waiting.count + state.underWay.count) segments wait in the vault's folder "
                        + "and go there with the next run"))
        }
        if let failure { throw failure }
    }

    private static func patience(_ backend: VaultBackend) -> UInt64 {
        min(patienceNanoseconds, backend.sealSeconds * 1_000_000_000)
    }

    /// Ends the threads, and waits for them: what is under way is finished or fails first.
    func end() {
        state.withLock { $0.isEnding = true }
        state.wait { $0.threads == 0 ? () : nil }
    }

    private static func waitingBytes(_ state: State) -> UInt64 {
        state.waiting.reduce(0) { $0 + $1.size } + state.underWay.values.reduce(0, +)
    }

    private static func status(of state: State) -> UploadStatus {
        var status = state.status
        status.segmentsWaiting = UInt64(state.waiting.count + state.underWay.count)
        status.bytesWaiting = waitingBytes(state)
        return status
    }

    // MARK: The threads

    private enum Turn {
        case send(number: UInt64, size: UInt64, isLeftOver: Bool)
        case remove(UInt64)
        case end
    }

    private static func run(
        _ state: BackendLock<State>, _ store: FileBlockStore, _ backend: VaultBackend, _ layout: VaultLayout
    ) {
        var pauseMilliseconds = 500
        while true {
            let turn = state.wait { state -> Turn? in
                if state.isEnding { return .end }
                guard state.conflict == nil else { return nil }
                guard let next = state.waiting.first else {
                    guard let retired = state.toRemove.popLast() else { return nil }
                    state.removalsUnderWay += 1
                    return .remove(retired)
                }
                state.waiting.removeFirst()
                state.underWay[next.number] = next.size
                return .send(number: next.number, size: next.size, isLeftOver: state.leftOvers.contains(next.number))
            }
            if case .remove(let retired) = turn {
                let removed = Result { () throws(StorageError) in try store.directory.removeRetired(retired) }
                state.withLock { state in
                    state.removalsUnderWay -= 1
                    state.lastProgress = monotonicClock()
                    // Where one cannot be removed, the others have to wait for another time as well.
                    if case .failure(let error) = removed {
                        state.status.failures += 1
                        state.status.lastFailure = error.description
                        state.toRemove = []
                    }
                }
                continue
            }
            guard case .send(let number, let size, let isLeftOver) = turn else { break }
            do throws(StorageError) {
                if !state.withLock({ $0.isDescribed }) {
                    try describe(layout, store)
                    state.withLock { $0.isDescribed = true }
                }
                try send(number, isLeftOver: isLeftOver, store)
                state.withLock { state in
                    state.underWay[number] = nil
                    state.leftOvers.remove(number)
                    state.status.segmentsStored += 1
                    state.status.bytesStored += size
                    state.status.lastFailure = nil
                    state.cachedBytes += size
                    state.lastProgress = monotonicClock()
                }
                pauseMilliseconds = 500
                shrinkCache(state, store, backend)
            } catch {
                let until = monotonicClock() + UInt64(pauseMilliseconds) * 1_000_000
                state.withLock { state in
                    state.underWay[number] = nil
                    state.leftOvers.insert(number)
                    state.waiting.insert((number, size), at: 0)
                    state.status.failures += 1
                    state.status.lastFailure = error.description
                    if case .taken = error { state.conflict = error.description }
                }
                // Broken off when the run ends.
                state.wait { $0.isEnding || monotonicClock() >= until ? () : nil }
                pauseMilliseconds = min(2 * pauseMilliseconds, pauseMillisecondsMax)
            }
        }
        state.withLock { $0.threads -= 1 }
    }

    /// Sees to it that the medium says what the vault is: a stop may have come between making the folder and that.
    private static func describe(_ layout: VaultLayout, _ store: FileBlockStore) throws(StorageError) {
        guard let medium = try store.directory.remote?.medium() else { return }
        if try medium.size(of: "vault.json") != nil { return }
        do throws(VaultError) {
            try BackendFiles.publish(layout, to: medium)
        } catch {
            throw .medium(
                operation: "describe the vault in", place: medium.place, reason: error.description, isPassing: true)
        }
    }

    /// Puts one segment on the medium and marks it as being there. What is there already under its name must be the same:
    /// an earlier attempt whose answer did not come.
    private static func send(_ number: UInt64, isLeftOver: Bool, _ store: FileBlockStore) throws(StorageError) {
        let directory = store.directory
        guard let medium = try directory.remote?.medium() else { return }
        let name = SegmentNumber(number).objectName
        let bytes = try directory.bytes(of: number)
        var isThere = false
        if isLeftOver, let size = try medium.size(of: name) {
            isThere = try isSame(medium, name, bytes, size)
            if !isThere { throw .taken(place: "\(medium.place)/\(name)") }
        }
        if !isThere, try medium.put(name, bytes, onlyIfAbsent: true) == .present {
            guard let size = try medium.size(of: name), try isSame(medium, name, bytes, size) else {
                throw .taken(place: "\(medium.place)/\(name)")
            }
        }
        guard let size = try medium.size(of: name), size == UInt64(bytes.count) else {
            throw .medium(
                operation: "put", place: "\(medium.place)/\(name)",
                reason: "it was taken, and is not there at its length of \(bytes.count) bytes afterwards",
                isPassing: true)
        }
        try directory.markStored(number, StoredSegment(size: UInt64(bytes.count)))
    }

    private static func isSame(
        _ medium: any SegmentMedium, _ name: String, _ bytes: [UInt8], _ size: UInt64
    ) throws(StorageError) -> Bool {
        guard size == UInt64(bytes.count) else { return false }
        return size == 0 ? true : try medium.read(name, 0..<size) == bytes
    }

    /// Takes files away that the medium has, the oldest first, until the rest fits.
    private static func shrinkCache(_ state: BackendLock<State>, _ store: FileBlockStore, _ backend: VaultBackend) {
        guard state.withLock({ $0.cachedBytes > backend.cacheBytes }) else { return }
        guard let local = try? store.directory.localSegments() else { return }
        var kept = local.reduce(0) { $0 + ($1.isStored ? $1.size : 0) }
        // Those that were read last stay longest.
        let order = local.filter(\.isStored).sorted {
            (store.lastUse(of: $0.number), $0.number) < (store.lastUse(of: $1.number), $1.number)
        }
        for segment in order where kept > backend.cacheBytes {
            // What cannot go now goes another time.
            guard (try? store.evict(segment.number)) != nil else { continue }
            kept -= segment.size
        }
        let left = kept
        state.withLock { $0.cachedBytes = left }
    }
}
