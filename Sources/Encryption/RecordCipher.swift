internal import COpenSSL
internal import Glibc

/// What stands around the ciphertext of an encrypted record: epoch of the key (4 bytes, little-endian) and nonce (12) before
/// it, tag (16) behind it. Together they are an *envelope*.
public struct RecordEnvelope: Hashable, Sendable, BitwiseCopyable {
    /// Bytes before the ciphertext.
    public static let headBytes = 16
    /// Bytes behind it.
    public static let tagBytes = 16
    /// What encrypting adds to a record.
    public static let byteCount = headBytes + tagBytes

    /// Epoch and nonce, as two words in memory.
    public var head0: UInt64
    /// Second word.
    public var head1: UInt64
    /// The tag, as two words in memory.
    public var tag0: UInt64
    /// Second word.
    public var tag1: UInt64

    /// An envelope of its words.
    public init(head0: UInt64, head1: UInt64, tag0: UInt64, tag1: UInt64) {
        self.head0 = head0
        self.head1 = head1
        self.tag0 = tag0
        self.tag1 = tag1
    }

    /// Appends epoch and nonce.
    public func appendHead(to bytes: inout [UInt8]) { Self.append(head0, head1, to: &bytes) }

    /// Appends the tag.
    public func appendTag(to bytes: inout [UInt8]) { Self.append(tag0, tag1, to: &bytes) }

    private static func append(_ first: UInt64, _ second: UInt64, to bytes: inout [UInt8]) {
        unsafe withUnsafeBytes(of: (first, second)) { unsafe bytes.append(contentsOf: $0) }
    }
}

/// One AES-256-GCM context (NIST SP 800-38D), with the key of one record after the other.
@safe
struct RecordCipher: ~Copyable {
    private let context: OpaquePointer
    private static let algorithm = CipherAlgorithm()

    init() throws(EncryptionError) {
        guard unsafe Self.algorithm.handle != nil, let context = unsafe EVP_CIPHER_CTX_new() else {
            throw .library(operation: "AES-256-GCM")
        }
        unsafe self.context = context
    }

    deinit { unsafe EVP_CIPHER_CTX_free(context) }

    /// Replaces `bytes` by their ciphertext and writes the tag, 16 bytes. All memory is the caller's, for this call.
    @unsafe
    mutating func encrypt(
        _ bytes: UnsafeMutableRawBufferPointer, key: SecretKeyBytes, nonce: UnsafeRawPointer,
        authenticating more: RawSpan, tag: UnsafeMutableRawPointer
    ) throws(EncryptionError) {
        unsafe try begin(key, nonce, more, isEncrypting: true)
        unsafe try update(bytes)
        var count: Int32 = 0
        // GCM has nothing left to write at the end; a place is wanted all the same.
        var rest: UInt8 = 0
        guard unsafe EVP_EncryptFinal_ex(context, &rest, &count) == 1,
            unsafe EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, tag) == 1
        else { throw .library(operation: "AES-256-GCM") }
    }

    /// Replaces the ciphertext `bytes` by what was encrypted. Throws ``EncryptionError/notAuthentic``, with zeros left in `bytes`,
    /// when the 16 bytes at `tag` are not theirs.
    @unsafe
    mutating func open(
        _ bytes: UnsafeMutableRawBufferPointer, key: SecretKeyBytes, nonce: UnsafeRawPointer,
        authenticating more: RawSpan, tag: UnsafeMutableRawPointer
    ) throws(EncryptionError) {
        unsafe try begin(key, nonce, more, isEncrypting: false)
        unsafe try update(bytes)
        var count: Int32 = 0
        var rest: UInt8 = 0
        guard unsafe EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, 16, tag) == 1,
            unsafe EVP_DecryptFinal_ex(context, &rest, &count) == 1
        else {
            unsafe OPENSSL_cleanse(bytes.baseAddress, bytes.count)
            throw .notAuthentic
        }
    }

    @unsafe
    private func begin(
        _ key: SecretKeyBytes, _ nonce: UnsafeRawPointer, _ more: RawSpan, isEncrypting: Bool
    ) throws(EncryptionError) {
        var count: Int32 = 0
        let done = unsafe withUnsafeBytes(of: key) { key in
            unsafe more.withUnsafeBytes { more in
                unsafe EVP_CipherInit_ex2(
                    context, Self.algorithm.handle, key.assumingMemoryBound(to: UInt8.self).baseAddress,
                    nonce.assumingMemoryBound(to: UInt8.self), isEncrypting ? 1 : 0, nil) == 1
                    && (more.isEmpty
                        || EVP_CipherUpdate(
                            context, nil, &count, more.assumingMemoryBound(to: UInt8.self).baseAddress,
                            Int32(more.count)) == 1)
            }
        }
        guard done else { throw .library(operation: "AES-256-GCM") }
    }

    /// In place: GCM is a stream, and OpenSSL allows output exactly over input.
    @unsafe
    private func update(_ bytes: UnsafeMutableRawBufferPointer) throws(EncryptionError) {
        guard unsafe !bytes.isEmpty else { return }
        var count: Int32 = 0
        guard bytes.count <= Int(Int32.max),
            unsafe EVP_CipherUpdate(
                context, bytes.assumingMemoryBound(to: UInt8.self).baseAddress, &count,
                bytes.assumingMemoryBound(to: UInt8.self).baseAddress, Int32(bytes.count)) == 1,
            Int(count) == bytes.count
        else { throw .library(operation: "AES-256-GCM") }
    }
}

/// 32 bytes of a key on the stack, as words; ``wipe()`` it.
struct SecretKeyBytes: BitwiseCopyable {
    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    /// The key that 32 bytes are.
    init(_ bytes: RawSpan) {
        precondition(bytes.byteCount == 32, "a key has 32 bytes")
        unsafe withUnsafeMutableBytes(of: &words) { room in
            unsafe bytes.withUnsafeBytes { unsafe room.copyMemory(from: $0) }
        }
    }

    mutating func wipe() {
        unsafe withUnsafeMutableBytes(of: &words) { unsafe OPENSSL_cleanse($0.baseAddress, $0.count) }
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
