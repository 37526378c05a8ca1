// Eight messages side by side, as avx512.c does sixteen. AVX2 has no rotations and functions of two operands only.

#include "kernels.h"

#if OXBOW_X86

#define TARGET __attribute__((target("avx2")))

/// Turns 8 rows of 8 words into their columns.
TARGET __attribute__((always_inline)) static inline void transpose(__m256i *r) {
    __m256i t[8], u[8];
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_epi32(r[i], r[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        u[i] = _mm256_unpacklo_epi64(t[i], t[i + 2]);
        u[i + 1] = _mm256_unpackhi_epi64(t[i], t[i + 2]);
        u[i + 2] = _mm256_unpacklo_epi64(t[i + 1], t[i + 3]);
        u[i + 3] = _mm256_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        r[i] = _mm256_permute2x128_si256(u[i], u[i + 4], 0x20);
        r[i + 4] = _mm256_permute2x128_si256(u[i], u[i + 4], 0x31);
    }
}

/// Block at `offset` of every lane, transposed: w[i] has word i of each.
TARGET __attribute__((always_inline)) static inline void load(
    __m256i *w, const uint8_t *const *lanes, size_t offset) {
    for (int half = 0; half < 2; half++) {
        for (int lane = 0; lane < 8; lane++) {
            w[8 * half + lane] = _mm256_loadu_si256((const __m256i *)(lanes[lane] + offset + 32 * half));
        }
        transpose(w + 8 * half);
    }
}

TARGET __attribute__((always_inline)) static inline __m256i rotate_right(__m256i value, int by) {
    return _mm256_or_si256(_mm256_srli_epi32(value, by), _mm256_slli_epi32(value, 32 - by));
}

TARGET __attribute__((always_inline)) static inline __m256i xor3(__m256i x, __m256i y, __m256i z) {
    return _mm256_xor_si256(_mm256_xor_si256(x, y), z);
}

#define ADD(x, y) _mm256_add_epi32(x, y)
#define AND(x, y) _mm256_and_si256(x, y)
#define OR(x, y) _mm256_or_si256(x, y)
#define XOR(x, y) _mm256_xor_si256(x, y)
#define EACH(word) _mm256_set1_epi32((int)(word))
#define STATE(word) ((__m256i *)states->words[word])

#define SCHEDULE(i) \
    { \
        __m256i early = w[(i + 1) & 15], late = w[(i + 14) & 15]; \
        w[i] = ADD( \
            ADD(w[i], w[(i + 9) & 15]), \
            ADD(xor3(rotate_right(early, 7), rotate_right(early, 18), _mm256_srli_epi32(early, 3)), \
                xor3(rotate_right(late, 17), rotate_right(late, 19), _mm256_srli_epi32(late, 10)))); \
    }
#define ROUND(a, b, c, d, e, f, g, h, i) \
    { \
        __m256i first = ADD( \
            ADD(ADD(h, w[i]), EACH(k[i])), \
            ADD(XOR(g, AND(e, XOR(f, g))), xor3(rotate_right(e, 6), rotate_right(e, 11), rotate_right(e, 25)))); \
        __m256i second = ADD( \
            OR(AND(a, b), AND(c, OR(a, b))), xor3(rotate_right(a, 2), rotate_right(a, 13), rotate_right(a, 22))); \
        d = ADD(d, first); \
        h = ADD(first, second); \
    }
#define EIGHT_ROUNDS(i) \
    ROUND(a, b, c, d, e, f, g, h, i) \
    ROUND(h, a, b, c, d, e, f, g, i + 1) \
    ROUND(g, h, a, b, c, d, e, f, i + 2) \
    ROUND(f, g, h, a, b, c, d, e, i + 3) \
    ROUND(e, f, g, h, a, b, c, d, i + 4) \
    ROUND(d, e, f, g, h, a, b, c, i + 5) \
    ROUND(c, d, e, f, g, h, a, b, i + 6) \
    ROUND(b, c, d, e, f, g, h, a, i + 7)

TARGET void oxbow_sha256_avx2(lane_states *states, const uint8_t *const *lanes, size_t blocks) {
    const __m256i big_endian = _mm256_broadcastsi128_si256(_mm_set_epi64x(0x0C0D0E0F08090A0B, 0x0405060700010203));
    __m256i a = _mm256_load_si256(STATE(0)), b = _mm256_load_si256(STATE(1));
    __m256i c = _mm256_load_si256(STATE(2)), d = _mm256_load_si256(STATE(3));
    __m256i e = _mm256_load_si256(STATE(4)), f = _mm256_load_si256(STATE(5));
    __m256i g = _mm256_load_si256(STATE(6)), h = _mm256_load_si256(STATE(7));
    for (size_t offset = 0; offset < blocks * BLOCK_BYTES; offset += BLOCK_BYTES) {
        __m256i w[16];
        load(w, lanes, offset);
        for (int i = 0; i < 16; i++) w[i] = _mm256_shuffle_epi8(w[i], big_endian);
        const uint32_t *k = oxbow_sha256_constants;
        EIGHT_ROUNDS(0)
        EIGHT_ROUNDS(8)
        for (int rounds = 16; rounds < 64; rounds += 16) {
            k += 16;
            SCHEDULE(0) SCHEDULE(1) SCHEDULE(2) SCHEDULE(3) SCHEDULE(4) SCHEDULE(5) SCHEDULE(6) SCHEDULE(7)
            EIGHT_ROUNDS(0)
            SCHEDULE(8) SCHEDULE(9) SCHEDULE(10) SCHEDULE(11) SCHEDULE(12) SCHEDULE(13) SCHEDULE(14) SCHEDULE(15)
            EIGHT_ROUNDS(8)
        }
        a = ADD(a, _mm256_load_si256(STATE(0))), b = ADD(b, _mm256_load_si256(STATE(1)));
        c = ADD(c, _mm256_load_si256(STATE(2))), d = ADD(d, _mm256_load_si256(STATE(3)));
        e = ADD(e, _mm256_load_si256(STATE(4))), f = ADD(f, _mm256_load_si256(STATE(5)));
        g = ADD(g, _mm256_load_si256(STATE(6))), h = ADD(h, _mm256_load_si256(STATE(7)));
        _mm256_store_si256(STATE(0), a), _mm256_store_si256(STATE(1), b);
        _mm256_store_si256(STATE(2), c), _mm256_store_si256(STATE(3), d);
        _mm256_store_si256(STATE(4), e), _mm256_store_si256(STATE(5), f);
        _mm256_store_si256(STATE(6), g), _mm256_store_si256(STATE(7), h);
    }
}

// RFC 1321 section 3.4.
#define F(x, y, z) XOR(z, AND(x, XOR(y, z)))
#define G(x, y, z) XOR(y, AND(z, XOR(x, y)))
#define H(x, y, z) xor3(x, y, z)
#define I(x, y, z) XOR(y, OR(x, XOR(z, ones)))
#define STEP(function, a, b, c, d, word, constant, by) \
    a = ADD(ADD(a, w[(word) & 15]), EACH(oxbow_md5_constants[constant])); \
    a = ADD(b, rotate_right(ADD(a, function(b, c, d)), 32 - by));
#define FOUR_STEPS(i, function, from, start, stride, by0, by1, by2, by3) \
    STEP(function, a, b, c, d, start + stride * (i), from + i, by0) \
    STEP(function, d, a, b, c, start + stride * (i + 1), from + i + 1, by1) \
    STEP(function, c, d, a, b, start + stride * (i + 2), from + i + 2, by2) \
    STEP(function, b, c, d, a, start + stride * (i + 3), from + i + 3, by3)
#define SIXTEEN_STEPS(...) \
    FOUR_STEPS(0, __VA_ARGS__) FOUR_STEPS(4, __VA_ARGS__) FOUR_STEPS(8, __VA_ARGS__) FOUR_STEPS(12, __VA_ARGS__)

TARGET void oxbow_md5_avx2(lane_states *states, const uint8_t *const *lanes, size_t blocks) {
    const __m256i ones = _mm256_set1_epi32(-1);
    __m256i a = _mm256_load_si256(STATE(0)), b = _mm256_load_si256(STATE(1));
    __m256i c = _mm256_load_si256(STATE(2)), d = _mm256_load_si256(STATE(3));
    for (size_t offset = 0; offset < blocks * BLOCK_BYTES; offset += BLOCK_BYTES) {
        __m256i w[16];
        load(w, lanes, offset);
        const __m256i a0 = a, b0 = b, c0 = c, d0 = d;
        SIXTEEN_STEPS(F, 0, 0, 1, 7, 12, 17, 22)
        SIXTEEN_STEPS(G, 16, 1, 5, 5, 9, 14, 20)
        SIXTEEN_STEPS(H, 32, 5, 3, 4, 11, 16, 23)
        SIXTEEN_STEPS(I, 48, 0, 7, 6, 10, 15, 21)
        a = ADD(a, a0), b = ADD(b, b0), c = ADD(c, c0), d = ADD(d, d0);
    }
    _mm256_store_si256(STATE(0), a), _mm256_store_si256(STATE(1), b);
    _mm256_store_si256(STATE(2), c), _mm256_store_si256(STATE(3), d);
}

#endif
