public import Blocks
public import Compression
public import Encryption

/// Brings blocks into the form in which they are stored: smaller where that pays, and encrypted where the vault has keys.
/// Owned by one thread.
public struct BlockPacker: ~Copyable {
    private var compressor: Compressor
    private let keys: VaultKeys?
    private var encryptor: RecordEncryptor?

    /// A packer for a pool's blocks.
    public init(_ method: CompressionMethod, blockSize: BlockSize, keys: VaultKeys? = nil) throws(EncryptionError) {
        compressor = Compressor(method, blockBytesMax: blockSize.bytes)
        self.keys = keys
        encryptor = nil
        if let keys { encryptor = try RecordEncryptor(keys) }
    }

    /// Replaces the block's bytes in its buffer by their stored form, and says so in ``BlockDescriptor/form``. The
    /// buffer is the caller's; a block that has its form already stays as it is. Throws when OpenSSL refuses; the block is then not to be stored.
    public mutating func pack(_ block: inout BlockDescriptor, in pool: BlockPool) throws(EncryptionError) {
        if block.form == .raw { compress(&block, in: pool) }
        guard let keys, case .stored(let codec, let length) = block.form else { return }
        let context = RecordContext(.block, vault: keys.vault, content: block.fingerprint.bytes)
        let stated = EncryptedRecord.stated(of: codec, rawLength: block.length)
        let envelope = try pool.withMutableBytes(of: block.buffer, count: Int(length)) {
            (bytes) throws(EncryptionError) in
            unsafe try encryptor?.encrypt(&bytes, context, authenticating: stated.span.bytes)
        }
        guard let envelope else { return }
        block.form = .encrypted(
            codec: codec | BlockLocation.encryptedFlag, length: length,
            envelope: BlockEnvelope(envelope.head0, envelope.head1, envelope.tag0, envelope.tag1))
    }

    private mutating func compress(_ block: inout BlockDescriptor, in pool: BlockPool) {
        let code = compressor.method.code
        let buffer = block.buffer
        let length = pool.withBytes(of: buffer, count: Int(block.length)) { bytes in
            compressor.compress(bytes) { smaller in
                // The compressor's own room, so its source may be written over.
                pool.copy(smaller, into: buffer, at: 0)
                return smaller.byteCount
            }
        }
        block.form =
            length.map { .stored(codec: code, length: UInt32($0)) }
            ?? .stored(codec: BlockLocation.rawCodec, length: block.length)
    }
}
