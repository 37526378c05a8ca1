public import Blocks

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

    private(set) var staged: [Staged] = []
    private(set) var aligned: [AlignedPayload] = []
    private(set) var packed: [UInt8] = []
    private(set) var descriptorBytes = 0
    private(set) var alignedBytes = 0

    /// Number of blocks added.
    public private(set) var blockCount = 0

    /// An empty frame.
    public init(pool: BlockPool, options: StorageOptions = StorageOptions()) {
        self.pool = pool
        self.options = options
    }

    /// Number of records added.
    public var recordCount: Int { staged.count }
    /// True when nothing was added.
    public var isEmpty: Bool { staged.isEmpty }
    /// Length that the frame would have in the file, in bytes.
    public var byteCount: Int { headBytes + alignedBytes }

    /// Length of the part before the page-aligned payloads.
    var headBytes: Int {
        SegmentFormat.roundedUp(SegmentFormat.frameHeaderBytes + descriptorBytes + packed.count)
    }

    /// Adds a block that lies in a pool buffer. The buffer must stay unchanged until the frame is appended.
    public mutating func addBlock(_ block: BlockDescriptor) {
        guard case .stored(let codec, let length) = block.form, codec != BlockLocation.rawCodec else {
            return addBlock(block.fingerprint, buffer: block.buffer, length: Int(block.length))
        }
        // What was made smaller is packed: on pages of its own it would lose part of the gain to padding.
        pool.withBytes(of: block.buffer, count: Int(length)) { bytes in
            addPacked(.block(block.fingerprint), codec: codec, rawLength: Int(block.length), bytes)
        }
        blockCount += 1
    }

    /// Adds a block of `length` bytes, 1 to the block size, that lies in a pool buffer. The buffer must stay unchanged
    /// until the frame is appended.
    public mutating func addBlock(_ fingerprint: Fingerprint, buffer: BlockBuffer, length: Int) {
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
        addPacked(.block(fingerprint), codec: BlockLocation.rawCodec, rawLength: bytes.byteCount, bytes)
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
        let checksum = unsafe CRC32C.update(CRC32C.of(key.span.bytes), value.span.bytes)
        stage(
            RecordDescriptor(
                kind, rawLength: UInt32(length), storedLength: UInt32(length), crc32c: checksum,
                payloadOffset: UInt64(packed.count)),
            isPageAligned: false)
        packed.append(contentsOf: key)
        packed.append(contentsOf: value)
    }

    private mutating func stage(_ descriptor: RecordDescriptor, isPageAligned: Bool) {
        descriptorBytes += descriptor.byteCount
        staged.append(Staged(descriptor: descriptor, isPageAligned: isPageAligned))
    }
}
