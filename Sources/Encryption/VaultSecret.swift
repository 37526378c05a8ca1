internal import COpenSSL

/// What the owner knows or has, and what opens a vault's keys.
public struct VaultSecret: Sendable {
    /// Where a secret comes from, and so how a key is made of it.
    public enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
        /// A text that a person remembers: slowed down by scrypt (RFC 7914).
        case passphrase
        /// A file of at least 32 random bytes.
        case keyFile = "key-file"
        /// What a command printed, such as the client of a key management service: at least 32 bytes.
        case command
    }

    /// Where it comes from.
    public let kind: Kind
    let bytes: SecretBytes

    /// A secret of `bytes`. Throws ``EncryptionError/weakSecret(reason:)`` for one that could be guessed.
    public init(_ kind: Kind, _ bytes: SecretBytes) throws(EncryptionError) {
        switch kind {
        case .passphrase where bytes.count < Self.passphraseBytesMin:
            throw .weakSecret(reason: "a passphrase has at least \(Self.passphraseBytesMin) bytes")
        case .keyFile where bytes.count < Self.keyBytesMin:
            throw .weakSecret(
                reason: "a key file has at least \(Self.keyBytesMin) bytes; `head -c 32 /dev/urandom` makes one")
        case .command where bytes.count < Self.keyBytesMin:
            throw .weakSecret(reason: "the key command must print at least \(Self.keyBytesMin) bytes")
        default: break
        }
        self.kind = kind
        self.bytes = bytes
    }

    static let passphraseBytesMin = 8
    static let keyBytesMin = 32
}

/// How hard it is made to try passphrases: scrypt's parameters, kept beside each wrapped key.
public struct PassphraseCost: Sendable, Hashable, Codable {
    /// Iterations, a power of two. Memory is 128 · n · r bytes.
    public var n: UInt64
    /// Block size.
    public var r: UInt64
    /// Parallelism.
    public var p: UInt64

    /// Parameters of their parts.
    public init(n: UInt64, r: UInt64, p: UInt64) {
        self.n = n
        self.r = r
        self.p = p
    }

    /// 128 MiB of memory (RFC 7914 §2: 128 * N * r bytes).
    public static let standard = PassphraseCost(n: 1 << 17, r: 8, p: 1)
    /// What a file may ask for, so that a damaged one does not take the machine: 1 GiB.
    static let memoryBytesMax: UInt64 = 1 << 30

    var isSane: Bool {
        n > 1 && n & (n - 1) == 0 && r > 0 && p > 0 && n <= 1 << 24 && r <= 64 && p <= 16
            && 128 * n * r <= Self.memoryBytesMax
    }
}

extension VaultSecret {
    /// The key that wraps, made of the secret and a random salt.
    func wrappingKey(salt: [UInt8], _ cost: PassphraseCost?) throws(EncryptionError) -> SecretBytes {
        switch kind {
        case .passphrase:
            guard let cost, cost.isSane else {
                throw .malformedKeys(reason: "a passphrase's parameters are not those of scrypt, or beyond 1 GiB")
            }
            return try SecretBytes(count: 32) { (room) throws(EncryptionError) in
                let done = unsafe room.withUnsafeMutableBytes { room in
                    bytes.withBytes { secret in
                        unsafe secret.withUnsafeBytes { secret in
                            unsafe EVP_PBE_scrypt(
                                secret.assumingMemoryBound(to: CChar.self).baseAddress, secret.count, salt, salt.count,
                                cost.n, cost.r, cost.p, PassphraseCost.memoryBytesMax + (1 << 20),
                                room.assumingMemoryBound(to: UInt8.self).baseAddress, room.count)
                        }
                    }
                }
                guard done == 1 else { throw .library(operation: "scrypt") }
            }
        case .keyFile, .command:
            // HKDF's extraction (RFC 5869 §2.2): the secret is random already.
            var hash = try KeyedHash(unsafe SecretBytes(copying: salt.span.bytes))
            var code = try bytes.withBytes { (secret) throws(EncryptionError) in try hash.code(of: secret) }
            let key = unsafe SecretBytes(copying: code.span.bytes)
            for index in 0..<32 { code[index] = 0 }
            return key
        }
    }
}
