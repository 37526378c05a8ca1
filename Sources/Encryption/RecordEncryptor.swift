internal import COpenSSL

/// Encrypts records with the newest data key. Owned by one thread.
public struct RecordEncryptor: ~Copyable {
    private let epoch: UInt32
    private var derivation: KeyedHash
    private var cipher: RecordCipher
    private var nonces = [UInt8](repeating: 0, count: 12 * 64)
    private var nonceAt = 12 * 64

    /// An encryptor with the newest key of `keys`.
    public init(_ keys: VaultKeys) throws(EncryptionError) {
        epoch = keys.currentEpoch
        let hash = try KeyedHash(keys.dataKey(epoch))
        let fresh = try RecordCipher()
        derivation = hash
        cipher = fresh
    }

    /// Replaces `bytes` by their ciphertext. The record opens in the same context only, with the same `more` beside it.
    public mutating func encrypt(
        _ bytes: inout MutableRawSpan, _ context: RecordContext, authenticating more: RawSpan
    ) throws(EncryptionError) -> RecordEnvelope {
        var frame = (UInt64(0), UInt64(0), UInt64(0), UInt64(0))
        try unsafe bytes.withUnsafeMutableBytes { (bytes) throws(EncryptionError) in
            try unsafe withUnsafeMutableBytes(of: &frame) { (frame) throws(EncryptionError) in
                guard let start = frame.baseAddress else { return }
                try unsafe encrypt(bytes, context, more, head: start, tag: start + RecordEnvelope.headBytes)
            }
        }
        return RecordEnvelope(head0: frame.0, head1: frame.1, tag0: frame.2, tag1: frame.3)
    }

    /// Turns the bytes of an array from `range`'s start on into an envelope: what stands between the first and last 16 of
    /// them is encrypted, and those 16 are written.
    public mutating func encrypt(
        envelope range: Range<Int>, of bytes: inout [UInt8], _ context: RecordContext, authenticating more: RawSpan
    ) throws(EncryptionError) {
        precondition(
            range.count >= RecordEnvelope.byteCount && range.upperBound <= bytes.count, "no room for an envelope")
        var span = bytes.mutableSpan
        var room = unsafe span.mutableBytes
        try unsafe room.withUnsafeMutableBytes { (bytes) throws(EncryptionError) in
            guard let start = unsafe bytes.baseAddress.map({ unsafe $0 + range.lowerBound }) else { return }
            let inner = unsafe UnsafeMutableRawBufferPointer(
                start: start + RecordEnvelope.headBytes, count: range.count - RecordEnvelope.byteCount)
            try unsafe encrypt(inner, context, more, head: start, tag: start + range.count - RecordEnvelope.tagBytes)
        }
    }

    @unsafe
    private mutating func encrypt(
        _ bytes: UnsafeMutableRawBufferPointer, _ context: RecordContext, _ more: RawSpan,
        head: UnsafeMutableRawPointer, tag: UnsafeMutableRawPointer
    ) throws(EncryptionError) {
        if nonceAt == nonces.count { try drawNonces() }
        var key = try derivation.key(of: context)
        defer { key.wipe() }
        unsafe head.storeBytes(of: epoch.littleEndian, as: UInt32.self)
        unsafe nonces.withUnsafeBytes { nonces in
            unsafe (head + 4).copyMemory(
                from: nonces.baseAddress.map { unsafe $0 + nonceAt } ?? UnsafeRawPointer(head), byteCount: 12)
        }
        nonceAt += 12
        unsafe try cipher.encrypt(bytes, key: key, nonce: UnsafeRawPointer(head + 4), authenticating: more, tag: tag)
    }

    private mutating func drawNonces() throws(EncryptionError) {
        let done = unsafe nonces.withUnsafeMutableBufferPointer { room in
            unsafe RAND_bytes(room.baseAddress, Int32(room.count))
        }
        guard done == 1 else { throw .library(operation: "random bytes") }
        nonceAt = 0
    }
}

/// Opens encrypted records of every epoch. Owned by one thread.
public struct RecordDecryptor: ~Copyable {
    private let keys: VaultKeys
    private var cipher: RecordCipher
    /// Of the epoch used last: most records of a place are of one.
    private var derivation: KeyedHash
    private var epoch: UInt32

    /// A decryptor with the keys of `keys`.
    public init(_ keys: VaultKeys) throws(EncryptionError) {
        self.keys = keys
        epoch = keys.currentEpoch
        let hash = try KeyedHash(keys.dataKey(epoch))
        let fresh = try RecordCipher()
        derivation = hash
        cipher = fresh
    }

    /// Opens an envelope: what was encrypted then stands in `bytes` between the first and last 16. Throws
    /// ``EncryptionError/notAuthentic``, with zeros there, when it is not what was encrypted in this context.
    public mutating func open(
        envelope bytes: inout [UInt8], _ context: RecordContext, authenticating more: RawSpan
    ) throws(EncryptionError) {
        guard bytes.count >= RecordEnvelope.byteCount else { throw .notAuthentic }
        let found = UInt32(bytes[0]) | UInt32(bytes[1]) << 8 | UInt32(bytes[2]) << 16 | UInt32(bytes[3]) << 24
        if found != epoch {
            derivation = try KeyedHash(keys.dataKey(found))
            epoch = found
        }
        var key = try derivation.key(of: context)
        defer { key.wipe() }
        var span = bytes.mutableSpan
        var room = unsafe span.mutableBytes
        try unsafe room.withUnsafeMutableBytes { (bytes) throws(EncryptionError) in
            guard let start = bytes.baseAddress else { return }
            let inner = unsafe UnsafeMutableRawBufferPointer(
                start: start + RecordEnvelope.headBytes, count: bytes.count - RecordEnvelope.byteCount)
            try unsafe cipher.open(
                inner, key: key, nonce: UnsafeRawPointer(start + 4), authenticating: more,
                tag: start + bytes.count - RecordEnvelope.tagBytes)
        }
    }
}

extension KeyedHash {
    /// The key of a record.
    fileprivate mutating func key(of context: RecordContext) throws(EncryptionError) -> SecretKeyBytes {
        var code = unsafe try code(of: context.bytes.span.bytes)
        let key = unsafe SecretKeyBytes(code.span.bytes)
        for index in 0..<32 { code[index] = 0 }
        return key
    }
}
