public import Blocks
internal import Encryption

/// Gathers records for one append to a segment. Reusable: ``removeAll()`` keeps its memory.
///
/// Full blocks stay in their pool buffers and are written from there; the caller releases the buffers after the append,
/// whether it succeeded or not. Short blocks and catalog records are copied.
///
/// A reader sees a frame whole or not at all, so what must not be torn apart belongs in one frame. Records of a frame are
/// replayed in the order in which they were added.
public struct FrameBuilder: ~Copyable {
    /// A record and where its payload is now.
    struct Staged {
        /// Its payload offset counts from the start of the packed area, or of the page-aligned payloads.
        var descriptor: RecordDescriptor
        var isPageAligned: Bool
    }

    /// A payload that will be written from its pool buffer.
    struct AlignedPayload {
        var buffer: BlockBuffer
        var length: Int
    }

    /// The pool whose buffers are added.
    public let pool: BlockPool
    /// Bounds of records and frames.
    public let options: StorageOptions
    /// True when the frame is for a vault with keys: its blocks come encrypted, and room is left for the envelopes of the rest.
    public let isEncrypted: Bool

    private(set) var staged: [Staged] = []
    private(set) var aligned: [AlignedPayload] = []
    private(set) var packed: [UInt8] = []
    private(set) var descriptorBytes = 0
    private(set) var alignedBytes = 0

    /// Number of blocks added.
    public private(set) var blockCount = 0

    /// An empty frame.
    public init(pool: BlockPool, options: StorageOptions = StorageOptions(), isEncrypted: Bool = false) {
        self.pool = pool
        self.options = options
        self.isEncrypted = isEncrypted
    }

    /// Number of records added.
    public var recordCount: Int { staged.count }
    /// True when nothing was added.
    public var isEmpty: Bool { staged.isEmpty }
    /// Length that the frame would have in the file, in bytes.
    public var byteCount: Int { headBytes + alignedBytes }

    /// Length of the part before the page-aligned payloads.
    var headBytes: Int {
        SegmentFormat.roundedUp(SegmentFormat.frameHeaderBytes + storedDescriptorBytes + packed.count)
    }

    /// Length of the descriptors in the file.
    var storedDescriptorBytes: Int { descriptorBytes + (isEncrypted ? RecordEnvelope.byteCount : 0) }

    /// Adds a block that lies in a pool buffer. The buffer must stay unchanged until the frame is appended.
    public mutating func addBlock(_ block: BlockDescriptor) {
        if case .encrypted(let codec, let length, let envelope) = block.form {
            return addEncrypted(block, codec, Int(length), envelope)
        }
        guard case .stored(let codec, let length) = block.form, codec != BlockLocation.rawCodec else {
            return addBlock(block.fingerprint, buffer: block.buffer, length: Int(block.length))
        }
        precondition(!isEncrypted, "a block in clear for a vault with keys")
        // What was made smaller is packed: on pages of its own it would lose part of the gain to padding.
        pool.withBytes(of: block.buffer, count: Int(length)) { bytes in
            addPacked(.block(block.fingerprint), codec: codec, rawLength: Int(block.length), bytes)
        }
        blockCount += 1
    }

    /// Adds a block of `length` bytes, 1 to the block size, that lies in a pool buffer. The buffer must stay unchanged
    /// until the frame is appended.
    public mutating func addBlock(_ fingerprint: Fingerprint, buffer: BlockBuffer, length: Int) {
        precondition(!isEncrypted, "a block in clear for a vault with keys")
        guard SegmentFormat.isPageAligned(length) else {
            return pool.withBytes(of: buffer, count: length) { addBlock(fingerprint, bytes: $0) }
        }
        let checksum = pool.withBytes(of: buffer, count: length) { CRC32C.of($0) }
        stage(
            RecordDescriptor(
                .block(fingerprint), rawLength: UInt32(length), storedLength: UInt32(length), crc32c: checksum,
                payloadOffset: UInt64(alignedBytes)),
            isPageAligned: true)
        aligned.append(AlignedPayload(buffer: buffer, length: length))
        alignedBytes += SegmentFormat.roundedUp(length)
        blockCount += 1
    }

    /// Adds a block of 1 byte to 8 MiB, copying it.
    public mutating func addBlock(_ fingerprint: Fingerprint, bytes: RawSpan) {
        precondition(
            bytes.byteCount > 0 && bytes.byteCount <= BlockSize.range.upperBound, "a block has 1 byte to 8 MiB")
        precondition(!isEncrypted, "a block in clear for a vault with keys")
        addPacked(.block(fingerprint), codec: BlockLocation.rawCodec, rawLength: bytes.byteCount, bytes)
        blockCount += 1
    }

    /// Adds a block's envelope: its ciphertext lies in the buffer, head and tag come with the descriptor.
    private mutating func addEncrypted(_ block: BlockDescriptor, _ codec: UInt8, _ length: Int, _ words: BlockEnvelope)
    {
        precondition(isEncrypted, "an encrypted block for a vault without keys")
        let envelope = RecordEnvelope(head0: words.word0, head1: words.word1, tag0: words.word2, tag1: words.word3)
        let start = packed.count
        envelope.appendHead(to: &packed)
        pool.withBytes(of: block.buffer, count: length) { bytes in
            unsafe bytes.withUnsafeBytes { unsafe packed.append(contentsOf: $0) }
        }
        envelope.appendTag(to: &packed)
        stage(
            RecordDescriptor(
                .block(block.fingerprint), codec: codec, rawLength: block.length,
                storedLength: UInt32(packed.count - start),
                crc32c: unsafe CRC32C.of(packed.span.bytes.extracting(start..<packed.count)),
                payloadOffset: UInt64(start)),
            isPageAligned: false)
        blockCount += 1
    }

    /// Adds a record whose stored form is `bytes`, copying it.
    private mutating func addPacked(_ kind: RecordDescriptor.Kind, codec: UInt8, rawLength: Int, _ bytes: RawSpan) {
        stage(
            RecordDescriptor(
                kind, codec: codec, rawLength: UInt32(rawLength), storedLength: UInt32(bytes.byteCount),
                crc32c: CRC32C.of(bytes), payloadOffset: UInt64(packed.count)),
            isPageAligned: false)
        unsafe bytes.withUnsafeBytes { unsafe packed.append(contentsOf: $0) }
    }

    /// Adds the mutation "in `table`, `key` now has `value`". Keys have at least one byte.
    ///
    /// Throws ``StorageError/tooLarge(what:bytes:limit:)`` beyond ``StorageOptions/catalogRecordBytesMax``.
    public mutating func addCatalogPut(table: UInt8, key: [UInt8], value: [UInt8]) throws(StorageError) {
        try addCatalogRecord(.catalogPut(table: table, keyLength: UInt32(clamping: key.count)), key: key, value: value)
    }

    /// Adds the mutation "in `table`, `key` is gone". Keys have at least one byte.
    public mutating func addCatalogDelete(table: UInt8, key: [UInt8]) throws(StorageError) {
        try addCatalogRecord(.catalogDelete(table: table), key: key, value: [])
    }

    /// Forgets everything added, and keeps the memory for the next frame.
    public mutating func removeAll() {
        staged.removeAll(keepingCapacity: true)
        aligned.removeAll(keepingCapacity: true)
        packed.removeAll(keepingCapacity: true)
        descriptorBytes = 0
        alignedBytes = 0
        blockCount = 0
    }

    private mutating func addCatalogRecord(
        _ kind: RecordDescriptor.Kind, key: [UInt8], value: [UInt8]
    ) throws(StorageError) {
        precondition(!key.isEmpty, "a catalog key has at least one byte")
        let length = key.count + value.count
        guard length <= options.catalogRecordBytesMax else {
            throw .tooLarge(what: "a catalog record", bytes: length, limit: options.catalogRecordBytesMax)
        }
        guard isEncrypted else {
            let checksum = unsafe CRC32C.update(CRC32C.of(key.span.bytes), value.span.bytes)
            stage(
                RecordDescriptor(
                    kind, rawLength: UInt32(length), storedLength: UInt32(length), crc32c: checksum,
                    payloadOffset: UInt64(packed.count)),
                isPageAligned: false)
            packed.append(contentsOf: key)
            packed.append(contentsOf: value)
            return
        }
        // The writer encrypts it, who knows its place; until then its checksum is open.
        stage(
            RecordDescriptor(
                kind, codec: BlockLocation.encryptedFlag, rawLength: UInt32(length),
                storedLength: UInt32(length + RecordEnvelope.byteCount), crc32c: 0, payloadOffset: UInt64(packed.count)),
            isPageAligned: false)
        packed.append(contentsOf: repeatElement(0, count: RecordEnvelope.headBytes))
        packed.append(contentsOf: key)
        packed.append(contentsOf: value)
        packed.append(contentsOf: repeatElement(0, count: RecordEnvelope.tagBytes))
    }

    private mutating func stage(_ descriptor: RecordDescriptor, isPageAligned: Bool) {
        descriptorBytes += descriptor.byteCount
        staged.append(Staged(descriptor: descriptor, isPageAligned: isPageAligned))
    }
}
