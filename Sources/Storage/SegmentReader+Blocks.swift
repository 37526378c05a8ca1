public import Blocks
internal import Compression
internal import Encryption

extension SegmentReader {
    /// Reads the bytes of the block `fingerprint` into the start of `room`, which has at least
    /// ``BlockLocation/rawLength`` bytes, and checks them against their checksum.
    ///
    /// The checksum finds accidents. In a vault with keys the fingerprint is needed to decrypt; else whether the bytes are
    /// its block is for the caller to check where it matters. Throws ``StorageError/damaged(path:offset:reason:)`` when they are not what was written; `room`
    /// then holds rubbish.
    public func read(
        _ location: BlockLocation, of fingerprint: Fingerprint, into room: inout MutableRawSpan
    ) throws(StorageError) {
        var opener = BlockOpener()
        try read(location, of: fingerprint, into: &room, with: &opener)
    }

    /// As ``read(_:of:into:)``, for who reads one block after the other.
    public func read(
        _ location: BlockLocation, of fingerprint: Fingerprint, into room: inout MutableRawSpan,
        with opener: inout BlockOpener
    ) throws(StorageError) {
        precondition(location.segment == header.number, "a block of another segment")
        precondition(room.byteCount >= Int(location.rawLength), "less room than the block has bytes")
        // Before anything is reserved for them: the lengths may be those of a damaged index.
        let envelopeBytes = keys == nil ? 0 : UInt32(RecordEnvelope.byteCount)
        let method = location.codec & ~BlockLocation.encryptedFlag
        guard location.rawLength > 0, location.rawLength <= UInt32(BlockSize.range.upperBound),
            location.storedLength > envelopeBytes, location.storedLength - envelopeBytes <= location.rawLength,
            location.storedLength - envelopeBytes == location.rawLength || method != BlockLocation.rawCodec
        else { throw damage(location, "the index gives lengths that no block has") }
        guard (location.codec & BlockLocation.encryptedFlag != 0) == (keys != nil) else {
            throw damage(location, "the index says that it is \(keys == nil ? "" : "not ")encrypted")
        }
        guard location.codec != BlockLocation.rawCodec else { return try readStored(location, into: &room) }
        let known = [BlockLocation.rawCodec, CompressionCode.zstd, CompressionCode.lz4]
        guard known.contains(method) else {
            throw .unknownCodec(path: path, offset: location.payloadOffset, codec: location.codec)
        }
        let count = Int(location.storedLength)
        opener.resize(to: count)
        do {
            var span = opener.stored.mutableSpan
            var storedRoom = unsafe span.mutableBytes
            try readStored(location, into: &storedRoom)
        }
        var inner = 0..<count
        if let keys {
            try decrypt(&opener, location, fingerprint, keys)
            inner = RecordEnvelope.headBytes..<count - RecordEnvelope.tagBytes
        }
        guard method != BlockLocation.rawCodec else {
            unsafe room.withUnsafeMutableBytes { room in
                unsafe opener.stored.withUnsafeBytes { stored in
                    unsafe room.copyMemory(from: UnsafeRawBufferPointer(rebasing: stored[inner]))
                }
            }
            return
        }
        do throws(CompressionError) {
            // Taken out for the call: the bytes and the context are parts of one value.
            let stored = opener.stored
            try opener.decompressor.expand(
                unsafe stored.span.bytes.extracting(inner), code: method, count: Int(location.rawLength), into: &room)
        } catch {
            throw damage(location, error.description)
        }
    }

    /// Opens a block's envelope in place.
    private func decrypt(
        _ opener: inout BlockOpener, _ location: BlockLocation, _ fingerprint: Fingerprint, _ keys: VaultKeys
    ) throws(StorageError) {
        do throws(EncryptionError) {
            if opener.decryptor == nil { opener.decryptor = try RecordDecryptor(keys) }
            let stated = EncryptedRecord.stated(of: location.codec, rawLength: location.rawLength)
            try opener.decryptor?.open(
                envelope: &opener.stored, RecordContext(.block, vault: keys.vault, content: fingerprint.bytes),
                authenticating: unsafe stated.span.bytes)
        } catch {
            throw damage(location, error.description)
        }
    }

    /// Reads a block's stored bytes into the start of `room` and checks them against their checksum.
    private func readStored(_ location: BlockLocation, into room: inout MutableRawSpan) throws(StorageError) {
        let count = unsafe try room.withUnsafeMutableBytes { room throws(StorageError) in
            unsafe try file.read(
                at: location.payloadOffset,
                into: UnsafeMutableRawBufferPointer(rebasing: room[..<Int(location.storedLength)]))
        }
        guard count == Int(location.storedLength) else { throw damage(location, "the file ends within the block") }
        guard CRC32C.of(room.bytes.extracting(0..<count)) == location.crc32c else {
            throw damage(location, "the block's bytes do not match their checksum")
        }
    }

    /// The bytes of a block; see ``read(_:of:into:)``.
    public func read(_ location: BlockLocation, of fingerprint: Fingerprint) throws(StorageError) -> [UInt8] {
        guard location.rawLength <= UInt32(BlockSize.range.upperBound) else {
            throw damage(location, "the index gives lengths that no block has")
        }
        var bytes = [UInt8](repeating: 0, count: Int(location.rawLength))
        var span = bytes.mutableSpan
        var room = unsafe span.mutableBytes
        try read(location, of: fingerprint, into: &room)
        return bytes
    }

    private func damage(_ location: BlockLocation, _ reason: String) -> StorageError {
        .damaged(path: path, offset: location.payloadOffset, reason: reason)
    }
}
