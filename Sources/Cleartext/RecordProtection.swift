internal import COpenSSL

/// What a record held after its protection was removed.
struct OpenedRecord: BitwiseCopyable {
    /// The record's type: in TLS 1.3 that of the inner plaintext.
    var type: UInt8
    /// Bytes of content at the start of the room that was given.
    var count: Int
    /// Zeros that the sender put behind the content (TLS 1.3).
    var padding: Int
}

/// The protection of one direction's records under one key: owns OpenSSL's cipher context, which is set up once and
/// used for every record.
@safe
struct RecordProtection: ~Copyable {
    /// The suite.
    let suite: CipherSuite
    /// True for TLS 1.3, false for TLS 1.2.
    let isVersion13: Bool
    /// True when the HMAC is over the ciphertext (RFC 7366).
    let encryptsThenMACs: Bool
    private let context: OpaquePointer
    /// IV of TLS 1.3 and ChaCha20, or the salt of TLS 1.2 in its first four bytes.
    private var iv = [12 of UInt8](repeating: 0)
    private var mac: RecordMAC?

    /// The protection under a traffic secret of TLS 1.3 (RFC 8446 §7.3). Nil when OpenSSL does not offer the cipher.
    static func version13(_ suite: CipherSuite, trafficSecret: SecretBytes) -> RecordProtection? {
        let key = KeySchedule.expandLabel(trafficSecret, "key", count: suite.algorithm.keyLength, suite.hash)
        let iv = KeySchedule.expandLabel(trafficSecret, "iv", count: 12, suite.hash)
        guard let context = unsafe context(suite.algorithm, key) else { return nil }
        return unsafe RecordProtection(
            context, suite, iv: iv, mac: nil, isVersion13: true, encryptsThenMACs: false)
    }

    /// The protection of one direction under a master secret of TLS 1.2 (RFC 5246 §6.3). Nil as above.
    static func version12(
        _ suite: CipherSuite, master: SecretBytes, clientRandom: [UInt8], serverRandom: [UInt8], isClient: Bool,
        encryptsThenMACs: Bool
    ) -> RecordProtection? {
        let macLength = suite.mac?.byteCount ?? 0
        let keyLength = suite.algorithm.keyLength
        // Salts of 4 bytes (RFC 5288, 6655), an IV of 12 (RFC 7905); CBC has explicit IVs.
        let ivLength = !suite.algorithm.isAEAD ? 0 : suite.algorithm == .chaCha20Poly1305 ? 12 : 4
        let block = KeySchedule.pseudoRandom(
            master, "key expansion", seed: serverRandom + clientRandom, count: 2 * (macLength + keyLength + ivLength),
            suite.hash)
        let side = isClient ? 0 : 1
        let macStart = macLength * side
        let keyStart = 2 * macLength + keyLength * side
        let ivStart = 2 * (macLength + keyLength) + ivLength * side
        let iv = block.part(ivStart..<ivStart + ivLength)
        guard let context = unsafe context(suite.algorithm, block.part(keyStart..<keyStart + keyLength)) else {
            return nil
        }
        guard let hash = suite.mac else {
            return unsafe RecordProtection(
                context, suite, iv: iv, mac: nil, isVersion13: false, encryptsThenMACs: false)
        }
        guard let mac = RecordMAC.keyed(hash, block.part(macStart..<macStart + macLength)) else {
            unsafe EVP_CIPHER_CTX_free(context)
            return nil
        }
        return unsafe RecordProtection(
            context, suite, iv: iv, mac: mac, isVersion13: false, encryptsThenMACs: encryptsThenMACs)
    }

    /// Takes over a context with its key.
    private init(
        _ context: OpaquePointer, _ suite: CipherSuite, iv: SecretBytes, mac: consuming RecordMAC?, isVersion13: Bool,
        encryptsThenMACs: Bool
    ) {
        unsafe self.context = context
        self.suite = suite
        self.isVersion13 = isVersion13
        self.encryptsThenMACs = encryptsThenMACs
        self.mac = mac
        for index in 0..<min(iv.count, 12) { self.iv[index] = unsafe iv.withBytes { unsafe $0[index] } }
    }

    /// A context with cipher, lengths and key.
    private static func context(_ algorithm: RecordAlgorithm, _ key: SecretBytes) -> OpaquePointer? {
        guard let cipher = unsafe EVP_CIPHER_fetch(nil, algorithm.name, nil) else { return nil }
        defer { unsafe EVP_CIPHER_free(cipher) }
        guard let context = unsafe EVP_CIPHER_CTX_new() else { return nil }
        guard unsafe prepare(context, cipher, algorithm, key) else {
            unsafe EVP_CIPHER_CTX_free(context)
            return nil
        }
        return unsafe context
    }

    deinit { unsafe EVP_CIPHER_CTX_free(context) }

    /// Sets cipher, lengths and key.
    private static func prepare(
        _ context: OpaquePointer, _ cipher: OpaquePointer, _ algorithm: RecordAlgorithm, _ key: SecretBytes
    ) -> Bool {
        guard unsafe EVP_DecryptInit_ex2(context, cipher, nil, nil, nil) == 1 else { return false }
        if algorithm.isAEAD {
            guard unsafe EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, 12, nil) == 1 else { return false }
        }
        if algorithm.isCCM {
            let length = Int32(algorithm.tagLength)
            guard unsafe EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, length, nil) == 1 else { return false }
        }
        guard unsafe key.withBytes({ unsafe EVP_DecryptInit_ex2(context, nil, $0, nil, nil) }) == 1 else {
            return false
        }
        return unsafe algorithm.isAEAD || EVP_CIPHER_CTX_set_padding(context, 0) == 1
    }

    /// Bytes that the protection adds to the content beside the record's header, for AEAD without padding.
    var overhead: Int {
        if isVersion13 { return suite.algorithm.tagLength + 1 }
        return suite.algorithm.tagLength + (suite.algorithm == .chaCha20Poly1305 ? 0 : 8)
    }

    /// The fewest bytes that the body of a record can have.
    var bodyLengthMin: Int {
        if suite.algorithm.isAEAD { return overhead }
        return 32
    }

    /// Opens a whole record, header and body, as the one of this number. Writes the content to `room`, which holds as
    /// many bytes as the record. Nil when it is not authentic as that record; the room may have been written to.
    mutating func open(_ record: RawSpan, sequence: UInt64, into room: UnsafeMutablePointer<UInt8>) -> OpenedRecord? {
        guard record.byteCount >= 5 + bodyLengthMin else { return nil }
        // Safe: the length was checked above; every access below lies within it.
        return unsafe record.withUnsafeBytes { record -> OpenedRecord? in
            guard let base = unsafe record.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return nil }
            let body = unsafe base + 5
            let count = record.count - 5
            if !suite.algorithm.isAEAD { return unsafe openCBC(base, body, count, sequence, room) }
            return unsafe openAEAD(base, body, count, sequence, room)
        }
    }

    private mutating func openAEAD(
        _ header: UnsafePointer<UInt8>, _ body: UnsafePointer<UInt8>, _ bodyCount: Int, _ sequence: UInt64,
        _ room: UnsafeMutablePointer<UInt8>
    ) -> OpenedRecord? {
        let tagLength = suite.algorithm.tagLength
        let explicit = isVersion13 || suite.algorithm == .chaCha20Poly1305 ? 0 : 8
        let count = bodyCount - explicit - tagLength
        guard count >= 0 else { return nil }
        var nonce = iv
        if explicit > 0 {
            // RFC 5288 §3: the salt, then the part that the record carries.
            for index in 0..<8 { nonce[4 + index] = unsafe body[index] }
        } else {
            // RFC 8446 §5.3, RFC 7905 §2: the IV xor the sequence number.
            for index in 0..<8 { nonce[4 + index] ^= UInt8(truncatingIfNeeded: sequence >> UInt64(56 - 8 * index)) }
        }
        var additional = [13 of UInt8](repeating: 0)
        let additionalCount = isVersion13 ? 5 : 13
        if isVersion13 {
            for index in 0..<5 { additional[index] = unsafe header[index] }
        } else {
            unsafe Self.fill(&additional, sequence, header, count)
        }
        let ciphertext = unsafe body + explicit
        let tag = unsafe UnsafeMutableRawPointer(mutating: ciphertext + count)
        var written: Int32 = 0
        var ignored: Int32 = 0
        let isCCM = suite.algorithm.isCCM
        let context = unsafe context
        let isAuthentic = unsafe nonce.span.withUnsafeBufferPointer { nonce in
            unsafe additional.span.withUnsafeBufferPointer { additional -> Bool in
                // OpenSSL only reads the tag. CCM wants tag and length before anything else (EVP_EncryptInit(3)).
                guard unsafe EVP_DecryptInit_ex2(context, nil, nil, nonce.baseAddress, nil) == 1 else { return false }
                guard unsafe EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(tagLength), tag) == 1 else {
                    return false
                }
                if isCCM, unsafe EVP_DecryptUpdate(context, nil, &ignored, nil, Int32(count)) != 1 { return false }
                guard
                    unsafe EVP_DecryptUpdate(
                        context, nil, &ignored, additional.baseAddress, Int32(additionalCount)) == 1
                else { return false }
                guard unsafe EVP_DecryptUpdate(context, room, &written, ciphertext, Int32(count)) == 1 else {
                    return false
                }
                return unsafe isCCM || EVP_DecryptFinal_ex(context, room + Int(written), &ignored) == 1
            }
        }
        guard isAuthentic else { return nil }
        guard isVersion13 else { return OpenedRecord(type: unsafe header[0], count: count, padding: 0) }
        // RFC 8446 §5.2: content, type, zeros.
        var end = count
        while end > 0, unsafe room[end - 1] == 0 { end -= 1 }
        guard end > 0 else { return nil }
        return OpenedRecord(type: unsafe room[end - 1], count: end - 1, padding: count - end)
    }

    private mutating func openCBC(
        _ header: UnsafePointer<UInt8>, _ body: UnsafePointer<UInt8>, _ bodyCount: Int, _ sequence: UInt64,
        _ room: UnsafeMutablePointer<UInt8>
    ) -> OpenedRecord? {
        guard let macLength = suite.mac?.byteCount else { return nil }
        let sealedCount = encryptsThenMACs ? bodyCount - macLength : bodyCount
        let count = sealedCount - 16
        guard count > 0, count % 16 == 0 else { return nil }
        var additional = [13 of UInt8](repeating: 0)
        if encryptsThenMACs {
            unsafe Self.fill(&additional, sequence, header, sealedCount)
            guard unsafe mac?.matches(additional, body, sealedCount, tag: body + sealedCount) ?? false else {
                return nil
            }
        }
        var written: Int32 = 0
        guard unsafe EVP_DecryptInit_ex2(context, nil, nil, body, nil) == 1,
            unsafe EVP_DecryptUpdate(context, room, &written, body + 16, Int32(count)) == 1
        else { return nil }
        // RFC 5246 §6.2.3.2: padding_length, repeated in every byte of the padding.
        let padding = unsafe Int(room[count - 1]) + 1
        var length = count - padding
        guard length >= 0 else { return nil }
        for index in length..<count where unsafe room[index] != UInt8(padding - 1) { return nil }
        if !encryptsThenMACs {
            length -= macLength
            guard length >= 0 else { return nil }
            unsafe Self.fill(&additional, sequence, header, length)
            guard unsafe mac?.matches(additional, room, length, tag: room + length) ?? false else { return nil }
        }
        return OpenedRecord(type: unsafe header[0], count: length, padding: 0)
    }

    /// What TLS 1.2 authenticates beside the content (RFC 5246 §6.2.3.3): number, type, version, length.
    private static func fill(
        _ additional: inout [13 of UInt8], _ sequence: UInt64, _ header: UnsafePointer<UInt8>, _ count: Int
    ) {
        for index in 0..<8 { additional[index] = UInt8(truncatingIfNeeded: sequence >> UInt64(56 - 8 * index)) }
        for index in 0..<3 { additional[8 + index] = unsafe header[index] }
        additional[11] = UInt8(truncatingIfNeeded: count >> 8)
        additional[12] = UInt8(truncatingIfNeeded: count)
    }
}

/// The HMAC of CBC records: owns OpenSSL's context, keyed once.
@safe
struct RecordMAC: ~Copyable {
    private let context: OpaquePointer
    private let length: Int

    private init(_ context: OpaquePointer, length: Int) {
        unsafe self.context = context
        self.length = length
    }

    /// An HMAC with its key. Nil when OpenSSL has none.
    static func keyed(_ hash: HashAlgorithm, _ key: SecretBytes) -> RecordMAC? {
        guard let algorithm = unsafe EVP_MAC_fetch(nil, "HMAC", nil) else { return nil }
        defer { unsafe EVP_MAC_free(algorithm) }
        guard let context = unsafe EVP_MAC_CTX_new(algorithm) else { return nil }
        var name = Array(hash.name.utf8CString)
        let count = key.count
        let done = unsafe name.withUnsafeMutableBufferPointer { name in
            // The parameters are only read by the call.
            let parameters = unsafe [
                OSSL_PARAM_construct_utf8_string("digest", name.baseAddress, 0), OSSL_PARAM_construct_end(),
            ]
            return unsafe key.withBytes { unsafe EVP_MAC_init(context, $0, count, parameters) } == 1
        }
        guard done else {
            unsafe EVP_MAC_CTX_free(context)
            return nil
        }
        return unsafe RecordMAC(context, length: hash.byteCount)
    }

    deinit { unsafe EVP_MAC_CTX_free(context) }

    /// True when `tag` authenticates header and content.
    mutating func matches(
        _ additional: borrowing [13 of UInt8], _ content: UnsafePointer<UInt8>, _ count: Int,
        tag: UnsafePointer<UInt8>
    ) -> Bool {
        var result = [64 of UInt8](repeating: 0)
        var resultCount = 0
        // No key given: the context starts anew with the one it has.
        guard unsafe EVP_MAC_init(context, nil, 0, nil) == 1 else { return false }
        let context = unsafe context
        let isHeaderTaken = unsafe additional.span.withUnsafeBufferPointer {
            unsafe EVP_MAC_update(context, $0.baseAddress, 13) == 1
        }
        guard isHeaderTaken, unsafe EVP_MAC_update(context, content, count) == 1 else { return false }
        var span = result.mutableSpan
        let isDone = unsafe span.withUnsafeMutableBufferPointer {
            unsafe EVP_MAC_final(context, $0.baseAddress, &resultCount, $0.count) == 1
        }
        guard isDone, resultCount == length else { return false }
        for index in 0..<length where unsafe result[index] != tag[index] { return false }
        return true
    }
}
