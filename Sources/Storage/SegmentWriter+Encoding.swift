internal import Blocks
internal import Encryption

extension SegmentWriter {
    /// Puts header, descriptors and packed payloads into `head`, and returns where the blocks will be.
    mutating func encode(_ frame: borrowing FrameBuilder) throws(StorageError) -> [BlockLocation] {
        precondition(frame.isEncrypted == header.isEncrypted, "a frame in clear for a vault with keys, or the reverse")
        let path = path
        let packedAt = SegmentFormat.frameHeaderBytes + frame.storedDescriptorBytes
        let packedStart = size + UInt64(packedAt)
        let alignedStart = size + UInt64(frame.headBytes)
        head.removeAll(keepingCapacity: true)
        head.reserveCapacity(frame.headBytes)
        head.pad(to: packedAt)
        head.append(contentsOf: frame.packed)
        head.pad(to: frame.headBytes)
        frameTable.removeAll(keepingCapacity: true)
        var blocks: [BlockLocation] = []
        blocks.reserveCapacity(frame.blockCount)
        for staged in frame.staged {
            var descriptor = staged.descriptor
            let place = packedAt + Int(descriptor.payloadOffset)
            descriptor.payloadOffset += staged.isPageAligned ? alignedStart : packedStart
            if case .block = descriptor.kind {
                blocks.append(descriptor.location(in: header.number))
            } else {
                try encryptor?.encrypt(record: &descriptor, at: place, of: &head, path: path)
            }
            descriptor.append(to: &frameTable)
        }
        try putFront(
            FrameHeader(
                kind: SegmentFormat.dataFrame, header: header, offset: size, length: UInt64(frame.byteCount),
                sequence: frameCount, durableTo: durableTo, recordCount: UInt32(frame.recordCount),
                descriptorBytes: UInt32(frame.storedDescriptorBytes), packedBytes: UInt32(frame.packed.count)),
            frameTable, .frame)
        return blocks
    }

    /// Puts the footer, but for its trailer, into `head`; the footer's length.
    mutating func encodeFooter(_ table: [UInt8], recordCount: UInt64) throws(StorageError) -> Int {
        let stored = table.count + (encryptor == nil ? 0 : RecordEnvelope.byteCount)
        let length = SegmentFormat.roundedUp(SegmentFormat.frameHeaderBytes + stored + SegmentFormat.trailerBytes)
        head.removeAll(keepingCapacity: true)
        head.pad(to: length - SegmentFormat.trailerBytes)
        try putFront(
            FrameHeader(
                kind: SegmentFormat.footerFrame, header: header, offset: size, length: UInt64(length),
                sequence: frameCount, durableTo: durableTo, recordCount: UInt32(recordCount),
                descriptorBytes: UInt32(stored), packedBytes: 0),
            table, .footer)
        return length
    }

    /// Writes a frame's header and descriptors over the start of `head`.
    private mutating func putFront(
        _ frameHeader: FrameHeader, _ descriptors: [UInt8], _ kind: RecordContext.Kind
    ) throws(StorageError) {
        let path = path
        var frameHeader = frameHeader
        if let chain = encryptor?.chain { frameHeader.chain = chain }
        var front: [UInt8] = []
        front.reserveCapacity(SegmentFormat.frameHeaderBytes + Int(frameHeader.descriptorBytes))
        frameHeader.append(to: &front)
        if encryptor == nil {
            front.append(contentsOf: descriptors)
        } else {
            front.append(contentsOf: repeatElement(0, count: RecordEnvelope.headBytes))
            front.append(contentsOf: descriptors)
            front.append(contentsOf: repeatElement(0, count: RecordEnvelope.tagBytes))
            try encryptor?.encrypt(front: &front, kind, at: frameHeader.offset, path: path)
        }
        FrameHeader.seal(&front, descriptorBytes: Int(frameHeader.descriptorBytes))
        head.replaceSubrange(0..<front.count, with: front)
    }
}

/// Encrypts what the writer of one segment writes, but for blocks, which come encrypted.
struct FrameEncryptor: ~Copyable {
    /// The tag of the last frame's descriptors, for the next one.
    private(set) var chain: FrameChain
    private let vault: [UInt8]
    private let segment: UInt64
    private var encryptor: RecordEncryptor

    /// For a segment whose last frame has the tag `chain`; nil without keys.
    static func make(
        _ keys: VaultKeys?, _ header: SegmentHeader, path: String, after chain: FrameChain
    ) throws(StorageError) -> FrameEncryptor? {
        guard let keys else { return nil }
        do throws(EncryptionError) {
            return FrameEncryptor(
                chain: chain, vault: keys.vault, segment: header.number, encryptor: try RecordEncryptor(keys))
        } catch {
            throw .encryption(path: path, reason: error.description)
        }
    }

    private init(chain: FrameChain, vault: [UInt8], segment: UInt64, encryptor: consuming RecordEncryptor) {
        self.chain = chain
        self.vault = vault
        self.segment = segment
        self.encryptor = encryptor
    }

    /// Turns a catalog record, which lies at `place` of `bytes` with room around it, into an envelope for its place in the
    /// file, and fills in the checksum.
    mutating func encrypt(
        record: inout RecordDescriptor, at place: Int, of bytes: inout [UInt8], path: String
    ) throws(StorageError) {
        let range = place..<place + Int(record.storedLength)
        try encrypt(
            range, of: &bytes, RecordContext(.catalogRecord, vault: vault, file: segment, place: record.payloadOffset),
            EncryptedRecord.stated(of: record), path)
        record.crc32c = unsafe CRC32C.of(bytes.span.bytes.extracting(range))
    }

    /// Encrypts the descriptors behind the header in `front`, which vouch for the header too, and takes on their tag.
    mutating func encrypt(
        front: inout [UInt8], _ kind: RecordContext.Kind, at offset: UInt64, path: String
    ) throws(StorageError) {
        let range = SegmentFormat.frameHeaderBytes..<front.count
        let header = Array(front[..<SegmentFormat.checksumOffset])
        try encrypt(
            range, of: &front, RecordContext(kind, vault: vault, file: segment, place: offset), header, path)
        chain = unsafe FrameChain(endOf: front.span.bytes)
    }

    private mutating func encrypt(
        _ range: Range<Int>, of bytes: inout [UInt8], _ context: RecordContext, _ stated: [UInt8], _ path: String
    ) throws(StorageError) {
        do throws(EncryptionError) {
            unsafe try encryptor.encrypt(envelope: range, of: &bytes, context, authenticating: stated.span.bytes)
        } catch {
            throw .encryption(path: path, reason: error.description)
        }
    }
}
