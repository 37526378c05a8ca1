internal import Blocks
internal import Encryption

/// Fingerprints as a vault has them: SHA-256 of a block, and in a vault with keys HMAC-SHA-256 of that.
///
/// Who holds a file can compute its SHA-256 and ask a plain index whether it is there. Without the key nobody can. The
/// HMAC is over the digest, not the block, so that hashers stay as they are; it collides only where SHA-256 does.
struct VaultFingerprints: Sendable {
    private let hasher: OpenSSLBlockHasher
    private let keys: VaultKeys?

    init(keys: VaultKeys?) throws(VaultError) {
        self.keys = keys
        do throws(BlocksError) {
            hasher = try OpenSSLBlockHasher()
        } catch {
            throw .blocks(error)
        }
    }

    /// The fingerprint of a block's bytes.
    func fingerprint(of bytes: RawSpan) throws(VaultError) -> Fingerprint {
        let digest: Fingerprint
        do throws(BlocksError) {
            digest = try hasher.fingerprint(of: bytes)
        } catch {
            throw .blocks(error)
        }
        guard let keys else { return digest }
        do throws(EncryptionError) {
            var hash = try keys.makeFingerprintHash()
            return try Self.keyed(digest, &hash)
        } catch {
            throw .encryption(error.description)
        }
    }

    /// The fingerprints of blocks that follow one another from the start of `bytes`.
    func fingerprints(of bytes: RawSpan, lengths: [Int]) throws(VaultError) -> [Fingerprint] {
        var digests: [Fingerprint]
        do throws(BlocksError) {
            digests = try BlockHasher.shared.get().fingerprints(of: bytes, lengths: lengths)
        } catch {
            throw .blocks(error)
        }
        guard let keys else { return digests }
        do throws(EncryptionError) {
            var hash = try keys.makeFingerprintHash()
            for index in digests.indices { digests[index] = try Self.keyed(digests[index], &hash) }
        } catch {
            throw .encryption(error.description)
        }
        return digests
    }

    /// True when the bytes are the block that the fingerprint names. A library that fails proves nothing.
    func isFingerprint(_ fingerprint: Fingerprint, of bytes: [UInt8]) -> Bool {
        (try? unsafe self.fingerprint(of: bytes.span.bytes)) == fingerprint
    }

    /// Turns the hasher's digests into the vault's fingerprints; those that are already stay.
    static func key(_ blocks: inout [BlockDescriptor], _ keys: VaultKeys?) throws(EncryptionError) {
        guard let keys, blocks.contains(where: { !$0.isKeyed }) else { return }
        var hash = try keys.makeFingerprintHash()
        for index in blocks.indices where !blocks[index].isKeyed {
            blocks[index].fingerprint = try keyed(blocks[index].fingerprint, &hash)
            blocks[index].isKeyed = true
        }
    }

    private static func keyed(_ digest: Fingerprint, _ hash: inout KeyedHash) throws(EncryptionError) -> Fingerprint {
        let code = unsafe try hash.code(of: digest.bytes.span.bytes)
        return unsafe Fingerprint(bytes: code.span.bytes)
    }
}
