internal import CLZ4
internal import CZstd

/// Makes blocks smaller, one after the other. Owned by one thread; keeps the libraries' state from block to block.
@safe
public struct Compressor: ~Copyable {
    /// The method.
    public let method: CompressionMethod
    /// Made when the first block is worth a try.
    private var context: OpaquePointer?
    private var room: [UInt8]

    /// A compressor of blocks of at most `blockBytesMax` bytes.
    public init(_ method: CompressionMethod, blockBytesMax: Int) {
        self.method = method
        unsafe context = nil
        room = method == .none ? [] : [UInt8](repeating: 0, count: blockBytesMax)
    }

    deinit { unsafe ZSTD_freeCCtx(context) }

    /// Calls `body` with the smaller form of `bytes`, at most 95 % of their length; returns nil without calling it when
    /// there is none: by the look of a sample, by the compressor's result, or for want of memory.
    public mutating func compress<Result>(_ bytes: RawSpan, _ body: (RawSpan) -> Result) -> Result? {
        let most = bytes.byteCount - (bytes.byteCount + 19) / 20
        guard method != .none, most > 0, bytes.byteCount <= room.count, Compressibility.mayPay(bytes) else {
            return nil
        }
        let count =
            switch method {
            case .none: 0
            case .lz4: lz4(bytes, most)
            case .zstd(let level): zstd(bytes, most, level)
            }
        guard count > 0 else { return nil }
        return unsafe body(room.span.bytes.extracting(0..<count))
    }

    /// Length of the LZ4 block; 0 when it does not fit into `most` bytes.
    private mutating func lz4(_ bytes: RawSpan, _ most: Int) -> Int {
        unsafe bytes.withUnsafeBytes { source in
            unsafe room.withUnsafeMutableBytes { room in
                guard let from = unsafe source.assumingMemoryBound(to: CChar.self).baseAddress,
                    let into = unsafe room.assumingMemoryBound(to: CChar.self).baseAddress
                else { return 0 }
                return unsafe Int(LZ4_compress_default(from, into, Int32(source.count), Int32(most)))
            }
        }
    }

    /// Length of the Zstandard frame; 0 when it does not fit into `most` bytes, or there is no memory.
    private mutating func zstd(_ bytes: RawSpan, _ most: Int, _ level: Int) -> Int {
        if unsafe context == nil { unsafe context = ZSTD_createCCtx() }
        guard let context = unsafe context else { return 0 }
        return unsafe bytes.withUnsafeBytes { source in
            unsafe room.withUnsafeMutableBytes { room in
                let count = unsafe ZSTD_compressCCtx(
                    context, room.baseAddress, most, source.baseAddress, source.count, Int32(level))
                return ZSTD_isError(count) == 0 ? count : 0
            }
        }
    }
}
