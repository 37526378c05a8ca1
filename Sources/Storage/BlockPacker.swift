public import Blocks
public import Compression

/// Brings blocks into the form in which they are stored: smaller, where that pays. Owned by one thread.
public struct BlockPacker: ~Copyable {
    private var compressor: Compressor

    /// A packer for a pool's blocks.
    public init(_ method: CompressionMethod, blockSize: BlockSize) {
        compressor = Compressor(method, blockBytesMax: blockSize.bytes)
    }

    /// Replaces the block's bytes in its buffer by their stored form, and says so in ``BlockDescriptor/form``. The
    /// buffer is the caller's; a block that has its form already stays as it is.
    public mutating func pack(_ block: inout BlockDescriptor, in pool: BlockPool) {
        guard block.form == .raw else { return }
        let code = compressor.method.code
        let buffer = block.buffer
        let length = pool.withBytes(of: buffer, count: Int(block.length)) { bytes in
            compressor.compress(bytes) { smaller in
                // The compressor's own room, so its source may be written over.
                pool.copy(smaller, into: buffer, at: 0)
                return smaller.byteCount
            }
        }
        block.form =
            length.map { .stored(codec: code, length: UInt32($0)) }
            ?? .stored(codec: BlockLocation.rawCodec, length: block.length)
    }
}
