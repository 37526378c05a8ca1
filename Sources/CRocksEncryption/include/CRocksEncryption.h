#pragma once
#ifdef __cplusplus
extern "C" {
#endif

struct rocksdb_options_t;
struct rocksdb_t;

/// What encrypts every file of a RocksDB database. Opaque.
typedef struct oxbow_rocks_encryption oxbow_rocks_encryption;

/// Encryption with a key of 32 bytes, which is copied; NULL when there is no memory, or RocksDB's C interface is not laid
/// out as this was written for.
oxbow_rocks_encryption *oxbow_rocks_encryption_create(const unsigned char *key);

/// Lets a database that is opened with `options` read and write encrypted files only. The encryption must outlive it.
void oxbow_rocks_encryption_attach(oxbow_rocks_encryption *encryption, struct rocksdb_options_t *options);

/// Frees the encryption and wipes its key, after every database that used it was closed.
void oxbow_rocks_encryption_destroy(oxbow_rocks_encryption *encryption);

/// 1 when RocksDB's C interface is laid out as this was written for, else 0.
int oxbow_rocks_has_expected_layout(void);

/// Lets a database that is opened with `options` write no diary (`LOG`): a full disk under it ends the process. 0 when that
/// cannot be had.
int oxbow_rocks_keep_quiet(struct rocksdb_options_t *options);

/// Makes a database that is opened with `options` keep a checksum of each table file that it writes. 0 when RocksDB's C
/// interface is not laid out as this was written for: then nothing was changed.
int oxbow_rocks_sum_files(struct rocksdb_options_t *options);

/// Reads every table file and compares it with its checksums, those of the whole file and of each block. What does not match
/// is in `*error`, to be freed; as in RocksDB's C interface.
void oxbow_rocks_verify(struct rocksdb_t *database, char **error);

#ifdef __cplusplus
}
#endif
