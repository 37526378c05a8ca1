internal import Blocks
internal import Glibc

/// Reads one segment file, finished or still being written.
///
/// Keeps the file open. `Sendable`: its state never changes and reads name their own offset, so any number of threads
/// may share one.
public final class SegmentReader: Sendable {
    /// The header of the file.
    public let header: SegmentHeader
    /// Bounds of what is read into memory.
    public let options: StorageOptions

    let file: OpenFile

    /// Opens the segment file at `path`, and makes sure that it is one, of this vault and with this number; nil accepts
    /// any.
    ///
    /// Throws ``StorageError/noSuchSegment(path:)``, ``StorageError/notASegment(path:reason:)``,
    /// ``StorageError/unsupportedVersion(path:offset:found:supported:)``,
    /// ``StorageError/otherVault(path:expected:found:)``, ``StorageError/otherNumber(path:expected:found:)``,
    /// ``StorageError/damaged(path:offset:reason:)`` or ``StorageError/io(operation:path:offset:errno:)``.
    public init(
        path: String, vault: VaultID?, number: UInt64?, options: StorageOptions = StorageOptions()
    ) throws(StorageError) {
        do throws(StorageError) {
            file = try OpenFile(path, flags: O_RDONLY)
        } catch .io(_, _, _, ENOENT) {
            throw .noSuchSegment(path: path)
        }
        let page = try file.read(at: 0, count: SegmentFormat.pageBytes)
        header = try SegmentHeader(page: page, path: path)
        self.options = options
        if let vault, header.vault != vault {
            throw .otherVault(path: path, expected: vault, found: header.vault)
        }
        if let number, header.number != number {
            throw .otherNumber(path: path, expected: number, found: header.number)
        }
    }

    /// The file's path.
    public var path: String { file.path }

    /// The file's length now, in bytes.
    public func size() throws(StorageError) -> UInt64 { try file.size() }

    /// Reads a block's bytes into the start of `room`, which has at least ``BlockLocation/rawLength`` bytes, and checks
    /// them against their checksum.
    ///
    /// The checksum finds accidents. Whether the bytes are the block of a certain fingerprint is for the caller to check
    /// where it matters. Throws ``StorageError/damaged(path:offset:reason:)`` when they are not what was written; `room`
    /// then holds rubbish.
    public func read(_ location: BlockLocation, into room: inout MutableRawSpan) throws(StorageError) {
        precondition(location.segment == header.number, "a block of another segment")
        precondition(room.byteCount >= Int(location.rawLength), "less room than the block has bytes")
        guard location.codec == BlockLocation.rawCodec else {
            throw .unknownCodec(path: path, offset: location.payloadOffset, codec: location.codec)
        }
        guard location.storedLength == location.rawLength, location.rawLength <= UInt32(BlockSize.range.upperBound)
        else { throw damage(location, "the index gives lengths that no block has") }
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
