/// Bounds on what capture files may make the reader hold.
public struct CaptureLimits: Hashable, Sendable {
    /// Longest packet record or pcapng block whose content is needed, headers included, in bytes. A longer one is taken for
    /// corruption and ends the file (``CaptureFault/Kind/recordTooLong(length:limit:)``). The default holds any frame that
    /// Linux makes (BIG TCP: 512 KiB) several times over.
    public var recordBytesMax: Int = 2 << 20
    /// Longest Decryption Secrets Block that is read, and bytes of secrets that may wait to be asked for; a longer one is
    /// skipped like any block that is not needed. The default holds the secrets of ten thousand sessions.
    public var secretsBytesMax: Int = 16 << 20
    /// Bytes read at a time, the memory of one open file while no record is longer. The default stays within a second-level
    /// cache.
    public var windowBytes: Int = 512 << 10
    /// Interfaces described by one file, over all its sections. One more ends the file
    /// (``CaptureFault/Kind/tooManyInterfaces(limit:)``).
    public var interfacesMax: Int = 65_536
    /// Files whose times overlap, and which are therefore open at once. One more is left out and reported
    /// (``CaptureFault/Kind/tooManyFilesAtOnce(limit:)``). Files that follow each other in time count as one.
    public var filesAtOnceMax: Int = 256
    /// Memory for the windows of a stream of many files, in bytes: each file's window shrinks to its share, down to 64 KiB.
    public var streamWindowBytes: Int = 16 << 20

    /// The default limits.
    public init() {}

    /// The limits of a file that is one of `count` in a stream.
    func sharedAmong(_ count: Int) -> CaptureLimits {
        var limits = self
        limits.windowBytes = min(windowBytes, max(64 << 10, streamWindowBytes / max(count, 1)))
        return limits
    }
}
