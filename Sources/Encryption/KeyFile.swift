internal import FoundationEssentials

/// `keys.json`: a vault's keys, encrypted by a master key, which is wrapped once for each secret that opens it.
///
/// Changing a secret writes this small file anew and no data. Whoever loses it has lost the vault: it is worth a copy.
public struct KeyFile: Sendable, Hashable {
    /// Format of the file.
    public static let currentFormat = 1

    /// A way in.
    struct Slot: Sendable, Hashable, Codable {
        var kind: VaultSecret.Kind
        /// Base64.
        var salt: String
        var scrypt: PassphraseCost?
        /// The master key, encrypted; base64.
        var key: String
    }

    /// The file as it stands on disk.
    private struct Form: Codable, Hashable {
        var format: Int
        var vault: String
        var cipher: String
        var slots: [Slot]
        var keys: String
    }

    private var form: Form
    private let vault: [UInt8]

    /// The kinds of secrets that open it, one for each slot.
    public var kinds: [VaultSecret.Kind] { form.slots.map(\.kind) }

    /// A file with `keys` that `secret` opens.
    public init(
        _ keys: VaultKeys, openedBy secret: VaultSecret, cost: PassphraseCost = .standard
    ) throws(EncryptionError) {
        vault = keys.vault
        let master = try SecretBytes.random(count: 32)
        form = Form(
            format: Self.currentFormat, vault: Self.hexadecimal(keys.vault), cipher: "aes-256-gcm",
            slots: [try Self.slot(master, secret, cost, keys.vault)],
            keys: try Self.encrypt(keys.encoded(), by: master, authenticating: Self.keysLabel + keys.vault))
    }

    /// Reads a file's bytes. `vault` is the id that the vault's description gives.
    public init(_ bytes: [UInt8], vault: [UInt8]) throws(EncryptionError) {
        do {
            form = try JSONDecoder().decode(Form.self, from: Data(bytes))
        } catch {
            throw .malformedKeys(reason: "it is not the JSON that oxbow writes")
        }
        self.vault = vault
        guard form.format == Self.currentFormat, form.cipher == "aes-256-gcm" else {
            throw .malformedKeys(reason: "its format is \(form.format) with \(form.cipher), this release knows 1")
        }
        guard form.vault == Self.hexadecimal(vault) else {
            throw .malformedKeys(reason: "it belongs to vault \(form.vault)")
        }
    }

    /// The file's bytes.
    public func encoded() throws(EncryptionError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            return Array(try encoder.encode(form)) + [UInt8(ascii: "\n")]
        } catch {
            throw .malformedKeys(reason: "it cannot be encoded: \(error)")
        }
    }

    /// The vault's keys. Throws ``EncryptionError/wrongSecret`` when no slot opens.
    public func unlock(_ secret: VaultSecret) throws(EncryptionError) -> VaultKeys {
        try keys(try master(secret))
    }

    /// A file with the same keys under a new master key, which only `new` opens: what opened it before opens it no more.
    /// With `keepingOthers` the slots that are there stay, and `new` is one more.
    public func reopened(
        by new: VaultSecret, with old: VaultSecret, keepingOthers: Bool, cost: PassphraseCost = .standard
    ) throws(EncryptionError) -> KeyFile {
        let master = try master(old)
        guard keepingOthers else { return try KeyFile(try keys(master), openedBy: new, cost: cost) }
        var file = self
        file.form.slots.append(try Self.slot(master, new, cost, vault))
        return file
    }

    /// A file with one more data key, which encrypts everything from now on. What opens the file stays.
    public func withNextEpoch(_ secret: VaultSecret) throws(EncryptionError) -> KeyFile {
        let master = try master(secret)
        var file = self
        file.form.keys = try Self.encrypt(
            try keys(master).withNextEpoch().encoded(), by: master, authenticating: Self.keysLabel + vault)
        return file
    }

    private static let keysLabel = Array("oxbow keys 1".utf8)
    private static let slotLabel = Array("oxbow key slot 1".utf8)

    private func master(_ secret: VaultSecret) throws(EncryptionError) -> SecretBytes {
        for slot in form.slots where slot.kind == secret.kind {
            let salt = try Self.bytes(slot.salt)
            let key = try secret.wrappingKey(salt: salt, slot.scrypt)
            do throws(EncryptionError) {
                return try Self.open(
                    slot.key, by: key, authenticating: Self.slotLabel + vault + Array(slot.kind.rawValue.utf8))
            } catch {
                guard case .notAuthentic = error else { throw error }
            }
        }
        throw .wrongSecret
    }

    private func keys(_ master: SecretBytes) throws(EncryptionError) -> VaultKeys {
        try VaultKeys(
            decoding: try Self.open(form.keys, by: master, authenticating: Self.keysLabel + vault), vault: vault)
    }

    private static func slot(
        _ master: SecretBytes, _ secret: VaultSecret, _ cost: PassphraseCost, _ vault: [UInt8]
    ) throws(EncryptionError) -> Slot {
        let salt = try SecretBytes.random(count: 32).copy
        let cost = secret.kind == .passphrase ? cost : nil
        let key = try secret.wrappingKey(salt: salt, cost)
        return Slot(
            kind: secret.kind, salt: Data(salt).base64EncodedString(), scrypt: cost,
            key: try encrypt(master, by: key, authenticating: slotLabel + vault + Array(secret.kind.rawValue.utf8)))
    }

    /// Nonce, ciphertext and tag in base64.
    private static func encrypt(
        _ plain: SecretBytes, by key: SecretBytes, authenticating more: [UInt8]
    ) throws(EncryptionError) -> String {
        var bytes = try SecretBytes.random(count: 12).copy
        bytes += plain.copy
        bytes += [UInt8](repeating: 0, count: 16)
        var cipher = try RecordCipher()
        var words = key.withBytes { SecretKeyBytes($0) }
        defer { words.wipe() }
        var span = bytes.mutableSpan
        var room = unsafe span.mutableBytes
        try unsafe room.withUnsafeMutableBytes { (bytes) throws(EncryptionError) in
            guard let start = bytes.baseAddress else { return }
            try unsafe cipher.encrypt(
                UnsafeMutableRawBufferPointer(start: start + 12, count: bytes.count - 28), key: words,
                nonce: UnsafeRawPointer(start), authenticating: more.span.bytes, tag: start + bytes.count - 16)
        }
        return Data(bytes).base64EncodedString()
    }

    private static func open(
        _ text: String, by key: SecretBytes, authenticating more: [UInt8]
    ) throws(EncryptionError) -> SecretBytes {
        var encrypted = try bytes(text)
        guard encrypted.count > 28 else { throw .malformedKeys(reason: "an encrypted key is too short") }
        defer { wipe(&encrypted) }
        var cipher = try RecordCipher()
        var words = key.withBytes { SecretKeyBytes($0) }
        defer { words.wipe() }
        var span = encrypted.mutableSpan
        var room = unsafe span.mutableBytes
        try unsafe room.withUnsafeMutableBytes { (bytes) throws(EncryptionError) in
            guard let start = bytes.baseAddress else { return }
            try unsafe cipher.open(
                UnsafeMutableRawBufferPointer(start: start + 12, count: bytes.count - 28), key: words,
                nonce: UnsafeRawPointer(start), authenticating: more.span.bytes, tag: start + bytes.count - 16)
        }
        return unsafe SecretBytes(copying: encrypted.span.bytes.extracting(12..<encrypted.count - 16))
    }

    private static func bytes(_ base64: String) throws(EncryptionError) -> [UInt8] {
        guard let data = Data(base64Encoded: base64) else { throw .malformedKeys(reason: "a field is not base64") }
        return Array(data)
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}

extension SecretBytes {
    /// The bytes in ordinary memory, for what is no secret or will be encrypted there.
    fileprivate var copy: [UInt8] { withBytes { span in unsafe span.withUnsafeBytes { unsafe Array($0) } } }
}

extension VaultKeys {
    /// Version 1: a byte 1; fingerprint key (32); catalog key (32); current epoch (4, little-endian); number of epochs (4);
    /// for each epoch, ascending, its number (4) and key (32).
    func encoded() -> SecretBytes {
        let numbers = epochs.keys.sorted()
        var bytes: [UInt8] = [1]
        // Reserved, so that no copy is left behind by growing.
        bytes.reserveCapacity(73 + 36 * numbers.count)
        defer { wipe(&bytes) }
        func append(_ number: UInt32) {
            for shift in stride(from: UInt32(0), to: 32, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: number >> shift))
            }
        }
        func append(_ key: SecretBytes?) {
            key?.withBytes { key in unsafe key.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) } }
        }
        append(fingerprints)
        append(catalog)
        append(currentEpoch)
        append(UInt32(numbers.count))
        for number in numbers {
            append(number)
            append(epochs[number])
        }
        return unsafe SecretBytes(copying: bytes.span.bytes)
    }

    /// Reads ``encoded()``.
    convenience init(decoding secret: SecretBytes, vault: [UInt8]) throws(EncryptionError) {
        let parts = try secret.withBytes { (bytes) throws(EncryptionError) in try Parts(bytes) }
        self.init(
            vault: vault, fingerprints: parts.fingerprints, catalog: parts.catalog, epochs: parts.epochs,
            currentEpoch: parts.current)
    }

    private struct Parts {
        var fingerprints: SecretBytes
        var catalog: SecretBytes
        var epochs: [UInt32: SecretBytes] = [:]
        var current: UInt32

        init(_ bytes: RawSpan) throws(EncryptionError) {
            func number(_ place: Int) -> UInt32 {
                UInt32(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: place, as: UInt32.self))
            }
            guard bytes.byteCount >= 73, unsafe bytes.unsafeLoad(fromByteOffset: 0, as: UInt8.self) == 1 else {
                throw .malformedKeys(reason: "the keys in it are of a later release")
            }
            fingerprints = SecretBytes(copying: bytes.extracting(1..<33))
            catalog = SecretBytes(copying: bytes.extracting(33..<65))
            current = number(65)
            let count = Int(number(69))
            guard bytes.byteCount == 73 + 36 * count else {
                throw .malformedKeys(reason: "the keys in it are not as many as it says")
            }
            for index in 0..<count {
                let place = 73 + 36 * index
                epochs[number(place)] = SecretBytes(copying: bytes.extracting(place + 4..<place + 36))
            }
            guard epochs[current] != nil else { throw .malformedKeys(reason: "the newest key is not in it") }
        }
    }
}
