#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Each function continues a checksum over `count` more bytes. `checksum` is what the same function returned for the
// bytes before, or 0 at the beginning; so the value after "123" and then "456789" is the value of "123456789".

/// CRC-32 of IEEE 802.3, gzip and zlib: polynomial 0x04C11DB7, reflected. Check value 0xCBF43926.
uint32_t oxbow_crc32(uint32_t checksum, const void *bytes, size_t count);

/// CRC-32C of RFC 3720 (iSCSI), Castagnoli: polynomial 0x1EDC6F41, reflected. Check value 0xE3069283.
uint32_t oxbow_crc32c(uint32_t checksum, const void *bytes, size_t count);

/// CRC-64/NVME of the NVM Express NVM Command Set specification: polynomial 0xAD93D23594C93659, reflected
/// 0x9A6C9329AC4BC9B5. Check value 0xAE8B14860A799888.
uint64_t oxbow_crc64nvme(uint64_t checksum, const void *bytes, size_t count);

// The same by tables alone, as on a processor without carry-less multiplication: for tests to compare.

uint32_t oxbow_crc32_portable(uint32_t checksum, const void *bytes, size_t count);
uint32_t oxbow_crc32c_portable(uint32_t checksum, const void *bytes, size_t count);
uint64_t oxbow_crc64nvme_portable(uint64_t checksum, const void *bytes, size_t count);

/// What runs on this processor: "vpclmulqdq", "pclmulqdq" or "tables".
const char *oxbow_checksum_kernel(void);

#ifdef __cplusplus
}
#endif
