internal import COpenSSL
internal import Objects

/// A digest algorithm as OpenSSL implements it, fetched once.
///
/// Since OpenSSL 3 naming an algorithm anew (`EVP_sha256()`) looks its implementation up under a lock at every start of a
/// digest; a fetched `EVP_MD` does not.
@safe
final class MessageDigestAlgorithm: Sendable {
    // Sendable because the EVP_MD is only read after init; OpenSSL documents fetched algorithms as shareable between
    // threads (openssl-threads(7)), and its reference count is atomic.
    nonisolated(unsafe) let handle: OpaquePointer

    init(_ name: String) throws(BlocksError) {
        guard let handle = unsafe EVP_MD_fetch(nil, name, nil) else { throw .digestUnavailable(name: name) }
        unsafe self.handle = handle
    }

    deinit { unsafe EVP_MD_free(handle) }

    /// OpenSSL's name of a message digest; nil for the CRCs, which it has none of.
    static func name(of algorithm: DigestAlgorithm) -> String? {
        switch algorithm {
        case .md5: "MD5"
        case .sha1: "SHA1"
        case .sha256: "SHA256"
        case .crc32, .crc32c, .crc64nvme: nil
        }
    }
}

/// A running digest of OpenSSL: owns one `EVP_MD_CTX`, which is reused from digest to digest.
///
/// OpenSSL's update and final of these digests fail only when it is called out of order; such a failure stops the
/// program, since the digest of a block must never be a guess.
@safe
struct MessageDigest: ~Copyable {
    private let context: OpaquePointer
    private let algorithm: MessageDigestAlgorithm

    init(_ algorithm: MessageDigestAlgorithm) throws(BlocksError) {
        guard let context = unsafe EVP_MD_CTX_new() else { throw .digestUnavailable(name: "digest context") }
        unsafe self.context = context
        self.algorithm = algorithm
    }

    deinit { unsafe EVP_MD_CTX_free(context) }

    /// Starts a new digest.
    mutating func begin() throws(BlocksError) {
        guard unsafe EVP_DigestInit_ex2(context, algorithm.handle, nil) == 1 else {
            throw .digestUnavailable(name: "digest")
        }
    }

    /// Takes more bytes.
    mutating func update(_ bytes: RawSpan) {
        unsafe bytes.withUnsafeBytes { bytes in
            let done = unsafe EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
            precondition(done == 1, "OpenSSL refused bytes of a running digest")
        }
    }

    /// Writes the digest's bytes to the start of `digest`, which has room for EVP_MAX_MD_SIZE bytes, and returns their
    /// number.
    mutating func finish(into digest: inout [64 of UInt8]) -> Int {
        var count: UInt32 = 0
        var span = digest.mutableSpan
        let done = unsafe span.withUnsafeMutableBufferPointer { room in
            unsafe EVP_DigestFinal_ex(context, room.baseAddress, &count)
        }
        precondition(done == 1, "OpenSSL refused to finish a running digest")
        return Int(count)
    }
}
