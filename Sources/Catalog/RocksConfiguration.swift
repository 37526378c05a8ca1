internal import CRocksDB
internal import CRocksEncryption

/// The options of a database and of its column families, and the cache that they share. Made once per open; RocksDB keeps
/// what it needs of them, the rest lives as long as the catalog.
@safe struct RocksConfiguration: ~Copyable {
    let database: RocksResource
    let tables: RocksResource
    let blocks: RocksResource
    let cache: RocksResource
    let read: RocksResource
    let write: RocksResource

    init?(_ options: RocksOptions, isReadOnly: Bool, createsMissing: Bool) {
        guard
            let cache = Self.makeCache(options.cacheBytes),
            let database = Self.makeOptions(),
            let tables = Self.family(options, cache: cache, bufferDivisor: 8),
            let blocks = Self.family(options, cache: cache, bufferDivisor: 2),
            let read = unsafe RocksResource(
                rocksdb_readoptions_create(), destroy: { unsafe rocksdb_readoptions_destroy($0) }),
            let write = unsafe RocksResource(
                rocksdb_writeoptions_create(), destroy: { unsafe rocksdb_writeoptions_destroy($0) })
        else { return nil }
        let set = unsafe database.pointer
        unsafe rocksdb_options_set_create_if_missing(set, createsMissing ? 1 : 0)
        unsafe rocksdb_options_set_create_missing_column_families(set, isReadOnly ? 0 : 1)
        unsafe rocksdb_options_set_max_open_files(set, isReadOnly ? -1 : Int32(clamping: options.openFilesMax))
        unsafe rocksdb_options_set_db_write_buffer_size(set, options.writeBufferBytes)
        unsafe rocksdb_options_set_max_total_wal_size(set, UInt64(clamping: options.writeAheadLogBytes))
        unsafe rocksdb_options_set_max_background_jobs(set, Int32(clamping: options.backgroundJobsMax))
        // Spreads write-back, so that the log's own fdatasync does not wait behind a burst of table files.
        unsafe rocksdb_options_set_bytes_per_sync(set, 1 << 20)
        // Its diary would end the process on a full disk. Where it cannot be done without, it stays small.
        if unsafe oxbow_rocks_keep_quiet(set) == 0 {
            unsafe rocksdb_options_set_info_log_level(set, 2)
            unsafe rocksdb_options_set_keep_log_file_num(set, 2)
            unsafe rocksdb_options_set_max_log_file_size(set, 1 << 20)
        }
        unsafe rocksdb_options_set_stats_dump_period_sec(set, 0)
        // For scrubs; without it they have each block's checksum, which leaves a few bytes of a file unproven.
        _ = unsafe oxbow_rocks_sum_files(set)
        self.database = database
        self.tables = tables
        self.blocks = blocks
        self.cache = cache
        self.read = read
        self.write = write
    }

    /// A cache of four shards. By default there are 64, and what is bigger than a shard's share is never kept: it would be read
    /// again for every look-up.
    private static func makeCache(_ bytes: Int) -> RocksResource? {
        guard
            let options = unsafe RocksResource(
                rocksdb_lru_cache_options_create(), destroy: { unsafe rocksdb_lru_cache_options_destroy($0) })
        else { return nil }
        unsafe rocksdb_lru_cache_options_set_capacity(options.pointer, bytes)
        unsafe rocksdb_lru_cache_options_set_num_shard_bits(options.pointer, 2)
        return unsafe RocksResource(
            rocksdb_cache_create_lru_opts(options.pointer), destroy: { unsafe rocksdb_cache_destroy($0) })
    }

    private static func makeOptions() -> RocksResource? {
        unsafe RocksResource(rocksdb_options_create(), destroy: { unsafe rocksdb_options_destroy($0) })
    }

    /// Options of a column family: whole-key Bloom filters (most look-ups are for keys that are not there, so levels
    /// without them would cost a read each: `optimize_filters_for_hits` stays off), no compression (keys and values are
    /// digests or small), filters and indexes inside the bounded cache, in parts of some KiB: when they outgrow it, a look-up
    /// that misses reads one part, not the filter of a whole file.
    private static func family(
        _ options: RocksOptions, cache: borrowing RocksResource, bufferDivisor: Int
    ) -> RocksResource? {
        guard let family = makeOptions(),
            let layout = unsafe RocksResource(
                rocksdb_block_based_options_create(), destroy: { unsafe rocksdb_block_based_options_destroy($0) })
        else { return nil }
        let set = unsafe layout.pointer
        unsafe rocksdb_block_based_options_set_format_version(set, 5)
        unsafe rocksdb_block_based_options_set_filter_policy(
            set, rocksdb_filterpolicy_create_bloom_full(options.filterBitsPerRow))
        unsafe rocksdb_block_based_options_set_block_cache(set, cache.pointer)
        unsafe rocksdb_block_based_options_set_cache_index_and_filter_blocks(set, 1)
        unsafe rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority(set, 1)
        unsafe rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(set, 1)
        unsafe rocksdb_block_based_options_set_index_type(
            set, Int32(rocksdb_block_based_table_index_type_two_level_index_search))
        unsafe rocksdb_block_based_options_set_partition_filters(set, 1)
        unsafe rocksdb_options_set_block_based_table_factory(family.pointer, set)
        unsafe rocksdb_options_set_compression(family.pointer, 0)
        unsafe rocksdb_options_set_optimize_filters_for_hits(family.pointer, 0)
        unsafe rocksdb_options_set_level_compaction_dynamic_level_bytes(family.pointer, 1)
        unsafe rocksdb_options_set_write_buffer_size(family.pointer, options.writeBufferBytes / bufferDivisor)
        unsafe rocksdb_options_set_max_write_buffer_number(family.pointer, 3)
        return family
    }
}
