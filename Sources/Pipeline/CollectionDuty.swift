internal import Foundation
internal import Vaults

/// Collects on request, and forgets blocks that a scrub found damaged, while the writer goes on with its traffic: a few milliseconds between batches.
struct CollectionDuty {
    private let mailbox: CollectionMailbox
    private var request: UUID?
    private var lookAt: UInt64 = 0

    /// How often requests are looked for.
    private static let lookNanoseconds: UInt64 = 1_000_000_000
    /// How long a step may keep batches waiting, and how long it may take when there are none.
    private static let busyNanoseconds: UInt64 = 5_000_000
    private static let idleNanoseconds: UInt64 = 100_000_000

    init(_ layout: VaultLayout) { mailbox = CollectionMailbox(layout) }

    /// True while a step is worth to be made at once when nothing else is there to do.
    var isCollecting: Bool { request != nil }

    /// Takes a request when one is there, goes on with a collection, and answers when it is done. Throws what ends the
    /// writer, too.
    mutating func step(_ writer: inout VaultWriter, isIdle: Bool) throws(VaultError) {
        if request == nil {
            let now = SystemClock.monotonic
            guard now >= lookAt else { return }
            lookAt = now + Self.lookNanoseconds
            try writer.forgetDamaged()
            guard let (id, options) = mailbox.take() else { return }
            request = id
            try attempt { () throws(VaultError) in
                try writer.beginCollection(options, now: SystemClock.wall)
            }
        }
        guard let id = request else { return }
        let budget = isIdle ? Self.idleNanoseconds : Self.busyNanoseconds
        var report: CollectionReport?
        try attempt { () throws(VaultError) in report = try writer.collect(for: budget) }
        guard let report else { return }
        request = nil
        // Who asked may have gone, or the disk be full: no reason to end a tap.
        try? mailbox.answer(id, .report(report))
    }

    /// Tells who waits that the run ends before the collection does.
    mutating func end() {
        guard let id = request else { return }
        request = nil
        try? mailbox.answer(id, .failure("the writer was stopped before the collection was done; run it again"))
    }

    /// Runs a step; when it fails, who asked is told before the writer ends by it.
    private mutating func attempt(_ body: () throws(VaultError) -> Void) throws(VaultError) {
        do throws(VaultError) {
            try body()
        } catch {
            if let id = request { try? mailbox.answer(id, .failure(error.description)) }
            request = nil
            throw error
        }
    }
}
