import Blocks
import Objects

/// One block or step of the batches, in order, as tests compare them.
enum Happening: Equatable {
    case open(UInt64)
    case block(UInt64, offset: UInt64, [UInt8])
    case gap(UInt64, offset: UInt64, length: UInt64?, GapCause)
    case close(UInt64, length: UInt64?)
    case event
}

/// What the recorder saw; shared with the test because the splitter owns the recorder.
final class Record {
    var happenings: [Happening] = []
    var batchSizes: [(blocks: Int, steps: Int)] = []
    var lastPackets: [UInt64] = []

    /// The bytes of a transfer's blocks with their offsets.
    func blocks(of transfer: UInt64) -> [(offset: UInt64, bytes: [UInt8])] {
        happenings.compactMap {
            if case .block(transfer, let offset, let bytes) = $0 { (offset, bytes) } else { nil }
        }
    }
}

/// An output that writes everything down and releases the buffers at once, as the pipeline on one thread does.
struct BatchRecorder: BatchOutput, ~Copyable {
    let pool: BlockPool
    let record: Record

    mutating func send(_ batch: consuming IngestBatch) {
        record.batchSizes.append((batch.blocks.count, batch.steps.count))
        record.lastPackets.append(batch.lastPacket)
        var steps = batch.steps[...]
        for (index, block) in batch.blocks.enumerated() {
            while let next = steps.first, next.blocksBefore <= index { add(steps.removeFirst().step) }
            let bytes = pool.withBytes(of: block.buffer, count: Int(block.length)) { span in
                span.withUnsafeBytes { Array($0) }
            }
            record.happenings.append(.block(block.transfer.number, offset: block.offset, bytes))
        }
        for step in steps { add(step.step) }
        pool.release(batch.blocks)
    }

    private func add(_ step: IngestStep) {
        switch step {
        case .open(let transfer, _): record.happenings.append(.open(transfer.number))
        case .gap(let transfer, let offset, let length, let cause):
            record.happenings.append(.gap(transfer.number, offset: offset, length: length, cause))
        case .close(let transfer, let end): record.happenings.append(.close(transfer.number, length: end.length))
        case .event: record.happenings.append(.event)
        }
    }
}

extension BlockSplitter where Output: ~Copyable {
    /// Payload from an array, which lives as long as the call.
    mutating func payload(_ transfer: TransferID, of bytes: [UInt8], at offset: UInt64) {
        payload(transfer, bytes.span.bytes, at: offset)
    }
}
