internal import Blocks
internal import Encryption

/// What a record's envelope vouches for beside its bytes, so that a descriptor or index entry cannot be changed around it.
enum EncryptedRecord {
    /// Of a block: codec before the flag, raw length.
    static func stated(of codec: UInt8, rawLength: UInt32) -> [UInt8] {
        var bytes: [UInt8] = [RecordDescriptor.blockType, codec & ~BlockLocation.encryptedFlag]
        bytes.appendLittleEndian(rawLength)
        return bytes
    }

    /// Of a catalog record: type, table, lengths of key and record.
    static func stated(of descriptor: RecordDescriptor) -> [UInt8] {
        var bytes: [UInt8]
        switch descriptor.kind {
        case .catalogPut(let table, let keyLength):
            bytes = [RecordDescriptor.catalogPutType, table]
            bytes.appendLittleEndian(keyLength)
        case .catalogDelete(let table):
            bytes = [RecordDescriptor.catalogDeleteType, table]
            bytes.appendLittleEndian(descriptor.rawLength)
        case .block, .other: return stated(of: descriptor.codec, rawLength: descriptor.rawLength)
        }
        bytes.appendLittleEndian(descriptor.rawLength)
        return bytes
    }
}

/// Opens the envelopes of one segment: descriptors and catalog records. Owned by whoever walks the segment.
final class SegmentDecryptor {
    private let keys: VaultKeys
    private let segment: UInt64
    private var decryptor: RecordDecryptor

    init(_ keys: VaultKeys, segment: UInt64) throws(EncryptionError) {
        self.keys = keys
        self.segment = segment
        decryptor = try RecordDecryptor(keys)
    }

    /// The descriptors of the frame at `offset`; `header` is the frame's header as it stands in the file.
    func descriptors(
        _ envelope: some Sequence<UInt8>, _ kind: RecordContext.Kind, at offset: UInt64, header: ArraySlice<UInt8>
    ) throws(EncryptionError) -> [UInt8] {
        try open(Array(envelope), kind, at: offset, Array(header.prefix(SegmentFormat.checksumOffset)))
    }

    /// The key and value of a catalog record.
    func catalogRecord(
        _ envelope: some Sequence<UInt8>, _ descriptor: RecordDescriptor
    ) throws(EncryptionError) -> [UInt8] {
        try open(
            Array(envelope), .catalogRecord, at: descriptor.payloadOffset, EncryptedRecord.stated(of: descriptor))
    }

    private func open(
        _ envelope: [UInt8], _ kind: RecordContext.Kind, at place: UInt64, _ stated: [UInt8]
    ) throws(EncryptionError) -> [UInt8] {
        var bytes = envelope
        let context = RecordContext(kind, vault: keys.vault, file: segment, place: place)
        unsafe try decryptor.open(envelope: &bytes, context, authenticating: stated.span.bytes)
        bytes.removeLast(RecordEnvelope.tagBytes)
        bytes.removeFirst(RecordEnvelope.headBytes)
        return bytes
    }
}
