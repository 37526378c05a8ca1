/// A look at a sample of a block, cheap enough to be taken of every block.
///
/// It counts how often two bytes of the sample are equal. For bytes that are compressed or encrypted already that is
/// 1 in 256 (Friedman's index of coincidence); text, tables and programs have several times as many. What it cannot see is
/// a block that repeats random bytes: such a block is stored as it is, which costs room and no bytes.
enum Compressibility {
    /// Bytes looked at, in runs spread over the block.
    static let sampleBytes = 4096
    static let runBytes = 64
    /// Blocks shorter than this always pass: there is little to save by not trying.
    static let shortBytes = 512

    /// False when compressing the block would be in vain.
    static func mayPay(_ bytes: RawSpan) -> Bool {
        guard bytes.byteCount > shortBytes else { return true }
        var counts = [256 of UInt32](repeating: 0)
        let runs = min(sampleBytes / runBytes, bytes.byteCount / runBytes)
        let stride = bytes.byteCount / runs
        for run in 0..<runs {
            for place in run * stride..<run * stride + runBytes {
                // Within the span by the arithmetic above, and checked by the load.
                counts[Int(unsafe bytes.unsafeLoad(fromByteOffset: place, as: UInt8.self))] += 1
            }
        }
        let total = UInt64(runs * runBytes)
        var pairs: UInt64 = 0
        for value in 0..<256 {
            let count = UInt64(counts[value])
            pairs += count * (count == 0 ? 0 : count - 1)
        }
        // 1.2 times the pairs of random bytes: their standard deviation is about 0.03 of that for 4,096 of them. A block
        // at this bound would lose 0.26 bit of 8, 3 %, by the best code for single bytes.
        return pairs * 256 * 5 > total * (total - 1) * 6
    }
}
