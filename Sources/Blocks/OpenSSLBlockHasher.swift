internal import COpenSSL

/// Fingerprints blocks one after the other with OpenSSL's SHA-256, which uses the processor's SHA instructions if it has
/// any.
///
/// Keeps no state between batches: one instance serves any number of threads.
public struct OpenSSLBlockHasher: BlockHashing {
    private let algorithm: MessageDigestAlgorithm

    /// Throws ``BlocksError/digestUnavailable(name:)`` when OpenSSL is configured without SHA-256.
    public init() throws(BlocksError) {
        algorithm = try MessageDigestAlgorithm("SHA256")
    }

    /// See ``BlockHashing/hash(_:in:)``. Stops the program when there is no memory for OpenSSL's context.
    public func hash(_ blocks: inout [BlockDescriptor], in pool: BlockPool) {
        guard !blocks.isEmpty else { return }
        do throws(BlocksError) {
            var digest = try MessageDigest(algorithm)
            for index in blocks.indices {
                let block = blocks[index]
                blocks[index].fingerprint = try pool.withBytes(of: block.buffer, count: Int(block.length)) {
                    bytes throws(BlocksError) in try Self.fingerprint(of: bytes, with: &digest)
                }
            }
        } catch {
            // SHA-256 was there at start, so this is want of memory. A batch without fingerprints must not go on.
            preconditionFailure("\(error)")
        }
    }

    /// The fingerprint of one block's bytes.
    public func fingerprint(of bytes: RawSpan) throws(BlocksError) -> Fingerprint {
        var digest = try MessageDigest(algorithm)
        return try Self.fingerprint(of: bytes, with: &digest)
    }

    private static func fingerprint(
        of bytes: RawSpan, with digest: inout MessageDigest
    ) throws(BlocksError) -> Fingerprint {
        var result = [64 of UInt8](repeating: 0)
        try digest.begin()
        digest.update(bytes)
        let count = digest.finish(into: &result)
        precondition(count == Fingerprint.byteCount, "SHA-256 has 32 bytes")
        return unsafe Fingerprint(bytes: result.span.bytes)
    }
}
