// SHA-256 by the processor's SHA instructions (Intel SDM, "Intel SHA Extensions"). Each does two rounds, and each waits
// for the one before it; the rounds of a second message fit into these waits.

#include "kernels.h"

#if OXBOW_X86

#define TARGET __attribute__((target("sha,sse4.1,ssse3")))

/// Rounds 4i to 4i+3 of every message. The first operands hold a, b, e, f and c, d, g, h, the highest word first.
#define FOUR_ROUNDS(i) \
    for (int lane = 0; lane < count; lane++) { \
        __m128i sum = _mm_add_epi32(w[lane][(i) & 3], k[i]); \
        cdgh[lane] = _mm_sha256rnds2_epu32(cdgh[lane], abef[lane], sum); \
        abef[lane] = _mm_sha256rnds2_epu32(abef[lane], cdgh[lane], _mm_shuffle_epi32(sum, 0x0E)); \
    }
/// Words 4i to 4i+3 of the message schedule take the place of the words 16 before them.
#define SCHEDULE(i) \
    for (int lane = 0; lane < count; lane++) { \
        __m128i sum = _mm_add_epi32( \
            _mm_sha256msg1_epu32(w[lane][(i) & 3], w[lane][((i) + 1) & 3]), \
            _mm_alignr_epi8(w[lane][((i) + 3) & 3], w[lane][((i) + 2) & 3], 4)); \
        w[lane][(i) & 3] = _mm_sha256msg2_epu32(sum, w[lane][((i) + 3) & 3]); \
    }
#define FOUR_LATER_ROUNDS(i) SCHEDULE(i) FOUR_ROUNDS(i)

TARGET __attribute__((always_inline)) static inline void advance(
    lane_states *states, const uint8_t *const *lanes, size_t blocks, const int count) {
    const __m128i big_endian = _mm_set_epi64x(0x0C0D0E0F08090A0B, 0x0405060700010203);
    const __m128i *k = (const __m128i *)oxbow_sha256_constants;
    __m128i abef[2], cdgh[2], w[2][4];
    for (int lane = 0; lane < count; lane++) {
#define WORD(word) (int)states->words[word][lane]
        abef[lane] = _mm_set_epi32(WORD(0), WORD(1), WORD(4), WORD(5));
        cdgh[lane] = _mm_set_epi32(WORD(2), WORD(3), WORD(6), WORD(7));
#undef WORD
    }
    for (size_t offset = 0; offset < blocks * BLOCK_BYTES; offset += BLOCK_BYTES) {
        __m128i abef0[2], cdgh0[2];
        for (int lane = 0; lane < count; lane++) {
            const __m128i *bytes = (const __m128i *)(lanes[lane] + offset);
            for (int i = 0; i < 4; i++) w[lane][i] = _mm_shuffle_epi8(_mm_loadu_si128(bytes + i), big_endian);
            abef0[lane] = abef[lane];
            cdgh0[lane] = cdgh[lane];
        }
        FOUR_ROUNDS(0) FOUR_ROUNDS(1) FOUR_ROUNDS(2) FOUR_ROUNDS(3)
        FOUR_LATER_ROUNDS(4) FOUR_LATER_ROUNDS(5) FOUR_LATER_ROUNDS(6) FOUR_LATER_ROUNDS(7)
        FOUR_LATER_ROUNDS(8) FOUR_LATER_ROUNDS(9) FOUR_LATER_ROUNDS(10) FOUR_LATER_ROUNDS(11)
        FOUR_LATER_ROUNDS(12) FOUR_LATER_ROUNDS(13) FOUR_LATER_ROUNDS(14) FOUR_LATER_ROUNDS(15)
        for (int lane = 0; lane < count; lane++) {
            abef[lane] = _mm_add_epi32(abef[lane], abef0[lane]);
            cdgh[lane] = _mm_add_epi32(cdgh[lane], cdgh0[lane]);
        }
    }
    for (int lane = 0; lane < count; lane++) {
        states->words[0][lane] = (uint32_t)_mm_extract_epi32(abef[lane], 3);
        states->words[1][lane] = (uint32_t)_mm_extract_epi32(abef[lane], 2);
        states->words[4][lane] = (uint32_t)_mm_extract_epi32(abef[lane], 1);
        states->words[5][lane] = (uint32_t)_mm_extract_epi32(abef[lane], 0);
        states->words[2][lane] = (uint32_t)_mm_extract_epi32(cdgh[lane], 3);
        states->words[3][lane] = (uint32_t)_mm_extract_epi32(cdgh[lane], 2);
        states->words[6][lane] = (uint32_t)_mm_extract_epi32(cdgh[lane], 1);
        states->words[7][lane] = (uint32_t)_mm_extract_epi32(cdgh[lane], 0);
    }
}

TARGET void oxbow_sha256_ni_1(lane_states *states, const uint8_t *const *lanes, size_t blocks) {
    advance(states, lanes, blocks, 1);
}

TARGET void oxbow_sha256_ni_2(lane_states *states, const uint8_t *const *lanes, size_t blocks) {
    advance(states, lanes, blocks, 2);
}

#endif
