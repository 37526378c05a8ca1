public import Blocks

/// Segments in a folder of a local file system.
///
/// The folder's file system must keep what `fdatasync` and `fsync` acknowledge. Files are opened for reading on demand
/// and kept open, at most ``StorageOptions/openReadersMax`` of them.
public final class FileBlockStore: BlockStore {
    /// The folder.
    public let directory: SegmentDirectory

    /// Open readers, each with the time of its last use. A reader in use elsewhere survives its removal from here.
    private struct Readers {
        var byNumber: [UInt64: (reader: SegmentReader, lastUse: UInt64)] = [:]
        var uses: UInt64 = 0
        var evictions: UInt64 = 0
    }

    private let readers = Guarded(Readers())

    /// A store of the segments in `directory`, whose folder exists.
    public init(_ directory: SegmentDirectory) {
        self.directory = directory
    }

    /// Readers that were closed to keep within ``StorageOptions/openReadersMax``.
    public var evictedReaders: UInt64 { readers.withLock { $0.evictions } }

    /// Files open for reading now.
    public var openReaders: Int { readers.withLock { $0.byNumber.count } }

    /// See ``BlockStore/segmentNumbers()``.
    public func segmentNumbers() throws(StorageError) -> [UInt64] { try directory.segmentNumbers() }

    /// See ``BlockStore/createSegment(writer:highestUsed:)``.
    public func createSegment(writer: UInt64, highestUsed: UInt64) throws(StorageError) -> SegmentWriter {
        try directory.createSegment(writer: writer, highestUsed: highestUsed)
    }

    /// See ``BlockStore/resumeSegment(_:durableTo:)``.
    public func resumeSegment(_ number: UInt64, durableTo: UInt64) throws(StorageError) -> SegmentWriter {
        try directory.resumeSegment(number, durableTo: durableTo)
    }

    /// A sealed file is durable under its name already.
    public func publish(_ segment: UInt64) throws(StorageError) {}

    /// See ``BlockStore/read(_:of:into:)``.
    public func read(
        _ location: BlockLocation, of fingerprint: Fingerprint, into room: inout MutableRawSpan
    ) throws(StorageError) {
        try openSegment(location.segment).read(location, of: fingerprint, into: &room)
    }

    /// As ``read(_:of:into:)``, for who reads one block after the other.
    public func read(
        _ location: BlockLocation, of fingerprint: Fingerprint, into room: inout MutableRawSpan,
        with opener: inout BlockOpener
    ) throws(StorageError) {
        try openSegment(location.segment).read(location, of: fingerprint, into: &room, with: &opener)
    }

    /// See ``BlockStore/openSegment(_:)``. Readers are shared and kept open.
    public func openSegment(_ number: UInt64) throws(StorageError) -> SegmentReader {
        let known = readers.withLock { readers -> SegmentReader? in
            readers.uses += 1
            readers.byNumber[number]?.lastUse = readers.uses
            return readers.byNumber[number]?.reader
        }
        if let known { return known }
        // Outside the lock: opening may take the disk's time. Two threads may open the same file; one reader stays.
        let opened = try directory.openSegment(number)
        readers.withLock { readers in
            if readers.byNumber.count >= max(directory.options.openReadersMax, 1), readers.byNumber[number] == nil,
                let oldest = readers.byNumber.min(by: { $0.value.lastUse < $1.value.lastUse })
            {
                readers.byNumber[oldest.key] = nil
                readers.evictions += 1
            }
            readers.uses += 1
            readers.byNumber[number] = (opened, readers.uses)
        }
        return opened
    }

    /// Takes away the file of a segment that the medium has, and closes its reader.
    public func evict(_ segment: UInt64) throws(StorageError) {
        try directory.evict(segment)
        readers.withLock { $0.byNumber[segment] = nil }
    }

    /// Tells which of the open segments was read last; 0 for others.
    public func lastUse(of segment: UInt64) -> UInt64 { readers.withLock { $0.byNumber[segment]?.lastUse ?? 0 } }

    /// Takes a segment out of the vault that the medium has, and closes its reader; see
    /// ``SegmentDirectory/retire(_:copiesUpTo:)``.
    public func retire(_ segment: UInt64, copiesUpTo: UInt64) throws(StorageError) {
        try directory.retire(segment, copiesUpTo: copiesUpTo)
        readers.withLock { $0.byNumber[segment] = nil }
    }

    /// Takes a segment out of the vault and closes its reader; see ``SegmentDirectory/drop(_:)``.
    public func drop(_ segment: UInt64) throws(StorageError) {
        try directory.drop(segment)
        readers.withLock { $0.byNumber[segment] = nil }
    }
}
