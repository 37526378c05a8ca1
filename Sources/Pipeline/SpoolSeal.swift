internal import COpenSSL
internal import Glibc

/// One direction of a spool's encryption: AES-256-GCM (NIST SP 800-38D) under a key that exists in memory only.
///
/// Packets carry what must never reach a disk: credentials in headers, session tokens, signed URLs. What is sealed can be
/// opened by the process that sealed it and by nobody after it has ended.
///
/// `@unchecked Sendable`: the only pointer is the cipher's context, which no other value knows and which is tied to no thread;
/// a noncopyable value is in one place, and `seal` and `open` are `mutating`, so they have it to themselves.
@safe
struct SpoolSeal: ~Copyable, @unchecked Sendable {
    /// Bytes of an AES-256 key.
    static let keyBytes = 32
    /// Bytes in front of what is sealed: its number (8, which makes the nonce), zeros (8) and the tag (16).
    static let headerBytes = 32
    private static let tagBytes: Int32 = 16
    private static let tagOffset = 16

    private let context: OpaquePointer
    private let encrypts: Bool
    /// Number of the next sealing: a nonce is used once under a key.
    private var number: UInt64 = 0

    /// Both directions under one key.
    struct Pair: ~Copyable {
        var sealing: SpoolSeal
        var opening: SpoolSeal
    }

    /// Both directions under a new random key, which nobody else ever sees; nil when OpenSSL fails.
    static func pair() -> Pair? {
        unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: keyBytes) { key -> Pair? in
            guard let start = key.baseAddress, unsafe RAND_priv_bytes(start, Int32(keyBytes)) == 1 else {
                return nil
            }
            defer { unsafe OPENSSL_cleanse(start, keyBytes) }
            guard let sealing = unsafe SpoolSeal(key: start, encrypts: true),
                let opening = unsafe SpoolSeal(key: start, encrypts: false)
            else { return nil }
            return Pair(sealing: sealing, opening: opening)
        }
    }

    /// A cipher with its key; nil when OpenSSL does not offer it.
    private init?(key: UnsafePointer<UInt8>, encrypts: Bool) {
        guard let context = unsafe EVP_CIPHER_CTX_new() else { return nil }
        guard unsafe EVP_CipherInit_ex2(context, EVP_aes_256_gcm(), key, nil, encrypts ? 1 : 0, nil) == 1 else {
            unsafe EVP_CIPHER_CTX_free(context)
            return nil
        }
        unsafe self.context = context
        self.encrypts = encrypts
    }

    // Safe: made in `init`, freed only here; OpenSSL writes over the key on the way.
    deinit { unsafe EVP_CIPHER_CTX_free(context) }

    /// Seals `bytes` for a slot: header and ciphertext go to `room`, which holds ``headerBytes`` more than `bytes`.
    /// False when OpenSSL fails.
    mutating func seal(_ bytes: UnsafeRawBufferPointer, slot: Int, into room: UnsafeMutableRawPointer) -> Bool {
        precondition(encrypts)
        unsafe room.storeBytes(of: number.littleEndian, as: UInt64.self)
        unsafe room.storeBytes(of: 0, toByteOffset: 8, as: UInt64.self)
        number += 1
        let ciphertext = unsafe room + Self.headerBytes
        return unsafe start(room, slot, bytes.count)
            && crypt(bytes.baseAddress, bytes.count, to: ciphertext)
            && finish(ciphertext + bytes.count)
            && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Self.tagBytes, room + Self.tagOffset) == 1
    }

    /// Opens in place what was sealed for a slot: `header` and then `bytes`. False when a bit of it, of the slot's number
    /// or of the length differs: then `bytes` must not be used.
    mutating func open(
        _ bytes: UnsafeMutableRawBufferPointer, header: UnsafeMutableRawPointer, slot: Int
    ) -> Bool {
        precondition(!encrypts)
        guard let start = bytes.baseAddress else { return false }
        return unsafe self.start(header, slot, bytes.count)
            && crypt(UnsafeRawPointer(start), bytes.count, to: start)
            && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Self.tagBytes, header + Self.tagOffset) == 1
            && finish(start + bytes.count)
    }

    /// Sets the nonce, and binds what follows to its place and length.
    private func start(_ header: UnsafeMutableRawPointer, _ slot: Int, _ count: Int) -> Bool {
        let place = [2 of UInt64] { index in (index == 0 ? UInt64(slot) : UInt64(count)).littleEndian }
        var length: Int32 = 0
        // Safe: the nonce is the header's first 12 bytes; `place` lives through the call.
        return unsafe place.span.withUnsafeBytes { place in
            unsafe EVP_CipherInit_ex2(
                context, nil, nil, header.assumingMemoryBound(to: UInt8.self), encrypts ? 1 : 0, nil) == 1
                && EVP_CipherUpdate(
                    context, nil, &length, place.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(place.count))
                    == 1
        }
    }

    private func crypt(_ bytes: UnsafeRawPointer?, _ count: Int, to room: UnsafeMutableRawPointer) -> Bool {
        guard count > 0 else { return true }
        var length: Int32 = 0
        return unsafe EVP_CipherUpdate(
            context, room.assumingMemoryBound(to: UInt8.self), &length, bytes?.assumingMemoryBound(to: UInt8.self),
            Int32(count)) == 1 && Int(length) == count
    }

    private func finish(_ end: UnsafeMutableRawPointer) -> Bool {
        var length: Int32 = 0
        return unsafe EVP_CipherFinal_ex(context, end.assumingMemoryBound(to: UInt8.self), &length) == 1
    }
}
