internal import CLZ4
internal import CZstd

/// Gives back the bytes that a ``Compressor`` made smaller. Keeps the library's state between blocks, which costs more to
/// make than a small block to expand. Owned by one thread.
@safe
public struct Decompressor: ~Copyable {
    /// Made for the first block that needs it; only this struct holds it.
    private var context: OpaquePointer?

    /// A decompressor that has seen nothing.
    public init() { unsafe context = nil }

    // A null context is none to ZSTD_freeDCtx.
    deinit { unsafe ZSTD_freeDCtx(context) }

    /// As ``expand(_:code:count:into:)``, for one block.
    public static func expand(
        _ bytes: RawSpan, code: UInt8, count: Int, into room: inout MutableRawSpan
    ) throws(CompressionError) {
        var decompressor = Decompressor()
        try decompressor.expand(bytes, code: code, count: count, into: &room)
    }

    /// Expands `bytes`, stored with the method of `code`, into the first `count` bytes of `room`.
    ///
    /// Throws ``CompressionError`` when the bytes do not give exactly `count` bytes; `room` then holds rubbish, and
    /// nothing behind its first `count` bytes was touched.
    public mutating func expand(
        _ bytes: RawSpan, code: UInt8, count: Int, into room: inout MutableRawSpan
    ) throws(CompressionError) {
        precondition(room.byteCount >= count, "less room than the block has bytes")
        switch code {
        case CompressionCode.zstd: try zstd(bytes, count, &room)
        case CompressionCode.lz4: try Self.lz4(bytes, count, &room)
        default: throw .unknownCode(code)
        }
    }

    private mutating func zstd(
        _ bytes: RawSpan, _ count: Int, _ room: inout MutableRawSpan
    ) throws(CompressionError) {
        if unsafe context == nil { unsafe context = ZSTD_createDCtx() }
        guard let context = unsafe context else { throw .malformed(method: "zstd", reason: "out of memory") }
        let written = unsafe bytes.withUnsafeBytes { source in
            unsafe room.withUnsafeMutableBytes { room in
                unsafe ZSTD_decompressDCtx(context, room.baseAddress, count, source.baseAddress, source.count)
            }
        }
        guard ZSTD_isError(written) == 0 else {
            throw .malformed(method: "zstd", reason: unsafe String(cString: ZSTD_getErrorName(written)))
        }
        guard written == count else {
            throw .malformed(method: "zstd", reason: "it gives \(written) bytes, not \(count)")
        }
    }

    private static func lz4(_ bytes: RawSpan, _ count: Int, _ room: inout MutableRawSpan) throws(CompressionError) {
        guard let stored = Int32(exactly: bytes.byteCount), let most = Int32(exactly: count) else {
            throw .malformed(method: "lz4", reason: "\(bytes.byteCount) bytes are more than a block has")
        }
        let written = unsafe bytes.withUnsafeBytes { source in
            unsafe room.withUnsafeMutableBytes { room -> Int32 in
                guard let from = unsafe source.assumingMemoryBound(to: CChar.self).baseAddress,
                    let into = unsafe room.assumingMemoryBound(to: CChar.self).baseAddress
                else { return -1 }
                return unsafe LZ4_decompress_safe(from, into, stored, most)
            }
        }
        guard written == most else {
            throw .malformed(
                method: "lz4", reason: written < 0 ? "it is not well formed" : "it gives \(written) bytes, not \(count)"
            )
        }
    }
}
