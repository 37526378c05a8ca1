internal import NIOCore
internal import Synchronization

/// Buffers of one chunk each, used again and again.
///
/// Without it every part would allocate and free its bytes from whichever thread serves it, and the allocator's arenas
/// would keep several times the memory that is in use.
final class ChunkPool: Sendable {
    private let free = Mutex<[ByteBuffer]>([])
    private let keptMax: Int

    /// A pool that keeps at most `bytesMax` bytes of free buffers.
    init(bytesMax: Int) { keptMax = max(1, bytesMax / Int(ChunkRanges.bytes)) }

    /// An empty buffer with room for `count` bytes, at most one chunk.
    func take(_ count: Int) -> ByteBuffer {
        // A small object is not worth a whole chunk.
        if count <= Int(ChunkRanges.bytes) / 4 { return ByteBufferAllocator().buffer(capacity: count) }
        var buffer = free.withLock { $0.popLast() } ?? ByteBuffer()
        // When a slice of it is still on its way to a socket, this makes new storage and leaves the old to the slice.
        buffer.clear(minimumCapacity: Int(ChunkRanges.bytes))
        return buffer
    }

    /// Takes buffers back.
    func give(_ buffers: [ByteBuffer]) {
        let whole = buffers.filter { $0.capacity >= Int(ChunkRanges.bytes) }
        guard !whole.isEmpty else { return }
        free.withLock { free in free.append(contentsOf: whole.prefix(keptMax - free.count)) }
    }
}
