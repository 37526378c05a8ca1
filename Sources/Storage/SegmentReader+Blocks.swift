internal import Blocks
internal import Compression

extension SegmentReader {
    /// Reads a block's bytes into the start of `room`, which has at least ``BlockLocation/rawLength`` bytes, and checks
    /// them against their checksum.
    ///
    /// The checksum finds accidents. Whether the bytes are the block of a certain fingerprint is for the caller to check
    /// where it matters. Throws ``StorageError/damaged(path:offset:reason:)`` when they are not what was written; `room`
    /// then holds rubbish.
    public func read(_ location: BlockLocation, into room: inout MutableRawSpan) throws(StorageError) {
        precondition(location.segment == header.number, "a block of another segment")
        precondition(room.byteCount >= Int(location.rawLength), "less room than the block has bytes")
        // Before anything is reserved for them: the lengths may be those of a damaged index.
        guard location.rawLength > 0, location.rawLength <= UInt32(BlockSize.range.upperBound),
            location.storedLength > 0, location.storedLength <= location.rawLength,
            location.storedLength == location.rawLength || location.codec != BlockLocation.rawCodec
        else { throw damage(location, "the index gives lengths that no block has") }
        guard location.codec != BlockLocation.rawCodec else { return try readStored(location, into: &room) }
        guard location.codec == CompressionCode.zstd || location.codec == CompressionCode.lz4 else {
            throw .unknownCodec(path: path, offset: location.payloadOffset, codec: location.codec)
        }
        var stored = [UInt8](repeating: 0, count: Int(location.storedLength))
        var span = stored.mutableSpan
        var storedRoom = unsafe span.mutableBytes
        try readStored(location, into: &storedRoom)
        do throws(CompressionError) {
            try Decompressor.expand(
                storedRoom.bytes, code: location.codec, count: Int(location.rawLength), into: &room)
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

    /// The bytes of a block; see ``read(_:into:)``.
    public func read(_ location: BlockLocation) throws(StorageError) -> [UInt8] {
        guard location.rawLength <= UInt32(BlockSize.range.upperBound) else {
            throw damage(location, "the index gives lengths that no block has")
        }
        var bytes = [UInt8](repeating: 0, count: Int(location.rawLength))
        var span = bytes.mutableSpan
        var room = unsafe span.mutableBytes
        try read(location, into: &room)
        return bytes
    }

    private func damage(_ location: BlockLocation, _ reason: String) -> StorageError {
        .damaged(path: path, offset: location.payloadOffset, reason: reason)
    }
}
