#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// The digests that are computed for several messages side by side.
typedef enum { oxbow_sha256, oxbow_md5 } oxbow_digest_algorithm;

/// A running digest: what was read of one message. Plain memory; it may be copied and thrown away.
typedef struct {
    /// The chaining value: eight words of SHA-256, or four of MD5.
    uint32_t words[8];
    /// Bytes of the message so far. The standards count bits in 64 bits: 2 EiB at most.
    uint64_t count;
    /// The last `count % 64` bytes, which do not fill a block yet; twice a block, since padding may need two.
    uint8_t rest[128];
} oxbow_running_digest;

/// The next bytes of one message.
typedef struct {
    /// The message. Several pieces of one in a call follow directly on one another, in order.
    oxbow_running_digest *digest;
    const uint8_t *bytes;
    size_t count;
    /// The message ends here: it is padded, and `digest->words` become the digest.
    bool is_last;
} oxbow_digest_piece;

/// A way to compute both digests, widest first. Each gives the same values.
typedef enum {
    /// 16 messages in the 32-bit lanes of 512-bit registers: AVX-512 F, BW.
    oxbow_lanes_avx512,
    /// 8 messages in the 32-bit lanes of 256-bit registers: AVX2.
    oxbow_lanes_avx2,
    /// SHA-256 by the processor's SHA instructions, two messages interleaved to hide their latency; MD5 as portable.
    oxbow_lanes_sha_ni,
    /// Plain C, one message after the other: for tests to compare, and for what is left over of a batch.
    oxbow_lanes_portable,
} oxbow_digest_kernel;

/// True when this processor, and its operating system, can run the kernel.
bool oxbow_digest_kernel_is_supported(oxbow_digest_kernel kernel);

/// How many messages the kernel advances at once.
size_t oxbow_digest_lanes(oxbow_digest_kernel kernel, oxbow_digest_algorithm algorithm);

/// Begins a message.
void oxbow_digest_begin(oxbow_digest_algorithm algorithm, oxbow_running_digest *digest);

/// Takes the pieces, each for its message; a lane that has come to the end of one goes on with the next. Messages of like
/// length, or long ones first, fill the lanes best. When fewer than `lanes_min` messages are left they are finished one
/// by one, by the SHA instructions where there are any.
void oxbow_digest_update(
    oxbow_digest_kernel kernel, oxbow_digest_algorithm algorithm, const oxbow_digest_piece *pieces, size_t count,
    size_t lanes_min);

/// Writes the digest of a message whose last piece was taken: 32 bytes of SHA-256, 16 of MD5.
void oxbow_digest_value(oxbow_digest_algorithm algorithm, const oxbow_running_digest *digest, uint8_t *value);

#ifdef __cplusplus
}
#endif
