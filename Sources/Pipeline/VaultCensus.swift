internal import Capture
internal import Catalog
public import Objects
internal import Synchronization
internal import Vaults

/// What the vault holds: live objects by state, as of the last count.
public struct Holdings: Sendable, Hashable {
    /// Number of live objects in each state; all states are there once a count was made.
    public var objects: [ObjectState: UInt64] = [:]
    /// Their bytes, as far as the cloud stated them.
    public var bytes: [ObjectState: UInt64] = [:]

    init() {}
}

/// Counts the live objects of a vault by state, over and over, on a thread of its own.
///
/// A count reads every live version, so it takes seconds in a vault of millions: it pauses a hundred times as long as it
/// worked, and so takes a hundredth of a core at most.
final class VaultCensus: Sendable {
    private let reader: VaultReader
    private let latest = Mutex(Holdings())
    private let isEnded = Atomic<Bool>(false)
    private let wake = WakeDescriptor()

    private static var shortestPauseMilliseconds: Int { 2_000 }
    private static var pausePerWork: Int { 100 }

    init(reader: VaultReader) { self.reader = reader }

    /// What was counted last; empty before the first count.
    var holdings: Holdings { latest.withLock { $0 } }

    /// The body of its thread.
    func run() {
        while true {
            let isLast = isEnded.load(ordering: .acquiring)
            let began = SystemClock.monotonic
            if let counted = count(whole: isLast) { latest.withLock { $0 = counted } }
            if isLast { return }
            let worked = Int((SystemClock.monotonic &- began) / 1_000_000)
            let pause = max(Self.shortestPauseMilliseconds, worked * Self.pausePerWork)
            let pauseBegan = SystemClock.monotonic
            while !isEnded.load(ordering: .acquiring) {
                let left = pause - Int((SystemClock.monotonic &- pauseBegan) / 1_000_000)
                if left <= 0 { break }
                wake.wait(milliseconds: left)
            }
        }
    }

    /// Ends the thread: a count under way is given up, and one more is made, for a second at most.
    func end() {
        isEnded.store(true, ordering: .releasing)
        wake.wake()
    }

    /// Nil when it was given up, or the catalog cannot be read, which is the writer's to report.
    private func count(whole: Bool) -> Holdings? {
        var holdings = Holdings()
        for state in ObjectState.allCases {
            holdings.objects[state] = 0
            holdings.bytes[state] = 0
        }
        let began = SystemClock.monotonic
        var visited = 0
        var isGivenUp = false
        do throws(CatalogError) {
            try reader.catalog.visitLive { (version) throws(CatalogError) in
                visited += 1
                if visited & 1023 == 0 {
                    let isLate =
                        whole
                        ? SystemClock.monotonic &- began > 1_000_000_000 : isEnded.load(ordering: .acquiring)
                    if isLate {
                        isGivenUp = true
                        return .stop
                    }
                }
                holdings.objects[version.state, default: 0] += 1
                holdings.bytes[version.state, default: 0] &+= version.size ?? 0
                return .next
            }
        } catch {
            return nil
        }
        return isGivenUp ? nil : holdings
    }
}
