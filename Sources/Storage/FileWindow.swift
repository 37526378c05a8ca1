internal import Blocks
internal import Encryption

/// The part of a segment file that was read last, so that many small records near one another cost one read.
struct FileWindow {
    /// Bytes read at once, unless one record is longer.
    static let byteCount = 1 << 20

    private var start: UInt64 = 0
    private var bytes: [UInt8] = []
    /// Of the segment that records are read from; made at the first.
    private var decryptor: SegmentDecryptor?

    /// `count` bytes at `offset`; nil when the file ends before.
    mutating func bytes(at offset: UInt64, count: Int, in reader: SegmentReader) throws(StorageError) -> ArraySlice<
        UInt8
    >? {
        if offset < start || offset - start > UInt64(bytes.count) || bytes.count - Int(offset - start) < count {
            // Emptied first, so that a growing window never holds two buffers.
            bytes = []
            bytes = try reader.file.read(at: offset, count: max(count, Self.byteCount))
            start = offset
        }
        let first = Int(offset - start)
        return bytes.count - first < count ? nil : bytes[first..<first + count]
    }

    /// True when the record's stored bytes are there and match its checksum. Reads a long record in pieces.
    mutating func matchesChecksum(_ record: RecordDescriptor, in reader: SegmentReader) throws(StorageError) -> Bool {
        var checksum: UInt32 = 0
        var done = 0
        let length = Int(record.storedLength)
        while done < length {
            let count = min(length - done, Self.byteCount)
            guard let piece = try bytes(at: record.payloadOffset + UInt64(done), count: count, in: reader) else {
                return false
            }
            checksum = unsafe CRC32C.update(checksum, piece.span.bytes)
            done += count
        }
        return checksum == record.crc32c
    }

    /// The record as replay delivers it; catalog records are read and checked, blocks are not.
    mutating func record(_ record: RecordDescriptor, in reader: SegmentReader) throws(StorageError) -> SegmentRecord {
        switch record.kind {
        case .block(let fingerprint): return .block(fingerprint, record.location(in: reader.header.number))
        case .other(let type): return .other(type: type)
        case .catalogPut(let table, let keyLength):
            guard let bytes = try catalogBytes(record, in: reader), bytes.count >= Int(keyLength) else {
                return Self.damage(record)
            }
            let keyEnd = bytes.startIndex + Int(keyLength)
            return .catalogPut(table: table, key: Array(bytes[..<keyEnd]), value: Array(bytes[keyEnd...]))
        case .catalogDelete(let table):
            guard let bytes = try catalogBytes(record, in: reader) else { return Self.damage(record) }
            return .catalogDelete(table: table, key: Array(bytes))
        }
    }

    private static func damage(_ record: RecordDescriptor) -> SegmentRecord {
        .damaged(
            payloadOffset: record.payloadOffset,
            reason: "a catalog record of \(record.storedLength) bytes does not match its checksum or tag")
    }

    private mutating func catalogBytes(
        _ record: RecordDescriptor, in reader: SegmentReader
    ) throws(StorageError) -> ArraySlice<UInt8>? {
        let envelopeBytes = reader.keys == nil ? 0 : RecordEnvelope.byteCount
        guard record.codec == (reader.keys == nil ? BlockLocation.rawCodec : BlockLocation.encryptedFlag) else {
            throw .unknownCodec(path: reader.path, offset: record.payloadOffset, codec: record.codec)
        }
        guard Int(record.storedLength) <= reader.options.catalogRecordBytesMax + envelopeBytes else {
            throw .tooLarge(
                what: "the catalog record in \(reader.path) at offset \(record.payloadOffset)",
                bytes: Int(record.storedLength), limit: reader.options.catalogRecordBytesMax)
        }
        guard Int(record.storedLength) == Int(record.rawLength) + envelopeBytes,
            let bytes = try bytes(at: record.payloadOffset, count: Int(record.storedLength), in: reader),
            unsafe CRC32C.of(bytes.span.bytes) == record.crc32c
        else { return nil }
        if reader.keys == nil { return bytes }
        if decryptor == nil { decryptor = try reader.makeDecryptor() }
        do throws(EncryptionError) {
            return try decryptor?.catalogRecord(bytes, record)[...]
        } catch {
            // Its checksum holds, so this is no accident; what it said is lost all the same.
            guard case .notAuthentic = error else { throw .encryption(path: reader.path, reason: error.description) }
            return nil
        }
    }
}
