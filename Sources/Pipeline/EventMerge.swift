internal import Blocks
internal import Objects

/// Puts the events of several workers in the order of the packets that caused them.
///
/// Blocks are stored as they come, and what concerns one transfer alone is applied as it comes; an event waits until every
/// worker has said that nothing before it is to come. So the catalog sees the same events in the same order whatever the
/// number of workers, and no worker ever waits for another at the vault. What waits is bounded by how far the dispatcher
/// may be ahead of the slowest worker.
struct EventMerge {
    private var sources: [Source]

    private struct Source {
        /// Events that wait, in order.
        var events: [IngestBatch.Step] = []
        /// Nothing with a lower order is to come.
        var complete: UInt64 = 0
    }

    init(sources count: Int) { sources = (0..<count).map { _ in Source() } }

    /// Takes the events out of a batch.
    mutating func take(_ batch: consuming IngestBatch) -> IngestBatch {
        let source = batch.source
        sources[source].complete = max(sources[source].complete, batch.complete)
        guard batch.steps.contains(where: Self.isOrdered) else { return batch }
        sources[source].events += batch.steps.filter(Self.isOrdered)
        batch.steps.removeAll(where: Self.isOrdered)
        return batch
    }

    /// The events whose turn has come; nil when there are none.
    mutating func release() -> IngestBatch? {
        let bound = sources.reduce(UInt64.max) { min($0, $1.complete) }
        return release(before: bound)
    }

    /// All events that are left: nothing more comes.
    mutating func releaseAll() -> IngestBatch? { release(before: .max) }

    private mutating func release(before bound: UInt64) -> IngestBatch? {
        var batch = IngestBatch()
        for index in sources.indices {
            let count = sources[index].events.firstIndex { $0.order >= bound } ?? sources[index].events.count
            guard count > 0 else { continue }
            batch.steps += sources[index].events[..<count]
            sources[index].events.removeFirst(count)
        }
        guard !batch.steps.isEmpty else { return nil }
        // Stable: what one worker said of one packet keeps its order, and that of several goes by worker.
        batch.steps.sort { $0.order < $1.order }
        for index in batch.steps.indices { batch.steps[index].blocksBefore = 0 }
        return batch
    }

    /// Everything else is about one transfer, which one worker has.
    private static func isOrdered(_ step: IngestBatch.Step) -> Bool {
        guard case .event(let event) = step.step else { return false }
        if case .discarded = event { return false }
        return true
    }
}
