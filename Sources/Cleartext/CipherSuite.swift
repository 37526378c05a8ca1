/// How records are protected.
enum RecordAlgorithm: UInt8, Sendable, Hashable {
    case aes128GCM, aes256GCM, chaCha20Poly1305, aes128CCM, aes256CCM, aes128CCM8, aes256CCM8, aes128CBC, aes256CBC

    /// OpenSSL's name.
    var name: String {
        switch self {
        case .aes128GCM: "AES-128-GCM"
        case .aes256GCM: "AES-256-GCM"
        case .chaCha20Poly1305: "ChaCha20-Poly1305"
        case .aes128CCM, .aes128CCM8: "AES-128-CCM"
        case .aes256CCM, .aes256CCM8: "AES-256-CCM"
        case .aes128CBC: "AES-128-CBC"
        case .aes256CBC: "AES-256-CBC"
        }
    }

    /// Bytes of the key.
    var keyLength: Int {
        switch self {
        case .aes128GCM, .aes128CCM, .aes128CCM8, .aes128CBC: 16
        case .aes256GCM, .chaCha20Poly1305, .aes256CCM, .aes256CCM8, .aes256CBC: 32
        }
    }

    /// Bytes of the tag; 0 when the record is authenticated by an HMAC instead.
    var tagLength: Int {
        switch self {
        case .aes128CCM8, .aes256CCM8: 8
        case .aes128CBC, .aes256CBC: 0
        case .aes128GCM, .aes256GCM, .chaCha20Poly1305, .aes128CCM, .aes256CCM: 16
        }
    }

    /// True for AEAD, false for CBC with HMAC.
    var isAEAD: Bool { tagLength > 0 }

    /// True for CCM, which wants to know the length before the bytes.
    var isCCM: Bool {
        switch self {
        case .aes128CCM, .aes256CCM, .aes128CCM8, .aes256CCM8: true
        case .aes128GCM, .aes256GCM, .chaCha20Poly1305, .aes128CBC, .aes256CBC: false
        }
    }
}

/// What of a cipher suite matters to a reader of its records. How the parties authenticated each other and agreed on a
/// secret does not: the key log has the result.
struct CipherSuite: Hashable, Sendable {
    /// The protection of the records.
    var algorithm: RecordAlgorithm
    /// The hash of the key schedule or PRF.
    var hash: HashAlgorithm
    /// The hash of the records' HMAC, for CBC.
    var mac: HashAlgorithm?

    /// A suite of its parts.
    init(_ algorithm: RecordAlgorithm, _ hash: HashAlgorithm, mac: HashAlgorithm? = nil) {
        self.algorithm = algorithm
        self.hash = hash
        self.mac = mac
    }

    /// The suite of a number of IANA's TLS Cipher Suites registry; nil when its records cannot be read.
    init?(_ number: UInt16) {
        guard let suite = Self.registry[number] else { return nil }
        self = suite
    }

    /// The suites of TLS 1.3 that a traffic secret of this many bytes can belong to, the most usual first.
    static func version13(secretLength: Int) -> [CipherSuite] {
        switch secretLength {
        case 32: [0x1301, 0x1303, 0x1304, 0x1305].compactMap(CipherSuite.init)
        case 48: [0x1302].compactMap(CipherSuite.init)
        default: []
        }
    }

    /// Every number whose records can be read.
    static var numbers: [UInt16] { registry.keys.sorted() }

    /// By protection: the numbers of RFC 5246, 5288, 5289, 5487, 5489, 6655, 7251, 7905, 8442 and 8446.
    private static let registry: [UInt16: CipherSuite] = {
        var table: [UInt16: CipherSuite] = [:]
        func add(_ suite: CipherSuite, _ numbers: [UInt16]) { for number in numbers { table[number] = suite } }
        add(
            CipherSuite(.aes128GCM, .sha256),
            [0x1301, 0x9C, 0x9E, 0xA0, 0xA2, 0xA4, 0xA6, 0xA8, 0xAA, 0xAC, 0xC02B, 0xC02D, 0xC02F, 0xC031, 0xD001])
        add(
            CipherSuite(.aes256GCM, .sha384),
            [0x1302, 0x9D, 0x9F, 0xA1, 0xA3, 0xA5, 0xA7, 0xA9, 0xAB, 0xAD, 0xC02C, 0xC02E, 0xC030, 0xC032, 0xD002])
        add(
            CipherSuite(.chaCha20Poly1305, .sha256),
            [0x1303, 0xCCA8, 0xCCA9, 0xCCAA, 0xCCAB, 0xCCAC, 0xCCAD, 0xCCAE])
        add(CipherSuite(.aes128CCM, .sha256), [0x1304, 0xC09C, 0xC09E, 0xC0A4, 0xC0A6, 0xC0AC, 0xD005])
        add(CipherSuite(.aes256CCM, .sha256), [0xC09D, 0xC09F, 0xC0A5, 0xC0A7, 0xC0AD])
        add(CipherSuite(.aes128CCM8, .sha256), [0x1305, 0xC0A0, 0xC0A2, 0xC0A8, 0xC0AA, 0xC0AE, 0xD003])
        add(CipherSuite(.aes256CCM8, .sha256), [0xC0A1, 0xC0A3, 0xC0A9, 0xC0AB, 0xC0AF])
        add(
            CipherSuite(.aes128CBC, .sha256, mac: .sha1),
            [0x2F, 0x30, 0x31, 0x32, 0x33, 0x34, 0x8C, 0x90, 0x94, 0xC004, 0xC009, 0xC00E, 0xC013, 0xC018, 0xC035])
        add(
            CipherSuite(.aes256CBC, .sha256, mac: .sha1),
            [0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x8D, 0x91, 0x95, 0xC005, 0xC00A, 0xC00F, 0xC014, 0xC019, 0xC036])
        add(
            CipherSuite(.aes128CBC, .sha256, mac: .sha256),
            [0x3C, 0x3E, 0x3F, 0x40, 0x67, 0x6C, 0xAE, 0xB2, 0xB6, 0xC023, 0xC025, 0xC027, 0xC029, 0xC037])
        add(CipherSuite(.aes256CBC, .sha256, mac: .sha256), [0x3D, 0x68, 0x69, 0x6A, 0x6B, 0x6D])
        add(
            CipherSuite(.aes256CBC, .sha384, mac: .sha384),
            [0xAF, 0xB3, 0xB7, 0xC024, 0xC026, 0xC028, 0xC02A, 0xC038])
        return table
    }()
}
