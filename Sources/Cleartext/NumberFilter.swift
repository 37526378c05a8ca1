internal import COpenSSL

/// Says under which record numbers a record of TLS 1.3 can be application data without padding, at the price of one AES
/// block each instead of the whole record.
///
/// GCM and CCM encrypt in counter mode: a byte is the cleartext's xor one of the block that nonce and counter give (NIST
/// SP 800-38D §6.5, RFC 3610 §2.3), and the nonce has the record's number (RFC 8446 §5.3). The last byte that is encrypted
/// is the type, 23. One number in 256 passes by chance; the tag decides about these.
@safe
struct NumberFilter: ~Copyable {
    /// Numbers looked at together.
    static let batch = 256

    private let context: OpaquePointer
    private let isCCM: Bool
    private let tagLength: Int
    private var iv = [12 of UInt8](repeating: 0)
    private var blocks = [UInt8](repeating: 0, count: 16 * NumberFilter.batch)
    private var output = [UInt8](repeating: 0, count: 16 * NumberFilter.batch)

    /// A filter for the keys of a traffic secret. Nil for ChaCha20-Poly1305, and when OpenSSL does not offer the cipher.
    static func forSecret(_ secret: SecretBytes, _ suite: CipherSuite) -> NumberFilter? {
        let algorithm = suite.algorithm
        guard algorithm.isAEAD, algorithm != .chaCha20Poly1305 else { return nil }
        let key = KeySchedule.expandLabel(secret, "key", count: algorithm.keyLength, suite.hash)
        let iv = KeySchedule.expandLabel(secret, "iv", count: 12, suite.hash)
        let name = algorithm.keyLength == 16 ? "AES-128-ECB" : "AES-256-ECB"
        guard let cipher = unsafe EVP_CIPHER_fetch(nil, name, nil) else { return nil }
        defer { unsafe EVP_CIPHER_free(cipher) }
        guard let context = unsafe EVP_CIPHER_CTX_new() else { return nil }
        let isReady = unsafe key.withBytes { unsafe EVP_EncryptInit_ex2(context, cipher, $0, nil, nil) } == 1
        guard isReady, unsafe EVP_CIPHER_CTX_set_padding(context, 0) == 1 else {
            unsafe EVP_CIPHER_CTX_free(context)
            return nil
        }
        return unsafe NumberFilter(context, algorithm, iv)
    }

    private init(_ context: OpaquePointer, _ algorithm: RecordAlgorithm, _ iv: SecretBytes) {
        unsafe self.context = context
        isCCM = algorithm.isCCM
        tagLength = algorithm.tagLength
        for index in 0..<12 { self.iv[index] = unsafe iv.withBytes { unsafe $0[index] } }
    }

    deinit {
        unsafe EVP_CIPHER_CTX_free(context)
        KeySchedule.wipeLast(output)
    }

    /// The numbers among ``batch`` from `first` on under which the record may open.
    mutating func candidates(_ record: RawSpan, from first: UInt64) -> [UInt64] {
        let count = record.byteCount - RecordHeader.length - tagLength
        guard count > 0 else { return [] }
        let block = (count - 1) / 16
        let place = (count - 1) % 16
        // GCM keeps counter 1 for the tag, CCM counter 0, whose counter has three bytes here.
        let counter = isCCM ? block + 1 : block + 2
        let start = isCCM ? 1 : 0
        for index in 0..<Self.batch {
            let base = 16 * index
            let number = first &+ UInt64(index)
            if isCCM { blocks[base] = 2 }
            for byte in 0..<4 { blocks[base + start + byte] = iv[byte] }
            for byte in 0..<8 {
                let part = UInt8(truncatingIfNeeded: number >> UInt64(56 - 8 * byte))
                blocks[base + start + 4 + byte] = iv[4 + byte] ^ part
            }
            for byte in (start + 12)..<16 {
                blocks[base + byte] = UInt8(truncatingIfNeeded: counter >> (8 * (15 - byte)))
            }
        }
        var written: Int32 = 0
        let context = unsafe context
        let isDone = unsafe blocks.withUnsafeBufferPointer { blocks in
            unsafe output.withUnsafeMutableBufferPointer { output in
                // Both have room for the same number of whole blocks.
                unsafe EVP_EncryptUpdate(
                    context, output.baseAddress, &written, blocks.baseAddress, Int32(blocks.count)) == 1
            }
        }
        guard isDone else { return [] }
        let wanted = record.octet(RecordHeader.length + count - 1) ^ RecordHeader.Kind.applicationData
        return (0..<Self.batch).filter { output[16 * $0 + place] == wanted }.map { first &+ UInt64($0) }
    }
}
