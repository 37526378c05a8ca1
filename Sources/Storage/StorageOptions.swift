/// Sizes and bounds of the storage layer.
public struct StorageOptions: Hashable, Sendable {
    /// Size at which a segment is full and should be sealed, in bytes. The frame that crosses it is still written, so
    /// files are larger by up to one frame. Default 256 MiB.
    public var segmentBytes: UInt64 = 256 << 20
    /// Disk space claimed ahead of the end of the segment being written, in bytes; 0 claims none. Freed when it is
    /// sealed. Default 0: neither buffered nor direct writes gain by it.
    public var preallocationBytes: UInt64 = 0
    /// The smallest frame that is written past the page cache (O_DIRECT), in bytes. Each such write waits for the medium:
    /// below, a commit's sync waits once for many. Default 256 KiB.
    public var directBytesMin: Int = 256 << 10
    /// The longest key and value of one catalog record, in bytes; a longer one is refused with
    /// ``StorageError/tooLarge(what:bytes:limit:)``. Also what a reader allocates at most for one. Default 64 MiB.
    public var catalogRecordBytesMax: Int = 64 << 20
    /// The longest frame, in bytes; a longer one is refused. Default 256 MiB.
    public var frameBytesMax: Int = 256 << 20
    /// Segment files that a ``FileBlockStore`` keeps open for reading; beyond it the one that was used longest ago is
    /// closed. Default 64.
    public var openReadersMax: Int = 64

    /// The defaults.
    public init() {}
}
