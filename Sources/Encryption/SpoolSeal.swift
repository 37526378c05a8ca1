internal import COpenSSL
internal import Glibc

/// One direction of a spool's encryption: AES-256-GCM (NIST SP 800-38D) under a key that exists in memory only.
///
/// Packets carry what must never reach a disk: credentials in headers, session tokens, signed URLs. What is sealed can be
/// opened by the process that sealed it and by nobody after it has ended.
public struct SpoolSeal: ~Copyable, Sendable {
    /// Bytes of an AES-256 key.
    private static let keyBytes = 32
    /// Bytes in front of what is sealed: its number (8, which makes the nonce), zeros (8) and the tag (16).
    public static let headerBytes = 32
    private static let tagOffset = 16

    private var context: GCMContext
    private let encrypts: Bool
    /// Number of the next sealing: a nonce is used once under a key.
    private var number: UInt64 = 0

    /// Both directions under one key.
    @frozen public struct Pair: ~Copyable {
        /// The one that seals.
        public let sealing: SpoolSeal
        /// The one that opens.
        public let opening: SpoolSeal
    }

    /// Both directions under a new random key, which nobody else ever sees; nil when OpenSSL fails.
    public static func pair() -> Pair? {
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
        guard var context = GCMContext(), unsafe context.use(key: key, isEncrypting: encrypts) else { return nil }
        self.context = context
        self.encrypts = encrypts
    }

    /// Seals `bytes` for a slot: header and ciphertext go to `room`, which holds ``headerBytes`` more than `bytes`.
    /// False when OpenSSL fails.
    @unsafe
    public mutating func seal(_ bytes: UnsafeRawBufferPointer, slot: Int, into room: UnsafeMutableRawPointer) -> Bool {
        precondition(encrypts)
        unsafe room.storeBytes(of: number.littleEndian, as: UInt64.self)
        unsafe room.storeBytes(of: 0, toByteOffset: 8, as: UInt64.self)
        number += 1
        let ciphertext = unsafe room + Self.headerBytes
        return unsafe start(room, slot, bytes.count)
            && context.crypt(bytes.baseAddress, bytes.count, to: ciphertext)
            && context.finish(writing: room + Self.tagOffset)
    }

    /// Opens in place what was sealed for a slot: `header` and then `bytes`. False when a bit of it, of the slot's number
    /// or of the length differs: then `bytes` must not be used.
    @unsafe
    public mutating func open(
        _ bytes: UnsafeMutableRawBufferPointer, header: UnsafeMutableRawPointer, slot: Int
    ) -> Bool {
        precondition(!encrypts)
        guard let start = bytes.baseAddress else { return false }
        return unsafe self.start(header, slot, bytes.count)
            && context.crypt(UnsafeRawPointer(start), bytes.count, to: start)
            && context.finish(checking: header + Self.tagOffset)
    }

    /// Sets the nonce, and binds what follows to its place and length.
    private mutating func start(_ header: UnsafeMutableRawPointer, _ slot: Int, _ count: Int) -> Bool {
        let place = [2 of UInt64] { index in (index == 0 ? UInt64(slot) : UInt64(count)).littleEndian }
        // Safe: the nonce is the header's first 12 bytes; `place` lives through the call.
        return unsafe context.begin(
            nonce: UnsafeRawPointer(header), authenticating: place.span.bytes, isEncrypting: encrypts)
    }
}
