internal import Blocks
internal import Glibc
internal import Objects

/// Cuts the bytes of a range of an object into blocks of another grid, in pool buffers.
struct ExportCutter {
    /// Blocks that are filled and wait to be stored.
    private(set) var blocks: [BlockDescriptor] = []
    private let blockBytes: Int
    private let end: UInt64
    private var position: UInt64
    private var open: (buffer: BlockBuffer, offset: UInt64, filled: Int)?

    /// So many blocks are stored together.
    private static let batchMax = 32

    init(range: Range<UInt64>, blockBytes: Int) {
        self.blockBytes = blockBytes
        position = range.lowerBound
        end = range.upperBound
    }

    /// True when blocks should be stored before more is taken.
    var isFull: Bool { blocks.count >= Self.batchMax }

    /// Takes bytes up to the end of a block; returns how many.
    mutating func take(_ bytes: RawSpan, from pool: BlockPool) throws(VaultError) -> Int {
        if open == nil {
            guard let buffer = pool.acquire() else {
                throw .system(operation: "take a block buffer for", path: "the export", errno: ENOMEM)
            }
            open = (buffer, position, 0)
        }
        guard var current = open else { return 0 }
        // Up to the next line of the grid, or the range's end.
        let limit = min(end, (current.offset / UInt64(blockBytes) + 1) * UInt64(blockBytes))
        let count = min(bytes.byteCount, Int(limit - position))
        pool.copy(bytes.extracting(first: count), into: current.buffer, at: current.filled)
        current.filled += count
        position += UInt64(count)
        open = current
        if position == limit {
            blocks.append(
                BlockDescriptor(
                    transfer: TransferID(0), offset: current.offset, length: UInt32(current.filled),
                    buffer: current.buffer))
            open = nil
        }
        return count
    }

    /// Gives the buffers of stored blocks back.
    mutating func release(to pool: BlockPool) {
        pool.release(blocks)
        blocks = []
    }

    /// Gives all buffers back, also that of a block which an error left unfinished.
    mutating func abandon(to pool: BlockPool) {
        release(to: pool)
        if let open { pool.release(open.buffer) }
        open = nil
    }
}
