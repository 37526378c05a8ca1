/// Where a reader finds a segment's bytes: in a file, or on a medium.
enum SegmentSource: ~Copyable, Sendable {
    case file(OpenFile)
    case remote(RemoteSegment)

    /// For messages.
    var path: String {
        switch self {
        case .file(let file): file.path
        case .remote(let segment): segment.path
        }
    }

    /// The segment's length in bytes.
    func size() throws(StorageError) -> UInt64 {
        switch self {
        case .file(let file): try file.size()
        case .remote(let segment): segment.size
        }
    }

    /// Up to `count` bytes from `offset` on; fewer only at the end.
    func read(at offset: UInt64, count: Int) throws(StorageError) -> [UInt8] {
        switch self {
        case .file(let file): try file.read(at: offset, count: count)
        case .remote(let segment):
            try segment.segments.read(segment.number, size: segment.size, at: offset, count: count)
        }
    }

    /// Fills `room` from `offset` on; returns fewer bytes only at the end.
    @unsafe
    func read(at offset: UInt64, into room: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
        switch self {
        case .file(let file): return unsafe try file.read(at: offset, into: room)
        case .remote:
            let bytes = try read(at: offset, count: room.count)
            unsafe room.copyBytes(from: bytes)
            return bytes.count
        }
    }
}
