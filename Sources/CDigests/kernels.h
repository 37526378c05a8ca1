#pragma once
#include "CDigests.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#define OXBOW_X86 1
#else
#define OXBOW_X86 0
#endif

enum {
    /// Lanes of the widest kernel.
    LANES_MAX = 16,
    /// Both digests read the message in blocks of so many bytes.
    BLOCK_BYTES = 64,
};

/// The chaining values of all lanes, transposed: word after word, lane by lane within each. Aligned for whole registers.
typedef struct {
    _Alignas(64) uint32_t words[8][LANES_MAX];
} lane_states;

/// Advances each lane by `blocks` blocks that begin at `lanes[i]`. Every lane the kernel has must be given, since all
/// are read; a lane of no interest may point wherever another does.
typedef void lane_kernel(lane_states *states, const uint8_t *const *lanes, size_t blocks);

/// FIPS 180-4 section 4.2.2 and RFC 1321 section 3.4.
extern _Alignas(64) const uint32_t oxbow_sha256_constants[64];
extern _Alignas(64) const uint32_t oxbow_md5_constants[64];

lane_kernel oxbow_sha256_portable, oxbow_md5_portable;
#if OXBOW_X86
lane_kernel oxbow_sha256_avx512, oxbow_md5_avx512, oxbow_sha256_avx2, oxbow_md5_avx2;
lane_kernel oxbow_sha256_ni_1, oxbow_sha256_ni_2;
#endif
