/// Bounds on the memory and files that RocksDB uses. With the defaults the catalog stays below 100 MiB whatever its size.
public struct RocksOptions: Sendable, Hashable {
    /// Blocks, filters and indexes of table files that are cached, in bytes, over all tables. The filters of the block
    /// index should fit: 1.25 bytes per block, 20 MB for a terabyte of 64 KiB blocks.
    public var cacheBytes = 32 << 20
    /// Rows that wait in memory to be written to table files, in bytes, over all tables.
    public var writeBufferBytes = 32 << 20
    /// Table files held open by a catalog that writes. One that only reads keeps all of them open, since the writer may
    /// delete them any time.
    public var openFilesMax = 128
    /// Write-ahead log that makes RocksDB write out the oldest rows, in bytes: bounds the time of an open after a crash.
    public var writeAheadLogBytes = 64 << 20
    /// Threads for writing out and compacting.
    public var backgroundJobsMax = 2
    /// Bits per row of the Bloom filters: 10 give about one needless look-up in a hundred.
    public var filterBitsPerRow = 10.0

    /// The defaults.
    public init() {}
}

/// How much a catalog holds and uses, as RocksDB estimates it.
public struct CatalogStatistics: Sendable, Hashable {
    /// Rows per table.
    public var rows: [CatalogTable: UInt64] = [:]
    /// Blocks in the index.
    public var blocks: UInt64 = 0
    /// Bytes of table files on disk.
    public var diskBytes: UInt64 = 0
    /// Bytes of rows that wait in memory.
    public var writeBufferBytes: UInt64 = 0
    /// Bytes in the cache.
    public var cacheBytes: UInt64 = 0
    /// Bytes of filters and indexes outside of the cache.
    public var tableReaderBytes: UInt64 = 0
}
