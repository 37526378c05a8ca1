internal import Compression
internal import Encryption

/// What is kept between blocks that one thread reads: room for their stored bytes, and the contexts that decrypt and
/// expand them. Making these anew costs as much as a small block.
public struct BlockOpener: ~Copyable {
    /// The stored bytes of a block.
    var stored: [UInt8] = []
    var decryptor: RecordDecryptor?
    var decompressor = Decompressor()

    /// An opener for blocks of one vault.
    public init() { decryptor = nil }

    /// Gives ``stored`` a length, and keeps its memory.
    mutating func resize(to count: Int) {
        if stored.count > count {
            stored.removeLast(stored.count - count)
        } else {
            stored.append(contentsOf: repeatElement(0, count: count - stored.count))
        }
    }
}
