internal import Encryption
internal import FoundationEssentials

/// Encrypts lines of text that are kept beside a vault with keys, such as a migration's journal. Each is an envelope in
/// base64, bound to the vault; the order of lines is for their file to watch over.
public struct LineCipher: Sendable {
    private let keys: VaultKeys

    init(_ keys: VaultKeys) { self.keys = keys }

    private var context: RecordContext { RecordContext(.journalLine, vault: keys.vault, file: 0, place: 0) }

    /// The line that stands for `line`; without line feeds.
    public func encrypt(_ line: [UInt8]) throws(VaultError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: RecordEnvelope.headBytes)
        bytes += line
        bytes += [UInt8](repeating: 0, count: RecordEnvelope.tagBytes)
        do throws(EncryptionError) {
            var encryptor = try RecordEncryptor(keys)
            try encryptor.encrypt(envelope: 0..<bytes.count, of: &bytes, context, authenticating: RawSpan())
        } catch {
            throw .encryption(error.description)
        }
        return Array(Data(bytes).base64EncodedData())
    }

    /// The line that ``encrypt(_:)`` was given; nil when this is none of this vault's.
    public func decrypt(_ line: ArraySlice<UInt8>) -> [UInt8]? {
        guard let data = Data(base64Encoded: Data(line)), data.count >= RecordEnvelope.byteCount else { return nil }
        var bytes = Array(data)
        do throws(EncryptionError) {
            var decryptor = try RecordDecryptor(keys)
            try decryptor.open(envelope: &bytes, context, authenticating: RawSpan())
        } catch {
            return nil
        }
        return Array(bytes[RecordEnvelope.headBytes..<bytes.count - RecordEnvelope.tagBytes])
    }
}

extension VaultReader {
    /// What lines beside this vault are to be encrypted with; nil for a vault in clear.
    public var lineCipher: LineCipher? { keys.map(LineCipher.init) }
}
