// Proof of table files by checksums of whole files, which RocksDB's C interface lacks.

#include "CRocksEncryption.h"

#include <rocksdb/c.h>
#include <rocksdb/db.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/options.h>

#include <cstring>

// These types are private to RocksDB's c.cc: each begins with what it stands for. `oxbow_rocks_has_expected_layout` looks whether that
// still holds in the library that is loaded.
static rocksdb::Options *of(rocksdb_options_t *options) { return reinterpret_cast<rocksdb::Options *>(options); }

int oxbow_rocks_has_expected_layout(void) {
    constexpr size_t mark = 4711;
    rocksdb_options_t *probe = rocksdb_options_create();
    rocksdb_options_set_keep_log_file_num(probe, mark);
    int holds = of(probe)->keep_log_file_num == mark;
    rocksdb_options_destroy(probe);
    return holds;
}

int oxbow_rocks_sum_files(rocksdb_options_t *options) {
    if (!oxbow_rocks_has_expected_layout()) return 0;
    of(options)->file_checksum_gen_factory = rocksdb::GetFileChecksumGenCrc32cFactory();
    return 1;
}

void oxbow_rocks_verify(rocksdb_t *database, char **error) {
    auto *verified = *reinterpret_cast<rocksdb::DB **>(database);
    rocksdb::ReadOptions options;
    options.verify_checksums = true;
    options.fill_cache = false;
    options.readahead_size = 1 << 20;
    // Files of releases before have no checksum of the whole: for them each block's own must do.
    rocksdb::Status status = verified->VerifyFileChecksums(options);
    if (status.ok() || status.IsInvalidArgument()) status = verified->VerifyChecksum(options);
    if (!status.ok()) *error = strdup(status.ToString().c_str());
}
