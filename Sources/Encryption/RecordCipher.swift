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

/// AES-256-GCM in place, with the key of one record after the other.
struct RecordCipher: ~Copyable {
    private var context: GCMContext

    init() throws(EncryptionError) {
        guard let context = GCMContext() else { throw .library(operation: "AES-256-GCM") }
        self.context = context
    }

    /// Replaces `bytes` by their ciphertext and writes the tag, 16 bytes. All memory is the caller's, for this call.
    @unsafe
    mutating func encrypt(
        _ bytes: UnsafeMutableRawBufferPointer, key: SecretKeyBytes, nonce: UnsafeRawPointer,
        authenticating more: RawSpan, tag: UnsafeMutableRawPointer
    ) throws(EncryptionError) {
        let isDone =
            unsafe begin(key, nonce, more, isEncrypting: true)
            && context.crypt(bytes.baseAddress, bytes.count, to: bytes.baseAddress)
            && context.finish(writing: tag)
        guard isDone else { throw .library(operation: "AES-256-GCM") }
    }

    /// Replaces the ciphertext `bytes` by what was encrypted. Throws ``EncryptionError/notAuthentic``, with zeros left in `bytes`,
    /// when the 16 bytes at `tag` are not theirs.
    @unsafe
    mutating func open(
        _ bytes: UnsafeMutableRawBufferPointer, key: SecretKeyBytes, nonce: UnsafeRawPointer,
        authenticating more: RawSpan, tag: UnsafeMutableRawPointer
    ) throws(EncryptionError) {
        guard unsafe begin(key, nonce, more, isEncrypting: false),
            unsafe context.crypt(bytes.baseAddress, bytes.count, to: bytes.baseAddress)
        else { throw .library(operation: "AES-256-GCM") }
        guard unsafe context.finish(checking: tag) else {
            unsafe OPENSSL_cleanse(bytes.baseAddress, bytes.count)
            throw .notAuthentic
        }
    }

    @unsafe
    private mutating func begin(
        _ key: SecretKeyBytes, _ nonce: UnsafeRawPointer, _ more: RawSpan, isEncrypting: Bool
    ) -> Bool {
        unsafe withUnsafeBytes(of: key) { key in
            guard let start = unsafe key.assumingMemoryBound(to: UInt8.self).baseAddress else { return false }
            return unsafe context.begin(key: start, nonce: nonce, authenticating: more, isEncrypting: isEncrypting)
        }
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
