#pragma once
#ifdef __cplusplus
extern "C" {
#endif

struct rocksdb_options_t;

/// What encrypts every file of a RocksDB database. Opaque.
typedef struct oxbow_rocks_encryption oxbow_rocks_encryption;

/// Encryption with a key of 32 bytes, which is copied; NULL when there is no memory, or RocksDB's C interface is not laid
/// out as this was written for.
oxbow_rocks_encryption *oxbow_rocks_encryption_create(const unsigned char *key);

/// Lets a database that is opened with `options` read and write encrypted files only. The encryption must outlive it.
void oxbow_rocks_encryption_attach(oxbow_rocks_encryption *encryption, struct rocksdb_options_t *options);

/// Frees the encryption and wipes its key, after every database that used it was closed.
void oxbow_rocks_encryption_destroy(oxbow_rocks_encryption *encryption);

#ifdef __cplusplus
}
#endif
