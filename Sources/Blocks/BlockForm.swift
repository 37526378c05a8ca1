/// What the bytes in a block's buffer are: the block's own, or the form in which they are to be stored.
public enum BlockForm: Hashable, Sendable, BitwiseCopyable {
    /// The block's bytes as they were cut.
    case raw
    /// Bytes for the segment file, from the buffer's start: `codec` says how they were made, `length` how many there are,
    /// 1 to the block size. The block's own bytes are gone from the buffer.
    case stored(codec: UInt8, length: UInt32)
    /// The same, encrypted; what belongs around them does not fit into the buffer and stands here.
    case encrypted(codec: UInt8, length: UInt32, envelope: BlockEnvelope)
}

/// What the storage layer puts around an encrypted block: four words that this layer keeps and never reads.
public struct BlockEnvelope: Hashable, Sendable, BitwiseCopyable {
    /// First word.
    public var word0: UInt64
    /// Second word.
    public var word1: UInt64
    /// Third word.
    public var word2: UInt64
    /// Fourth word.
    public var word3: UInt64

    /// A encrypt of its words.
    public init(_ word0: UInt64, _ word1: UInt64, _ word2: UInt64, _ word3: UInt64) {
        self.word0 = word0
        self.word1 = word1
        self.word2 = word2
        self.word3 = word3
    }
}
