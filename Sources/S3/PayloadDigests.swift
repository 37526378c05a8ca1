internal import COpenSSL
public import NIOCore

/// The two digests that S3 asks of a payload: MD5 for ETags and `Content-MD5`, SHA-256 for the signature and checksums.
public struct PayloadDigests: Hashable, Sendable, Codable {
    /// MD5, 16 bytes.
    public var md5: [UInt8]
    /// SHA-256, 32 bytes.
    public var sha256: [UInt8]

    /// Digests of the given values.
    public init(md5: [UInt8], sha256: [UInt8]) {
        self.md5 = md5
        self.sha256 = sha256
    }

    /// Digests of bytes that are in memory.
    public init(of bytes: [UInt8]) {
        var hasher = PayloadHasher()
        hasher.update(ByteBuffer(bytes: bytes))
        self = hasher.finish()
    }
}

/// Computes both digests in one pass, chunk by chunk, while the chunk is in the cache.
public struct PayloadHasher: ~Copyable {
    private var md5 = RunningDigest(.md5)
    private var sha256 = RunningDigest(.sha256)

    /// A hasher that has seen nothing.
    public init() {}

    /// Takes the readable bytes of `chunk`.
    public mutating func update(_ chunk: ByteBuffer) {
        md5.update(chunk)
        sha256.update(chunk)
    }

    /// The digests of everything taken.
    public consuming func finish() -> PayloadDigests {
        PayloadDigests(md5: md5.finish(), sha256: sha256.finish())
    }
}

/// One digest in progress; owns OpenSSL's context and frees it.
@safe package struct RunningDigest: ~Copyable {
    package enum Algorithm {
        case md5, sha256
    }

    // Only this struct holds the pointer, it is not copied, and OpenSSL keeps no other reference to the context.
    private let context: OpaquePointer

    package init(_ algorithm: Algorithm) {
        // EVP_MD_CTX_new fails only without memory, and the digests exist in every build of libcrypto that we link.
        guard let made = unsafe EVP_MD_CTX_new() else { preconditionFailure("libcrypto has no memory for a digest") }
        unsafe context = made
        let known = unsafe algorithm == .md5 ? EVP_md5() : EVP_sha256()
        let started = unsafe EVP_DigestInit_ex(context, known, nil)
        precondition(started == 1, "libcrypto refuses the digest, as in FIPS mode without MD5")
    }

    deinit { unsafe EVP_MD_CTX_free(context) }

    package mutating func update(_ chunk: ByteBuffer) {
        unsafe chunk.withUnsafeReadableBytes { bytes in
            _ = unsafe EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
        }
    }

    package mutating func update(_ bytes: [UInt8]) {
        unsafe bytes.withUnsafeBytes { bytes in
            _ = unsafe EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
        }
    }

    package consuming func finish() -> [UInt8] {
        let count = unsafe Int(EVP_MD_get_size(EVP_MD_CTX_get0_md(context)))
        return unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            var written: UInt32 = 0
            _ = unsafe EVP_DigestFinal_ex(context, buffer.baseAddress, &written)
            initialized = Int(written)
        }
    }

    /// The digest of bytes in memory.
    package static func of(_ bytes: [UInt8], _ algorithm: Algorithm) -> [UInt8] {
        var digest = RunningDigest(algorithm)
        digest.update(bytes)
        return digest.finish()
    }
}

/// HMAC-SHA-256 (RFC 2104) of `message` under `key`.
package func hmacSHA256(key: [UInt8], _ message: [UInt8]) -> [UInt8] {
    unsafe [UInt8](unsafeUninitializedCapacity: 32) { buffer, initialized in
        var written: UInt32 = 0
        _ = unsafe HMAC(EVP_sha256(), key, Int32(key.count), message, message.count, buffer.baseAddress, &written)
        initialized = Int(written)
    }
}

/// Text forms of bytes that S3 and the journal use.
package enum ByteText {
    /// Lower-case hexadecimal.
    package static func hex(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes that `text` spells in hexadecimal of either case; nil when it does not.
    package static func bytes(hex text: some StringProtocol) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = value(digits[index]), let low = value(digits[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
