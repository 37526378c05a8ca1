internal import COpenSSL

/// OpenSSL's context of AES-256-GCM (NIST SP 800-38D): the one place that calls it. It keeps its key until another one is set.
///
/// `@unchecked Sendable`: the only pointer is the context, which no other value knows and which is tied to no thread; a
/// noncopyable value is in one place, and everything is `mutating`, so whoever calls has it to itself.
@safe
struct GCMContext: ~Copyable, @unchecked Sendable {
    private let context: OpaquePointer
    private static let algorithm = CipherAlgorithm()
    private static let tagBytes: Int32 = 16

    /// A context without a key; nil when OpenSSL does not offer the cipher.
    init?() {
        guard unsafe Self.algorithm.handle != nil, let context = unsafe EVP_CIPHER_CTX_new() else { return nil }
        unsafe self.context = context
    }

    // Safe: made in `init`, freed only here; OpenSSL writes over the key on the way.
    deinit { unsafe EVP_CIPHER_CTX_free(context) }

    /// Sets the key, 32 bytes, for what comes. False when OpenSSL fails.
    @unsafe
    mutating func use(key: UnsafePointer<UInt8>, isEncrypting: Bool) -> Bool {
        unsafe EVP_CipherInit_ex2(context, Self.algorithm.handle, key, nil, isEncrypting ? 1 : 0, nil) == 1
    }

    /// Begins a message under a nonce of 12 bytes, and a key of 32 unless the one of before stays; `more` is authenticated with
    /// it. False when OpenSSL fails.
    @unsafe
    mutating func begin(
        key: UnsafePointer<UInt8>? = nil, nonce: UnsafeRawPointer, authenticating more: RawSpan, isEncrypting: Bool
    ) -> Bool {
        var count: Int32 = 0
        let nonce = unsafe nonce.assumingMemoryBound(to: UInt8.self)
        let algorithm = unsafe key == nil ? nil : Self.algorithm.handle
        guard unsafe EVP_CipherInit_ex2(context, algorithm, key, nonce, isEncrypting ? 1 : 0, nil) == 1 else {
            return false
        }
        let context = unsafe context
        return unsafe more.withUnsafeBytes { more in
            unsafe more.isEmpty
                || EVP_CipherUpdate(
                    context, nil, &count, more.assumingMemoryBound(to: UInt8.self).baseAddress, Int32(more.count)) == 1
        }
    }

    /// The message's bytes, to another place or to the same one: GCM is a stream, and OpenSSL allows output exactly over input.
    @unsafe
    mutating func crypt(_ bytes: UnsafeRawPointer?, _ count: Int, to room: UnsafeMutableRawPointer?) -> Bool {
        guard count > 0 else { return true }
        var written: Int32 = 0
        return unsafe count <= Int(Int32.max)
            && EVP_CipherUpdate(
                context, room?.assumingMemoryBound(to: UInt8.self), &written,
                bytes?.assumingMemoryBound(to: UInt8.self), Int32(count)) == 1
            && Int(written) == count
    }

    /// Ends a message that is encrypted, and writes its tag, 16 bytes.
    @unsafe
    mutating func finish(writing tag: UnsafeMutableRawPointer) -> Bool {
        unsafe end() && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Self.tagBytes, tag) == 1
    }

    /// Ends a message that is decrypted. False when the 16 bytes at `tag`, which are only read, are not its.
    @unsafe
    mutating func finish(checking tag: UnsafeMutableRawPointer) -> Bool {
        unsafe EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Self.tagBytes, tag) == 1 && end()
    }

    private func end() -> Bool {
        var count: Int32 = 0
        // GCM has nothing left to write at the end; a place is wanted all the same.
        var rest: UInt8 = 0
        return unsafe EVP_CipherFinal_ex(context, &rest, &count) == 1
    }
}

/// The algorithm, looked up once.
@safe
private final class CipherAlgorithm: Sendable {
    // Sendable because a fetched EVP_CIPHER is only read, and may be shared (openssl-threads(7)). Never freed: one each
    // process.
    nonisolated(unsafe) let handle: OpaquePointer?
    init() { unsafe handle = EVP_CIPHER_fetch(nil, "AES-256-GCM", nil) }
}
