import Blocks
import Objects
import Testing

@testable import Pipeline

/// Events of several workers reach the catalog in the order of the packets that caused them.
@Suite struct `A merge of events` {
    private func event(_ name: String, order: UInt64) -> IngestBatch.Step {
        let seen = Observation(time: order, firstTime: order, packet: order, flow: "")
        let name = ObjectName(cloud: .s3, endpoint: "e", bucket: "b", key: ObjectKey(name))
        return IngestBatch.Step(
            blocksBefore: 0,
            step: .event(.attempted(AttemptedEvent(name: name, operation: "", status: nil, reason: "", seen: seen))),
            order: order)
    }

    private func batch(_ source: Int, complete: UInt64, _ steps: [IngestBatch.Step]) -> IngestBatch {
        var batch = IngestBatch()
        batch.source = source
        batch.complete = complete
        batch.steps = steps
        return batch
    }

    private func names(_ batch: IngestBatch?) -> [String] {
        (batch?.steps ?? []).compactMap { step in
            guard case .event(.attempted(let event)) = step.step else { return nil }
            return event.name.key.string
        }
    }

    @Test func `holds an event until every worker is past it`() {
        var merge = EventMerge(sources: 2)
        _ = merge.take(batch(0, complete: 9, [event("a", order: 3), event("c", order: 8)]))
        #expect(merge.release() == nil)
        _ = merge.take(batch(1, complete: 5, [event("b", order: 4)]))
        #expect(names(merge.release()) == ["a", "b"])
        #expect(merge.release() == nil)
        _ = merge.take(batch(1, complete: 8, []))
        #expect(merge.release() == nil, "an event of the number at hand may have followers")
        _ = merge.take(batch(1, complete: 9, []))
        #expect(names(merge.release()) == ["c"])
    }

    @Test func `gives out the same order however batches arrive`() {
        let early = [event("a", order: 1), event("d", order: 6), event("e", order: 6)]
        let late = [event("b", order: 2), event("c", order: 6)]
        var one = EventMerge(sources: 2)
        _ = one.take(batch(0, complete: 7, early))
        _ = one.take(batch(1, complete: 7, late))
        var other = EventMerge(sources: 2)
        _ = other.take(batch(1, complete: 3, [late[0]]))
        _ = other.take(batch(0, complete: 2, [early[0]]))
        var order = names(other.release())
        _ = other.take(batch(1, complete: 7, [late[1]]))
        _ = other.take(batch(0, complete: 7, Array(early[1...])))
        order += names(other.release())
        #expect(names(one.release()) == order)
        #expect(order == ["a", "b", "d", "e", "c"])
    }

    @Test func `lets blocks and what concerns one transfer alone pass at once`() {
        var merge = EventMerge(sources: 2)
        let transfer = TransferID(1)
        let steps = [
            IngestBatch.Step(blocksBefore: 0, step: .open(transfer, TransferPlan())),
            IngestBatch.Step(blocksBefore: 1, step: .close(transfer, TransferEnd(length: 1))),
            event("a", order: 1),
            IngestBatch.Step(blocksBefore: 1, step: .event(.discarded(transfer, reason: "")), order: 1),
        ]
        var mixed = batch(0, complete: 2, steps)
        mixed.blocks = [
            BlockDescriptor(transfer: transfer, offset: 0, length: 1, buffer: BlockBuffer(index: 0))
        ]
        let rest = merge.take(mixed)
        #expect(rest.blocks.count == 1)
        #expect(rest.steps.map(\.blocksBefore) == [0, 1, 1])
        #expect(names(merge.releaseAll()) == ["a"])
        #expect(merge.releaseAll() == nil)
    }
}
