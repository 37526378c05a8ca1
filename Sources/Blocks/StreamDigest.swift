public import Objects

/// A digest of bytes that come in pieces, by any algorithm that a cloud states.
///
/// Costs per byte differ a hundredfold between them: choose the cheapest that suffices.
public struct StreamDigest: ~Copyable {
    /// The algorithm.
    public let algorithm: DigestAlgorithm

    /// OpenSSL's state of a message digest; nil for the CRCs.
    private var message: MessageDigest?
    /// The state of a CRC, in the low bits.
    private var checksum: UInt64 = 0

    /// Starts a digest. Throws ``BlocksError/digestUnavailable(name:)`` when OpenSSL is configured without it.
    public init(_ algorithm: DigestAlgorithm) throws(BlocksError) {
        self.algorithm = algorithm
        guard let name = MessageDigestAlgorithm.name(of: algorithm) else {
            message = nil
            return
        }
        var digest = try MessageDigest(MessageDigestAlgorithm(name))
        try digest.begin()
        message = consume digest
    }

    /// Takes the next bytes.
    public mutating func update(_ bytes: RawSpan) {
        switch algorithm {
        case .md5, .sha1, .sha256: message?.update(bytes)
        case .crc32: checksum = UInt64(CRC32.update(UInt32(truncatingIfNeeded: checksum), bytes))
        case .crc32c: checksum = UInt64(CRC32C.update(UInt32(truncatingIfNeeded: checksum), bytes))
        case .crc64nvme: checksum = CRC64NVME.update(checksum, bytes)
        }
    }

    /// Ends the digest: ``DigestAlgorithm/byteCount`` bytes, big-endian for CRCs, as clouds send them in base64.
    public consuming func finalize() -> [UInt8] {
        var room = [64 of UInt8](repeating: 0)
        let count = algorithm.byteCount
        if let written = message?.finish(into: &room) {
            precondition(written == count, "a digest of another length than its algorithm's")
            return (0..<count).map { room[$0] }
        }
        return (0..<count).reversed().map { UInt8(truncatingIfNeeded: checksum >> (8 * UInt64($0))) }
    }
}
