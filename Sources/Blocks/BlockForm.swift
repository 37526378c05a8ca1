/// What the bytes in a block's buffer are: the block's own, or the form in which they are to be stored.
public enum BlockForm: Hashable, Sendable, BitwiseCopyable {
    /// The block's bytes as they were cut.
    case raw
    /// Bytes for the segment file, from the buffer's start: `codec` says how they were made, `length` how many there are,
    /// 1 to the block size. The block's own bytes are gone from the buffer.
    case stored(codec: UInt8, length: UInt32)
}
